// The octets of a message, line by line, as received.

import { h, fill } from './dom.js';
import { api } from './api.js';
import { copyButton } from './page.js';
import { plural } from './format.js';
import { find, lineStarts, visible } from './message_octets.js';
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
function lineOf(starts, at) {
  let [low, high] = [0, starts.length - 1];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (starts[middle] <= at) low = middle;
    else high = middle - 1;
  }
  return low;
}

function sourceRow(octets, start, next, number) {
  const isContinued = octets[next - 1] !== 10;
  const isBare = !isContinued && octets[next - 2] !== 13;
  const text = visible(octets.subarray(start, Math.max(start, isContinued ? next : next - (isBare ? 1 : 2))));
  return [
    h('span.number', { 'aria-hidden': 'true' }, number),
    h('code', {}, text || h('span.hidden', {}, 'empty line')),
    isBare && h('span.mark', { title: 'A bare LF ends this line' }, 'LF'),
    isContinued && next < octets.length && h('span.mark', { title: 'The line goes on in the next row' }, '…'),
  ];
}
