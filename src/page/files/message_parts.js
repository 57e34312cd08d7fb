// The panels of an open message: its MIME parts and attachments, text, headers, source, links, lint, HTML.

import { v1, api, view, withQuery } from './api.js';
import { h, fill, octets, plural, columns } from './dom.js';
import { readable } from './octet_text.js';
import { copyButton } from './page.js';
import { WindowedList } from './windowed_list.js';

// What browsers show in <img>, in which nothing runs.
const PICTURES = /^image\/(png|jpeg|gif|webp|avif|bmp|svg\+xml|x-icon)$/;
const TEXTS = /^(text\/|message\/|application\/(json|xml|ics|x-ndjson|javascript|pgp-))/;
const MOST_OCTETS = 64 * 1024;

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

const pathOf = (message, part) => `messages/${message.id}/parts/${encodeURIComponent(part.number)}`;
const url = (message, part) => v1(pathOf(message, part));

const fileName = (message, part) => part.filename || `${message.id}-part-${part.number}${EXTENSIONS[part.content_type] ?? ''}`;
const EXTENSIONS = { 'text/plain': '.txt', 'text/html': '.html', 'message/rfc822': '.eml', 'image/png': '.png', 'image/jpeg': '.jpg', 'application/pdf': '.pdf' };

function download(message, part) {
  const name = fileName(message, part);
  return h('a', { href: url(message, part), download: name, 'aria-label': `Download part ${part.number}, ${name}` }, 'Download');
}

export function partsPanel(panel, message) {
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
  fill(panel, scroll('Parts', h('table.parts', {}, columns(['Part', 'Type', 'Name', 'Content-ID', 'Size', h('span.hidden', {}, 'Download')]), h('tbody', {}, rows))));
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
  fill(panel, scroll('Attachments', h('ul.cards', {}, cards)));
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
  showText(place, pathOf(message, part), part, signal);
  return place;
}

async function showText(place, path, part, signal) {
  try {
    const { octets: its, isAll } = await api.beginning(path, MOST_OCTETS, { signal });
    place.textContent = readable(its);
    if (!isAll) place.append(h('span.muted', {}, `\n… the first 64 KiB of ${octets(part.size)}`));
  } catch (error) {
    if (error.name !== 'AbortError') place.textContent = error.message;
  }
}

// ---- panels of an open message: text, headers, links and codes, lint

const MOST_TEXT = 512 * 1024;

const scroll = (label, ...content) => h('div.scroll.body', { tabindex: 0, role: 'region', 'aria-label': label }, content);

const failure = (panel, error) => error.name === 'AbortError' || fill(panel, h('p.problem', {}, error.message));

export async function textPanel(panel, message, signal) {
  try {
    const text = await api.text(`messages/${message.id}/text`, {}, { signal });
    const isLong = text.length > MOST_TEXT;
    fill(panel, scroll('Text', h('pre.text', {}, text ? text.slice(0, MOST_TEXT) : h('span.muted', {}, 'The text is empty.')),
      isLong && h('p.notice', {}, `This is the start of a text of ${octets(text.length)}. `, h('a', { href: v1(`messages/${message.id}/text`), target: '_blank', rel: 'noreferrer noopener' }, 'Open all of it'))));
  } catch (error) {
    failure(panel, error);
  }
}

export async function headersPanel(panel, message, signal) {
  const rows = message.headers.map(({ name, value }) => h('tr', {}, h('th', { scope: 'row' }, name), h('td', {}, value)));
  const raw = h('pre.code', {}, 'Reading …');
  fill(panel, scroll('Headers',
    rows.length ? h('table.fields', {}, h('caption.hidden', {}, 'Header fields, decoded'), h('tbody', {}, rows)) : h('p.muted', {}, 'This message has no header fields.'),
    h('h3', {}, 'As received'), raw));
  try {
    const { octets: its, isAll } = await api.beginning(`messages/${message.id}/raw`, MOST_OCTETS, { signal });
    const [header, body] = readable(its).split(/\n\n(.*)/s);
    raw.textContent = header;
    if (!isAll && body === undefined) raw.append('\n… the rest is in the source');
  } catch (error) {
    failure(raw, error);
  }
}

