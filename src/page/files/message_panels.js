// Panels of an open message: text, headers, links and codes, lint.

import { h, fill } from './dom.js';
import { api, v1, view } from './api.js';
import { copyButton } from './page.js';
import { octets } from './format.js';
import { firstOctets } from './message_octets.js';
import { lines } from './message_parts.js';

const MOST_TEXT = 512 * 1024;
const MOST_HEADER = 256 * 1024;

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

// Whether there is the blank line that ends the header.
const hasHeader = (its) => its.some((octet, at) => octet === 10 && (its[at + 1] === 10 || (its[at + 1] === 13 && its[at + 2] === 10)));

function headerEnd(its) {
  const at = its.findIndex((octet, index) => octet === 10 && (its[index + 1] === 10 || (its[index + 1] === 13 && its[index + 2] === 10)));
  return at < 0 ? its.length : at + 1;
}

export async function headersPanel(panel, message, signal) {
  const rows = message.headers.map(({ name, value }) => h('tr', {}, h('th', { scope: 'row' }, name), h('td', {}, value)));
  const raw = h('pre.code', {}, 'Reading …');
  fill(panel, scroll('Headers',
    rows.length ? h('table.fields', {}, h('caption.hidden', {}, 'Header fields, decoded'), h('tbody', {}, rows)) : h('p.muted', {}, 'This message has no header fields.'),
    h('h3', {}, 'As received'), raw));
  try {
    const { octets: its } = await firstOctets(v1(`messages/${message.id}/raw`), { most: MOST_HEADER, signal, isEnough: hasHeader });
    raw.textContent = lines(its.subarray(0, headerEnd(its)));
    if (its.length === MOST_HEADER) raw.append('\n… the rest is in the source');
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

// What is looked at in a message; the kinds are those of the API.
const CHECKED = [
  'the lines end with CRLF (bare-line-end)', 'no line is longer than 998 octets (message-line-too-long)', 'dots at the beginning of lines are doubled (dot-not-stuffed)',
  'octets above 127 are declared (undeclared-8bit)', 'Date, From and Message-ID are there (missing-date, missing-from, missing-message-id)',
  'fields that may occur once do so (repeated-field)', 'no Bcc is disclosed (bcc-disclosed)',
];

export function lintPanel(panel, { findings, session }) {
  const finding = ({ kind, text, reference }) => h('li', {}, h('div.line', {}, h('b.grow', {}, text), h('code.muted', {}, kind)), section(reference));
  fill(panel, scroll('Lint',
    findings.length > 0 ? h('ul.findings', {}, findings.map(finding)) : h('p', {}, session ? 'No findings.' : 'No findings: only what a client sent over SMTP or LMTP is checked.'),
    h('h3', {}, 'What is checked'), h('ul.plain', {}, CHECKED.map((text) => h('li', {}, text))),
    session && h('p.muted', {}, 'What the client did besides is with ', h('a', { href: view('sessions', session) }, `session ${session}`), '.')));
}

// The section of a standard, as a link to its text.
function section(reference) {
  return h('div.references', {}, reference.split(', ').map((one) => {
    const [, rfc, its] = /^RFC (\d+)(?: §([\d.]+))?$/.exec(one) ?? [];
    return rfc ? h('a', { href: `https://www.rfc-editor.org/rfc/rfc${rfc}${its ? `#section-${its}` : ''}`, target: '_blank', rel: 'noreferrer noopener' }, one) : h('span', {}, one);
  }));
}
