// Two sessions side by side, aligned by their lines. Times are shown, not compared.

import { api, view, onUpdate, segmentsOf, resource } from './api.js';
import { shortcut, showTitle } from './page.js';
import { $, h, fill, throttle, time, duration, plural, showProblem } from './dom.js';
import { diff } from './diff.js';
import { octetsOf, pieces, visible } from './octet_text.js';
import { stateOf, LONG, since, tagsOf, textOf } from './session_row.js';
import { SessionReader } from './session_lines.js';
import { pairAsTest } from './session_tests.js';
import { WindowedList } from './windowed_list.js';

const [, left, , right] = segmentsOf(location.pathname);
const sides = [left, right].map((id) => ({ id, session: null, requests: 0, reader: new SessionReader(id, () => redo(), (problem) => fail(id, problem)) }));
let pairs = [];
let opened = null;

const SIGNS = { same: '', changed: '≠', removed: '−', added: '+' };
const WORDS = { same: 'the same', changed: 'different', removed: `only in ${left}`, added: `only in ${right}` };

// ---- what is compared

// Numbers that are different in every session: tags, messages, the time stamp of APOP.
function keyOf({ side, who, text, turn }) {
  if (side === 'event') return `-- ${text.replace(/^\S+ connected to .*/, 'connected')}`;
  if (!$('#loose').checked) return `${who} ${text}`;
  const isImap = turn?.event?.startsWith('imap.');
  const untagged = isImap ? text.replace(/^[^\s*+]\S*(?= )/, 'tag') : text;
  return `${who} ${untagged.replace(/\bm\d+\b/g, 'm').replace(/<\d+\.\d+@/, '<@')}`;
}

// Lines with equal beginnings are shown as one line that has changed: the same command, the same code.
const roughly = (key) => key.split(' ').slice(0, key.startsWith('C: tag ') || key.startsWith('S: tag ') ? 3 : 2).join(' ').toLowerCase();

const redo = throttle(500, () => {
  const [a, b] = sides.map(({ reader }) => reader.lines.lines);
  pairs = diff(a.map(keyOf), b.map(keyOf), roughly).map((pair) => ({ ...pair, a: pair.i === null ? null : a[pair.i], b: pair.j === null ? null : b[pair.j] }));
  show();
});

function show() {
  const isAll = $('#shown').value === 'all';
  const different = pairs.filter(({ kind }) => kind !== 'same');
  list.rowHeight = window.innerWidth < 760 ? 46 : 24;
  list.set(isAll ? pairs : different);
  const isComplete = sides.every(({ reader }) => reader.isComplete);
  $('#difference-count').textContent = isComplete ? (different.length ? plural(different.length, 'difference') : 'No differences') : 'Reading …';
  $('#pairs').hidden = list.items.length === 0;
  $('#equal').hidden = !isComplete || list.items.length > 0;
}

// ---- how it is shown

const list = new WindowedList($('#pairs'), { rowHeight: 24, label: 'Lines of both sessions', grid: true, key: ({ i, j }) => `${i} ${j}`, render: row });

function row({ kind, a, b }) {
  const common = kind === 'changed' ? commonEnds(a, b) : null;
  return [
    ...half(a, sides[0], common, 'first'),
    h('span.sign', { role: 'gridcell', class: kind, title: WORDS[kind] }, SIGNS[kind], h('span.hidden', {}, WORDS[kind])),
    ...half(b, sides[1], common, 'second', slower(a, b)),
  ];
}

function half(line, { reader }, common, name, note) {
  if (!line) return [h('span.at', { role: 'gridcell', class: name }), h('span.content.none', { role: 'gridcell', class: name })];
  return [
    h('span.at', { role: 'gridcell', class: name, title: `${duration(reader.lines.delay(line))} after the line before` }, since(line.at)),
    h('span.content', { role: 'gridcell', class: name }, h('span.who', { class: line.side }, line.who), h('span.line', { class: line.side, dir: 'ltr' }, common ? changed(line, common) : textOf(line)), h('span.tags', {}, note ?? null, tagsOf(line, null))),
  ];
}

// Whether the second took much longer for the same line than the first, or the other way round.
function slower(a, b) {
  if (!a || !b) return null;
  const [x, y] = [sides[0].reader.lines.delay(a), sides[1].reader.lines.delay(b)];
  const more = Math.abs(x - y);
  if (more < LONG / 10 || Math.max(x, y) < 3 * Math.min(x, y)) return null;
  return h('span.tag', { title: `${duration(x)} in ${left}, ${duration(y)} in ${right}` }, `${y > x ? '▲' : '▼'} ${duration(more)} ${y > x ? 'slower' : 'faster'}`);
}