export function linksPanel(panel, { links, codes }) {
  const code = (text) => h('li', {}, h('code', {}, text), copyButton(text, `the code ${text}`));
  const link = (text) => h('li', {}, copyButton(text, 'the link'), anchor(text));
  fill(panel, scroll('Links and codes',
    codes.length > 0 && [h('h3', {}, 'One-time codes'), h('ul.codes', {}, codes.map(code))],
    links.length > 0 && [h('h3', {}, 'Links'), h('ul.links', {}, links.map(link))]));
}

// A link only where following it does nothing but open a page or a mail program.
function anchor(text) {
  const isSafe = /^(https?:\/\/|mailto:)/i.test(text);
  return isSafe ? h('a', { href: text, target: '_blank', rel: 'noreferrer noopener' }, text) : h('span', {}, text);
}

// What the standards say about the message, and how the client sent it.
export function lintPanel(panel, { id, headers, lint, findings, session }, signal) {
  const item = (text, code, reference, ...more) => h('li', {}, h('div.line', {}, more, h('b.grow', {}, text), h('code.muted', {}, code)), reference);
  const violation = ({ text, code, severity, reference, ...place }) => item(text, code, section(reference, placeOf(place)), h('span.tag', { class: severity === 'error' && 'bad' }, severity));
  const finding = ({ kind, text, reference }) => item(text, kind, section(reference));
  const signatures = h('div', {});
  const sent = onlySent(lint, findings);
  fill(panel, scroll('Lint',
    h('h3', {}, 'The message'),
    lint.violations.length > 0 ? h('ul.findings', {}, lint.violations.map(violation)) : h('p', {}, 'It obeys RFC 5322, RFC 2045 to 2047, RFC 2231 and RFC 6532.'),
    signatures,
    h('h3', {}, 'How the client sent it'),
    sent.length > 0 ? h('ul.findings', {}, sent.map(finding)) : h('p', {}, session ? 'No findings.' : 'No findings: only what a client sent over SMTP or LMTP is checked.'),
    session && h('p.muted', {}, 'What the client did besides is with ', h('a', { href: view('sessions', session) }, `session ${session}`), '.')));
  if (headers.some(({ name }) => name.toLowerCase() === 'dkim-signature')) showSignatures(signatures, id, signal);
}

// The findings that the lint does not repeat.
export function onlySent({ violations }, findings) {
  return findings.filter(({ kind }) => !violations.some(({ code }) => code === kind));
}

function placeOf({ line, column, field, part }) {
  return [`line ${line}, column ${column}`, field && `field ${field}`, part && `part ${part}`].filter(Boolean).join(', ');
}

// The page has no keys, so it tells who signed and what is wrong without a key.
async function showSignatures(place, id, signal) {
  try {
    const { signatures } = await api.post(`messages/${id}/dkim`, {}, { signal });
    const verdict = ({ kind, reason }) => (kind === 'no-key' ? 'Not verified: the page has no key.' : reason);
    const item = ({ domain, selector, algorithm, failure }) => h('li', {}, h('div.line', {}, h('b.grow', {}, verdict(failure)), h('code.muted', {}, failure.kind)),
      h('div.references', {}, [domain, selector, algorithm].filter(Boolean).join(', ')));
    fill(place, h('h3', {}, 'DKIM signatures'), h('ul.findings', {}, signatures.map(item)),
      h('p.muted', {}, 'With the key: ', h('code', {}, `mailjig dkim ${id} --key …`)));
  } catch (error) {
    failure(place, error);
  }
}

