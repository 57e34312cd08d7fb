// The MIME parts of a message: as a tree, and the attachments with previews.

import { h, fill } from './dom.js';
import { v1 } from './api.js';
import { octets, plural } from './format.js';
import { firstOctets, visible } from './message_octets.js';

// What browsers show in <img>, in which nothing runs.
const PICTURES = /^image\/(png|jpeg|gif|webp|avif|bmp|svg\+xml|x-icon)$/;
const TEXTS = /^(text\/|message\/|application\/(json|xml|ics|x-ndjson|javascript|pgp-))/;
const MOST_TEXT = 64 * 1024;

// The parts that the message itself has: an attached message is one.
export function leaves(parts) {
  const found = [];
  let inside = Infinity;
  for (const [index, part] of parts.entries()) {
    if (part.depth > inside) continue;
    inside = Infinity;
    const isMessage = /^message\/(rfc822|global)$/.test(part.content_type);
    if (isMessage) inside = part.depth;
    if (isMessage || !(parts[index + 1]?.depth > part.depth)) found.push(part);
  }
  return found;
}

const url = (message, part) => v1(`messages/${message.id}/parts/${encodeURIComponent(part.number)}`);

const fileName = (message, part) => part.filename || `${message.id}-part-${part.number}${EXTENSIONS[part.content_type] ?? ''}`;
const EXTENSIONS = { 'text/plain': '.txt', 'text/html': '.html', 'message/rfc822': '.eml', 'image/png': '.png', 'image/jpeg': '.jpg', 'application/pdf': '.pdf' };

function download(message, part) {
  const name = fileName(message, part);
  return h('a', { href: url(message, part), download: name, 'aria-label': `Download part ${part.number}, ${name}` }, 'Download');
}

export function partsPanel(panel, message) {
  const head = ['Part', 'Type', 'Name', 'Content-ID', 'Size', ''].map((text) => h('th', { scope: 'col' }, text || h('span.hidden', {}, 'Download')));
  const rows = message.parts.map((part, index) => {
    const hasParts = message.parts[index + 1]?.depth > part.depth;
    const isContainer = part.content_type.startsWith('multipart/') && hasParts;
    return h('tr', {},
      h('th.mono', { scope: 'row' }, part.number || h('span.hidden', {}, 'whole message')),
      h('td', {}, h('span.branch', { style: { '--depth': part.depth } }, part.depth > 0 && h('span.muted', { 'aria-hidden': 'true' }, '└ '), h('code', {}, part.content_type), isContainer && h('span.hidden', {}, ` with ${plural(within(message.parts, index), 'part')}`))),
      h('td', {}, part.filename),
      h('td', {}, part.content_id && h('code', {}, part.content_id)),
      h('td.count', { title: `${part.size.toLocaleString('en')} octets, decoded` }, octets(part.size)),
      h('td', {}, !isContainer && part.number && download(message, part)));
  });
  fill(panel, h('div.scroll.body', { tabindex: 0, role: 'region', 'aria-label': 'Parts' }, h('table.parts', {}, h('thead', {}, h('tr', {}, head)), h('tbody', {}, rows))));
}

// How many parts the part at this place has.
function within(parts, index) {
  const { depth } = parts[index];
  let count = 0;
  for (const part of parts.slice(index + 1)) {
    if (part.depth <= depth) break;
    if (part.depth === depth + 1) count += 1;
  }
  return count;
}

export function attachmentsPanel(panel, message, signal) {
  const cards = leaves(message.parts).filter(({ attachment }) => attachment).map((part) => card(message, part, signal));
  fill(panel, h('div.scroll.body', { tabindex: 0, role: 'region', 'aria-label': 'Attachments' }, h('ul.cards', {}, cards)));
}

function card(message, part, signal) {
  const name = part.filename || 'without a name';
  return h('li.card', {},
    h('div.preview', {}, preview(message, part, signal)),
    h('div.clip', { title: name }, h('b', {}, name)),
    h('div.line', {}, h('span.muted.clip.grow', {}, `${part.content_type}, ${octets(part.size)}`), download(message, part)));
}

function preview(message, part, signal) {
  if (PICTURES.test(part.content_type)) {
    const picture = h('img', { src: url(message, part), alt: `Preview of ${part.filename || `part ${part.number}`}`, loading: 'lazy' });
    picture.addEventListener('error', () => picture.replaceWith(h('p.muted', {}, 'The browser cannot show this picture.')));
    return picture;
  }
  if (!TEXTS.test(part.content_type)) return h('p.muted', {}, 'No preview for this type.');
  const place = h('pre', { tabindex: 0, role: 'region', 'aria-label': `Start of ${part.filename || `part ${part.number}`}` });
  showText(place, url(message, part), part, signal);
  return place;
}

async function showText(place, from, part, signal) {
  try {
    const { octets: its, isAll } = await firstOctets(from, { most: MOST_TEXT, signal });
    place.textContent = lines(its);
    if (!isAll) place.append(h('span.muted', {}, `\n… the first 64 KiB of ${octets(part.size)}`));
  } catch (error) {
    if (error.name !== 'AbortError') place.textContent = error.message;
  }
}

// Octets as text, line by line, so that one that is not text does not spoil the others.
export function lines(its) {
  const found = [];
  for (let start = 0; start < its.length;) {
    const end = its.indexOf(10, start);
    const line = its.subarray(start, end < 0 ? its.length : end);
    found.push(visible(line.at(-1) === 13 ? line.subarray(0, -1) : line));
    start = end < 0 ? its.length : end + 1;
  }
  return found.join('\n');
}
