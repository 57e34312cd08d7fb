// The difference of two lists: which items both have, in order. Items are compared as numbers. Long lists that have little in
// common cost no more than others: lines that occur once in both divide them, and what remains too large is not compared.

// Cells of tables, for one comparison: enough for two lists of 5,000.
const MOST_CELLS = 26_000_000;

// Pairs `{ i, j, kind }` in order: `same`, `removed` (only in the first; `j` is null), `added` (only in the second; `i` is null),
// and `changed` for two items between the same neighbours that are alike: `rough(a[i])` and `rough(b[j])` are equal.
export function diff(a, b, rough = () => '') {
  const numbers = new Map();
  const numbered = (list) => Uint32Array.from(list, (key) => {
    if (!numbers.has(key)) numbers.set(key, numbers.size);
    return numbers.get(key);
  });
  const found = { pairs: [], cells: MOST_CELLS };
  match(numbered(a), numbered(b), 0, a.length, 0, b.length, found);
  const same = found.pairs;
  found.pairs = [];
  const [x, y] = [numbered(a.map(rough)), numbered(b.map(rough))];
  let [i, j] = [0, 0];
  for (const [to, otherTo] of [...same, [a.length, b.length]]) {
    if (i < to && j < otherTo) match(x, y, i, to, j, otherTo, found);
    [i, j] = [to + 1, otherTo + 1];
  }
  return spelledOut(same, found.pairs, a.length, b.length);
}

// `found` has the pairs, and how many cells may still be used.
function match(x, y, a, aEnd, b, bEnd, found) {
  while (a < aEnd && b < bEnd && x[a] === y[b]) found.pairs.push([a++, b++]);
  let tail = 0;
  while (a < aEnd && b < bEnd && x[aEnd - 1] === y[bEnd - 1]) [aEnd, bEnd, tail] = [aEnd - 1, bEnd - 1, tail + 1];
  if (a < aEnd && b < bEnd) middle(x, y, a, aEnd, b, bEnd, found);
  for (let n = 0; n < tail; n += 1) found.pairs.push([aEnd + n, bEnd + n]);
}

function middle(x, y, a, aEnd, b, bEnd, found) {
  const cells = (aEnd - a) * (bEnd - b);
  if (cells <= found.cells) {
    found.cells -= cells;
    longest(x, y, a, aEnd, b, bEnd, found.pairs);
    return;
  }
  const fixed = anchors(x, y, a, aEnd, b, bEnd);
  if (!fixed.length) {
    inOrder(x, y, a, aEnd, b, bEnd, found.pairs);
    return;
  }
  for (const [i, j] of [...fixed, [aEnd, bEnd]]) {
    match(x, y, a, i, b, j, found);
    if (i < aEnd) found.pairs.push([i, j]);
    [a, b] = [i + 1, j + 1];
  }
}

// Of a large part without anchors: each item is matched with the next equal one that is near.
function inOrder(x, y, a, aEnd, b, bEnd, same) {
  const NEAR = 64;
  while (a < aEnd && b < bEnd) {
    let found = null;
    for (let step = 0; step <= NEAR && !found; step += 1) {
      if (b + step < bEnd && x[a] === y[b + step]) found = [a, b + step];
      else if (a + step < aEnd && x[a + step] === y[b]) found = [a + step, b];
    }
    if (found) {
      same.push(found);
      [a, b] = [found[0] + 1, found[1] + 1];
    } else {
      a += 1;
      b += 1;
    }
  }
}

// Items that occur once in both parts, those that are in the same order (the longest increasing sequence).
function anchors(x, y, a, aEnd, b, bEnd) {
  const seen = new Map();
  const count = (list, from, to, side) => {
    for (let i = from; i < to; i += 1) {
      const its = seen.get(list[i]) ?? { n: [0, 0], at: [0, 0] };
      its.n[side] += 1;
      its.at[side] = i;
      seen.set(list[i], its);
    }
  };
  count(x, a, aEnd, 0);
  count(y, b, bEnd, 1);
  const unique = [...seen.values()].filter(({ n }) => n[0] === 1 && n[1] === 1).map(({ at }) => at).sort((one, two) => one[0] - two[0]);
  const ends = [];
  const before = new Array(unique.length).fill(-1);
  unique.forEach(([, j], k) => {
    let [low, high] = [0, ends.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (unique[ends[middle]][1] < j) low = middle + 1;
      else high = middle;
    }
    before[k] = low ? ends[low - 1] : -1;
    ends[low] = k;
  });
  const out = [];
  for (let k = ends.at(-1) ?? -1; k >= 0; k = before[k]) out.push(unique[k]);
  return out.reverse();
}

// The longest common subsequence, by a table.
function longest(x, y, a, aEnd, b, bEnd, same) {
  const width = bEnd - b + 1;
  const table = new Uint16Array((aEnd - a + 1) * width);
  for (let i = aEnd - a - 1; i >= 0; i -= 1) {
    for (let j = width - 2; j >= 0; j -= 1) {
      const here = i * width + j;
      table[here] = x[a + i] === y[b + j] ? table[here + width + 1] + 1 : Math.max(table[here + width], table[here + 1]);
    }
  }
  for (let i = 0, j = 0; a + i < aEnd && b + j < bEnd;) {
    const here = i * width + j;
    if (x[a + i] === y[b + j]) same.push([a + i++, b + j++]);
    else if (table[here + width] >= table[here + 1]) i += 1;
    else j += 1;
  }
}

function spelledOut(same, alike, length, otherLength) {
  const out = [];
  const pairs = [...same.map(([i, j]) => ({ i, j, kind: 'same' })), ...alike.map(([i, j]) => ({ i, j, kind: 'changed' }))].sort((one, two) => one.i - two.i);
  let [i, j] = [0, 0];
  for (const pair of [...pairs, { i: length, j: otherLength, kind: null }]) {
    while (i < pair.i) out.push({ i: i++, j: null, kind: 'removed' });
    while (j < pair.j) out.push({ i: null, j: j++, kind: 'added' });
    if (pair.kind) out.push(pair);
    [i, j] = [pair.i + 1, pair.j + 1];
  }
  return out;
}