// The place in the message, if there is one, and the section of a standard as a link to its text.
function section(reference, place) {
  return h('div.references', {}, place && h('span', {}, place), reference.split(', ').map((one) => {
    const [, rfc, its] = /^RFC (\d+)(?: §([\d.]+))?$/.exec(one) ?? [];
    return rfc ? h('a', { href: `https://www.rfc-editor.org/rfc/rfc${rfc}${its ? `#section-${its}` : ''}`, target: '_blank', rel: 'noreferrer noopener' }, one) : h('span', {}, one);
  }));
}

// ---- the HTML of a message in a frame that runs nothing and has no origin

// What the message refers to elsewhere is loaded only after the user asked for it, for this message.

const WIDTHS = { phone: ['Phone', 360], tablet: ['Tablet', 768], full: ['Full', null] };
const SCHEMES = { light: 'Light', dark: 'Dark' };
const MOST_HOSTS = 4;

export async function htmlPanel(panel, message, signal) {
  const frame = h('iframe', { title: `HTML of ${message.id}`, sandbox: 'allow-popups allow-popups-to-escape-sandbox', referrerpolicy: 'no-referrer' });
  const stage = h('div.stage', {}, frame);
  const notice = h('div.notice', { hidden: true, role: 'status' });
  const unstyled = h('span.muted', { hidden: true, role: 'status' }, 'This message has no styles for dark.');
  let html = null;
  let scheme = null;
  const showScheme = () => {
    frame.style.setProperty('color-scheme', scheme);
    unstyled.hidden = scheme !== 'dark' || html === null || /color-scheme/i.test(html);
  };
  const load = (remote) => {
    frame.src = withQuery(view('messages', message.id, 'display'), { remote: remote ? 'true' : null });
  };
  fill(panel,
    h('div.bar', {},
      choice('Width', 'html-width', 'full', WIDTHS, ([title]) => title, ([, width]) => {
        frame.style.setProperty('width', width ? `${width}px` : '100%');
        stage.classList.toggle('device', Boolean(width));
      }),
      choice('Colours', 'html-scheme', 'light', SCHEMES, (title) => title, (_, name) => {
        scheme = name;
        showScheme();
      }), unstyled),
    notice, stage);
  load(false);
  html = await api.text(`messages/${message.id}/html`, {}, { signal }).catch(() => '');
  showScheme();
  const hosts = remoteHosts(html);
  if (!hosts.size) return;
  notice.hidden = false;
  const blocked = () => fill(notice,
    h('span.grow', {}, h('b', {}, 'Remote content is not loaded. '), `The HTML refers to ${plural([...hosts.values()].reduce((sum, n) => sum + n, 0), 'resource')} at ${names(hosts)}. `,
      'Loading it tells these hosts that the message is read.'),
    h('button', { type: 'button', onclick: loaded }, 'Load remote content'));
  const loaded = () => {
    load(true);
    fill(notice, h('span.grow', {}, h('b', {}, 'Remote content is loaded '), `from ${names(hosts)}, for this message.`), h('button', { type: 'button', onclick: block }, 'Block it again'));
    notice.querySelector('button').focus();
  };
  const block = () => {
    load(false);
    blocked();
    notice.querySelector('button').focus();
  };
  blocked();
}

function names(hosts) {
  const all = [...hosts.keys()];
  const more = all.length - MOST_HOSTS;
  return all.slice(0, MOST_HOSTS).join(', ') + (more > 0 ? ` and ${plural(more, 'other host')}` : '');
}

// Buttons of which one is pressed; the choice is kept in this browser.
function choice(label, key, usual, options, title, apply) {
  const kept = localStorage.getItem(key);
  const buttons = Object.entries(options).map(([name, option]) => h('button', { type: 'button', data: { name }, onclick: () => choose(name) }, title(option)));
  const choose = (name) => {
    localStorage.setItem(key, name);
    for (const button of buttons) button.setAttribute('aria-pressed', String(button.dataset.name === name));
    apply(options[name], name);
  };
  choose(kept in options ? kept : usual);
  return h('div.choice', { role: 'group', 'aria-label': label }, buttons);
}

// The hosts to which the HTML refers by attributes and styles that browsers load, with the number of references. Links are
// not among them. What this does not recognise is blocked all the same: by the policy of the frame.
function remoteHosts(html) {
  const hosts = new Map();
  const loads = [
    /\s(?:src|background|poster|data|xlink:href)\s*=\s*["']?\s*((?:https?:)?\/\/[^\s"'>]+)/gi,
    /\ssrcset\s*=\s*["']?\s*((?:https?:)?\/\/[^\s"',>]+)/gi,
    /<link\b[^>]*?\shref\s*=\s*["']?\s*((?:https?:)?\/\/[^\s"'>]+)/gi,
    /url\(\s*(?:["']|&quot;|&#39;)?\s*((?:https?:)?\/\/[^\s"')&]+)/gi,
    /@import\s+["']\s*((?:https?:)?\/\/[^\s"')]+)/gi,
  ];
  for (const pattern of loads) {
    for (const [, url] of html.matchAll(pattern)) {
      const host = /^(?:https?:)?\/\/(?:[^/?#@]*@)?([^/?#]*)/i.exec(url)?.[1] || url;
      hosts.set(host, (hosts.get(host) ?? 0) + 1);
    }
  }
  return hosts;
}

// ---- the source: the octets of the message, line by line, as received

const ROW_HEIGHT = 19;
// A longer line is continued in the next row.
const MOST_IN_ROW = 1000;

export async function sourcePanel(panel, message, signal) {
  fill(panel, h('p.muted.body', {}, 'Reading the message …'));
  let source;
  try {
    source = await api.octets(`messages/${message.id}/raw`, {}, { signal });
  } catch (error) {
    failure(panel, error);
    return;
  }
  const starts = lineStarts(source, MOST_IN_ROW);
  const field = h('input', { type: 'search', placeholder: 'Find; Enter: next', 'aria-label': 'Find in the source, in upper and lower case as given', maxlength: 200 });
  const place = h('span.count', { role: 'status' });
  const rows = h('div.scroll.source', { id: 'source' });
  fill(panel,
    h('div.bar', {},
      h('span.count', {}, `${plural(starts.length, 'line')}, ${plural(source.length, 'octet')}, as received`),
      field, place,
      h('span.count.end', { title: 'How this view shows what is not text' }, '\\xff: not text · LF: a line end without CR'),
      copyButton(() => new TextDecoder().decode(source), 'the source')),
    rows);
  const width = String(starts.length).length;
  const list = new WindowedList(rows, {
    rowHeight: ROW_HEIGHT,
    key: (start) => start,
    label: 'Source of the message',
    render: (start, index) => sourceRow(source, start, starts[index + 1] ?? source.length, String(index + 1).padStart(width)),
  });
  list.set(starts);
  let at = -1;
  field.addEventListener('keydown', (event) => {
    if (event.key !== 'Enter' || !field.value) return;
    event.preventDefault();
    const wanted = new TextEncoder().encode(field.value);
    const by = event.shiftKey ? -1 : 1;
    at = find(source, wanted, at + by, by);
    if (at < 0) at = find(source, wanted, by > 0 ? 0 : source.length - 1, by);
    place.textContent = at < 0 ? 'not found' : `line ${(lineOf(starts, at) + 1).toLocaleString('en')}`;
    if (at >= 0) list.moveTo(lineOf(starts, at));
  });
}

// The index of the line that has this octet.
const lineOf = (starts, at) => starts.findLastIndex((start) => start <= at);

function sourceRow(source, start, next, number) {
  const isContinued = source[next - 1] !== 10;
  const isBare = !isContinued && source[next - 2] !== 13;
  const text = readable(source.subarray(start, Math.max(start, isContinued ? next : next - (isBare ? 1 : 2))));
  return [
    h('span.number', { 'aria-hidden': 'true' }, number),
    h('code', {}, text || h('span.hidden', {}, 'empty line')),
    isBare && h('span.mark', { title: 'A bare LF ends this line' }, 'LF'),
    isContinued && next < source.length && h('span.mark', { title: 'The line goes on in the next row' }, '…'),
  ];
}

// The lines of a message, each at most `most` octets: where they start. A line that is longer is continued in the next.
function lineStarts(source, most) {
  const starts = [];
  for (let start = 0; start < source.length; ) {
    starts.push(start);
    const end = source.indexOf(10, start) + 1 || source.length;
    start = end - start > most ? characterStart(source, start + most) : end;
  }
  return starts;
}

// The start of the UTF-8 character at this octet.
function characterStart(source, at) {
  let start = at;
  while (at - start < 3 && (source[start] & 0xc0) === 0x80) start -= 1;
  return start;
}

// Where these octets occur at or after a place, or before it: -1 if they do not.
function find(source, wanted, from, by) {
  const is = (at) => wanted.every((octet, index) => source[at + index] === octet);
  for (let at = from; at >= 0 && at < source.length; at += by) {
    at = by > 0 ? source.indexOf(wanted[0], at) : source.lastIndexOf(wanted[0], at);
    if (at < 0) break;
    if (is(at)) return at;
  }
  return -1;
}
