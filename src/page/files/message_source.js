// The octets of a message, line by line, as received.

import { h, fill } from './dom.js';
import { api } from './api.js';
import { copyButton } from './page.js';
import { plural } from './format.js';
import { lineStarts, visible } from './message_octets.js';
import { WindowedList } from './windowed_list.js';

const ROW_HEIGHT = 19;
// A longer line is continued in the next row.
const MOST_OCTETS = 1000;

export async function sourcePanel(panel, message, signal) {
  const place = h('p.muted.body', {}, 'Reading the message …');
  fill(panel, place);
  let octets;
  try {
    octets = await api.octets(`messages/${message.id}/raw`, {}, { signal });
  } catch (error) {
    if (error.name !== 'AbortError') fill(panel, h('p.problem', {}, error.message));
    return;
  }
  const starts = lineStarts(octets, MOST_OCTETS);
  const scroll = h('div.scroll.source', { id: 'source' });
  fill(panel,
    h('div.bar', {},
      h('span.count', {}, `${plural(starts.length, 'line')}, ${plural(octets.length, 'octet')}, as received`),
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
