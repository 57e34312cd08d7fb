// A message as a row of the list.

import { h } from './dom.js';
import { clockTime, octets, plural } from './format.js';

export const ROW_HEIGHT = 52;
const MOST_RECIPIENTS = 3;

export function messageRow({ id, subject, envelope, received, size, attachments }, isNew) {
  const { from, recipients } = envelope;
  const shown = recipients.slice(0, MOST_RECIPIENTS).map(recipient);
  const more = recipients.length - shown.length;
  return [
    h('span.check', { 'aria-hidden': 'true', title: 'Select (x)' }),
    h('div.lines', {},
      h('div.line', {},
        h('span.clip.grow', { title: `from ${from.address || '<>'} to ${recipients.map(({ address }) => address).join(', ')}` },
          h('span.from', {}, from.address || '<>'), h('span.arrow', { 'aria-label': 'to' }, ' → '), shown.map((one, index) => [index > 0 && ', ', one]), more > 0 && `, ${more} more`),
        h('time.count', { datetime: received, title: received }, clockTime(received))),
      h('div.line', {},
        isNew && h('span.tag.good', {}, 'new'),
        h('span.subject.clip.grow', {}, subject || h('i.muted', {}, 'no subject')),
        attachments > 0 && h('span.tag', { title: plural(attachments, 'attachment') }, plural(attachments, 'file')),
        h('span.count', { title: `${id}: ${size.toLocaleString('en')} octets` }, octets(size)))),
  ];
}

function recipient({ address, verdict, reply }) {
  return verdict === 'accepted' ? address : h('span.refused', { title: reply }, h('s', {}, address), ' refused');
}
