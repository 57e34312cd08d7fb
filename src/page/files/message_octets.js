// Octets of messages as text.

const utf8 = new TextDecoder('utf-8', { fatal: true });

const hex = (octet) => `\\x${octet.toString(16).padStart(2, '0')}`;

// One line of octets: UTF-8 as text; control characters, and what is not UTF-8, as `\xff`.
export function visible(octets) {
  let text;
  try {
    text = utf8.decode(octets);
  } catch {
    text = Array.from(octets, (octet) => (octet < 0x80 ? String.fromCharCode(octet) : hex(octet))).join('');
  }
  return text.replace(/[\x00-\x08\x0b-\x1f\x7f]/g, (character) => hex(character.charCodeAt(0)));
}

// The first octets of a resource, until there are `most` or `isEnough` says so: `{ octets, isAll }`.
export async function firstOctets(url, { most, signal, isEnough = () => false }) {
  const response = await fetch(url, { signal });
  if (!response.ok) throw new Error((await response.json()).detail);
  const reader = response.body.getReader();
  let octets = new Uint8Array();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return { octets, isAll: true };
    const more = new Uint8Array(octets.length + value.length);
    more.set(octets);
    more.set(value, octets.length);
    octets = more;
    if (octets.length > most || isEnough(octets)) {
      await reader.cancel();
      return { octets: octets.subarray(0, most), isAll: false };
    }
  }
}

// The lines of a message, each at most `most` octets: where they start. A line that is longer is continued in the next.
export function lineStarts(octets, most) {
  const starts = new Uint32Array(count(octets, most));
  walk(octets, most, (start, at) => {
    starts[at] = start;
  });
  return starts;
}

function count(octets, most) {
  let lines = 0;
  walk(octets, most, () => {
    lines += 1;
  });
  return lines;
}

function walk(octets, most, each) {
  let start = 0;
  for (let at = 0; start < octets.length; at += 1) {
    each(start, at);
    const end = octets.indexOf(10, start) + 1 || octets.length;
    start = end - start > most ? characterStart(octets, start + most) : end;
  }
}

// The start of the UTF-8 character at this octet.
function characterStart(octets, at) {
  let start = at;
  while (at - start < 3 && (octets[start] & 0xc0) === 0x80) start -= 1;
  return start;
}

// Where these octets occur at or after a place, or before it: -1 if they do not.
export function find(octets, wanted, from, by) {
  const is = (at) => wanted.every((octet, index) => octets[at + index] === octet);
  for (let at = from; at >= 0 && at < octets.length; at += by) {
    at = by > 0 ? octets.indexOf(wanted[0], at) : octets.lastIndexOf(wanted[0], at);
    if (at < 0) break;
    if (is(at)) return at;
  }
  return -1;
}
