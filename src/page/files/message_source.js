// The octets of a message, line by line, as received.

import { api } from './api.js';
import { h, fill, plural } from './dom.js';
import { readable } from './octet_text.js';
import { copyButton } from './page.js';
import { WindowedList } from './windowed_list.js';

const ROW_HEIGHT = 19;
// A longer line is continued in the next row.
const MOST_OCTETS = 1000;

export async function sourcePanel(panel, message, signal) {
  fill(panel, h('p.muted.body', {}, 'Reading the message …'));
  let octets;
  try {
    octets = await api.octets(`messages/${message.id}/raw`, {}, { signal });
  } catch (error) {
    if (error.name !== 'AbortError') fill(panel, h('p.problem', {}, error.message));
    return;
  }
  const starts = lineStarts(octets, MOST_OCTETS);
  const field = h('input', { type: 'search', placeholder: 'Find; Enter: next', 'aria-label': 'Find in the source, in upper and lower case as given', maxlength: 200 });
  const place = h('span.count', { role: 'status' });
  const scroll = h('div.scroll.source', { id: 'source' });
  fill(panel,
    h('div.bar', {},
      h('span.count', {}, `${plural(starts.length, 'line')}, ${plural(octets.length, 'octet')}, as received`),
      field, place,
      h('span.count.end', { title: 'How this view shows what is not text' }, '\\xff: not text · LF: a line end without CR'),
      copyButton(() => new TextDecoder().decode(octets), 'the source')),
    scroll);
  const width = String(starts.length).length;
  const list = new WindowedList(scroll, {
    rowHeight: ROW_HEIGHT,
    key: (start) => start,
    label: 'Source of the message',
    render: (start, index) => sourceRow(octets, start, starts[index + 1] ?? octets.length, String(index + 1).padStart(width)),
  });
  list.set(starts);
  let at = -1;
  field.addEventListener('keydown', (event) => {
    if (event.key !== 'Enter' || !field.value) return;
    event.preventDefault();
    const wanted = new TextEncoder().encode(field.value);
    const by = event.shiftKey ? -1 : 1;
    at = find(octets, wanted, at + by, by);
    if (at < 0) at = find(octets, wanted, by > 0 ? 0 : octets.length - 1, by);
    place.textContent = at < 0 ? 'not found' : `line ${(lineOf(starts, at) + 1).toLocaleString('en')}`;
    if (at >= 0) list.moveTo(lineOf(starts, at));
  });
}

// The index of the line that has this octet.
const lineOf = (starts, at) => starts.findLastIndex((start) => start <= at);

function sourceRow(octets, start, next, number) {
  const isContinued = octets[next - 1] !== 10;
  const isBare = !isContinued && octets[next - 2] !== 13;
  const text = readable(octets.subarray(start, Math.max(start, isContinued ? next : next - (isBare ? 1 : 2))));
  return [
    h('span.number', { 'aria-hidden': 'true' }, number),
    h('code', {}, text || h('span.hidden', {}, 'empty line')),
    isBare && h('span.mark', { title: 'A bare LF ends this line' }, 'LF'),
    isContinued && next < octets.length && h('span.mark', { title: 'The line goes on in the next row' }, '…'),
  ];
}

// The lines of a message, each at most `most` octets: where they start. A line that is longer is continued in the next.
function lineStarts(octets, most) {
  const starts = [];
  for (let start = 0; start < octets.length; ) {
    starts.push(start);
    const end = octets.indexOf(10, start) + 1 || octets.length;
    start = end - start > most ? characterStart(octets, start + most) : end;
  }
  return starts;
}

// The start of the UTF-8 character at this octet.
function characterStart(octets, at) {
  let start = at;
  while (at - start < 3 && (octets[start] & 0xc0) === 0x80) start -= 1;
  return start;
}

// Where these octets occur at or after a place, or before it: -1 if they do not.
function find(octets, wanted, from, by) {
  const is = (at) => wanted.every((octet, index) => octets[at + index] === octet);
  for (let at = from; at >= 0 && at < octets.length; at += by) {
    at = by > 0 ? octets.indexOf(wanted[0], at) : octets.lastIndexOf(wanted[0], at);
    if (at < 0) break;
    if (is(at)) return at;
  }
  return -1;
}