function commonEnds(a, b) {
  const most = Math.min(a.text.length, b.text.length);
  let begin = 0;
  while (begin < most && a.text[begin] === b.text[begin]) begin += 1;
  let end = 0;
  while (end < most - begin && a.text.at(-1 - end) === b.text.at(-1 - end)) end += 1;
  return { begin, end };
}

// A line with the part marked that is different.
function changed({ text, isBinary }, { begin, end }) {
  const shown = (part) => pieces(octetsOf(part, isBinary), [], 400).pieces.map((piece) => piece.text).join('');
  return [shown(text.slice(0, begin)), h('mark', {}, shown(text.slice(begin, text.length - end))), shown(text.slice(text.length - end))];
}

function showFacts({ session }, place) {
  const name = session.user ?? session.helo;
  fill(place, h('a', { href: view('sessions', session.id) }, session.id), ` ${session.listener} `, name === null ? null : h('b', { dir: 'ltr' }, visible(name)), h('span.muted', {}, ' ', time(session.opened), ` · ${session.tls ? `${session.tls.version} · ` : ''}${stateOf(session)}`));
}

function fail(id, problem) {
  // While the connection is lost, what was read stays.
  if (problem.status === 0 && pairs.length) return;
  showProblem($('#compare-problem'), problem.status === 404 ? `There is no session ${id}: it was deleted, or there never was one.` : problem.message);
  $('#pairs').hidden = $('#sides').hidden = true;
}

// ---- moving

function move(step) {
  const { items, cursor } = list;
  for (let at = cursor + step; at >= 0 && at < items.length; at += step) if (items[at].kind !== 'same') return list.moveTo(at, { focus: true });
  return null;
}

function open({ a, b, kind }) {
  opened = { a, b };
  const one = (line, id) => (line ? [h('h3', {}, `${id}, ${since(line.at)} s${line.turn?.event ? `, ${line.turn.event}` : ''}`), h('pre.whole', { class: line.side, tabIndex: 0, 'aria-label': `The whole line of ${id}` }, textOf(line, 200_000))] : null);
  fill($('#line'), h('div.line-head', {}, h('h3', {}, WORDS[kind]), h('span.grow'), h('button.quiet', { type: 'button', 'aria-label': 'Close the lines', onclick: close }, '×')), one(a, left), one(b, right));
  $('#line').hidden = false;
}

function close() {
  const was = opened !== null;
  opened = null;
  $('#line').hidden = true;
  if (was) list.element.focus();
  return was;
}

list.addEventListener('open', ({ detail }) => open(detail.item));
list.addEventListener('cursor', ({ detail }) => opened && open(detail.item));
shortcut('j', 'Next line', () => list.moveTo(list.cursor + 1, { focus: true }));
shortcut('k', 'Previous line', () => list.moveTo(list.cursor - 1, { focus: true }));
shortcut('n', 'Next difference', () => move(1));
shortcut('p', 'Previous difference', () => move(-1));
shortcut('s', 'Swap the two sessions', () => swap());
shortcut('y', 'Copy as test', () => $('#test').click());
shortcut('Escape', 'Close the lines, then go back to the sessions', () => close() || (location.href = view('sessions')));
const swap = () => (location.href = view('sessions', right, 'compare', left));
$('#next').addEventListener('click', () => move(1));
$('#previous').addEventListener('click', () => move(-1));
$('#swap').addEventListener('click', swap);
$('#loose').addEventListener('change', redo);
$('#shown').addEventListener('change', show);
addEventListener('resize', () => show());
$('#test').addEventListener('click', pairAsTest);

// ---- live

showTitle(`${left} and ${right}`);
$('#compare-title').textContent = `${left} and ${right}`;

async function read(side, place) {
  try {
    const request = (side.requests += 1);
    const session = await api.get(resource('sessions', side.id));
    if (side.requests !== request) return;
    // Numbers begin again after a reset: this is another session.
    if (side.session && side.session.opened !== session.opened) return location.reload();
    side.session = session;
    showFacts(side, place);
    $('#sides').hidden = false;
    await side.reader.read();
  } catch (error) {
    fail(side.id, error);
  }
}

onUpdate(({ all, removed, reset, sessions }) => {
  const places = [$('#left-facts'), $('#right-facts')];
  sides.forEach((side, i) => (all || removed || reset || sessions === null || sessions.includes(side.id)) && read(side, places[i]));
});
