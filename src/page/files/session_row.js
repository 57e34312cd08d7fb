// A session in words. A line as a row: when, how long after the line before, who, what, and what rules did.

import { view, api } from './api.js';
import { h, duration, octets as size, plural, time, microseconds, facts } from './dom.js';
import { octetsOf, pieces, readable, visible } from './octet_text.js';
import { copyButton } from './page.js';
import { WROTE, endingWords, incomplete, marked, rulesOf } from './session_lines.js';

const CLIPPED = 400;
// Delays are drawn on a logarithmic scale, from 0.1 ms to one minute.
const SHORTEST = Math.log10(100);
const LONGEST = Math.log10(60_000_000);
export const LONG = 1_000_000;

const MARKS = {
  written: 'A rule wrote these octets',
  unsent: 'These octets never left',
  label: 'A label; Enter shows what it stands for',
  escape: 'Written out: it cannot be seen, or is not UTF-8',
};

// The time since the start: `0.462 ms` would dance; seconds with fixed digits do not.
export const since = (us) => `${(us / 1_000_000).toFixed(us < 100_000_000 ? 4 : 2)}`;

function bar(us) {
  if (us < 100) return null;
  const share = (Math.log10(us) - SHORTEST) / (LONGEST - SHORTEST);
  return h('span.delay-bar', { style: { width: `${Math.round(Math.min(1, Math.max(0.03, share)) * 100)}%` } });
}

// The text of a line, with marks; a long one is clipped.
export function textOf(line, limit = CLIPPED) {
  if (line.side === 'event') return [visible(line.text)];
  const { octets, marks } = marked(line);
  const found = pieces(octets, marks, limit);
  const nodes = found.pieces.map(piece);
  if (line.message) nodes.splice(0, nodes.length, h('a', { href: view('messages', line.message), tabIndex: -1 }, line.text), ` ${line.turn.octets} octets`);
  if (found.rest) nodes.push(h('span.more', {}, ` … ${found.rest.toLocaleString('en')} more`));
  return nodes;
}

function piece({ text, names }) {
  if (!names.length) return text;
  const attributes = { class: names.map((name) => `is-${name}`).join(' '), title: names.map((name) => MARKS[name]).join('; ') };
  const message = names.includes('label') ? /^<(m\d+)/.exec(text)?.[1] : null;
  return message ? h('a', { ...attributes, href: view('messages', message), tabIndex: -1 }, text) : h('span', attributes, text);
}

function ruleTag({ rule, what }, attributes = { tabIndex: -1 }) {
  return h('a.tag.rule', { href: view('rules', rule), title: what ? `Rule ${visible(rule)}: ${visible(what)}` : `Rule ${visible(rule)} fired`, ...attributes }, visible(rule), what && what !== WROTE ? h('span.what', {}, ` ${visible(what)}`) : null);
}

// What is wrong with a line, in a word.
function verdict(line) {
  if (line.isRefusal) return h('span.tag.bad.sign-only', { title: 'Refused' }, '✗', h('span.what', {}, ' refused'));
  if (line.isProblem) return h('span.tag.bad.sign-only', { title: 'A problem' }, '!', h('span.what', {}, ' problem'));
  return null;
}

export function tagsOf(line, findings) {
  const tags = rulesOf(line).map((its) => ruleTag(its));
  const its = line.side === 'client' ? (findings?.get(line.seq) ?? []) : [];
  if (line.side === 'client' && line.turn?.early && !its.some(({ kind }) => kind === 'sent-too-early')) tags.unshift(h('span.tag', { title: 'The client sent this before it had the reply to what it sent before' }, 'early'));
  if (line.unsent) tags.push(h('span.tag.bad', {}, h('s', {}, `${line.unsent} unsent`)));
  for (const { kind, text } of its) tags.push(h('span.tag.bad', { title: text }, `⚑ ${kind}`));
  if (!line.unsent) tags.push(verdict(line));
  return tags;
}

export function renderLine(line, delay, findings) {
  const isLong = delay >= LONG;
  return [
    h('span.at', { role: 'gridcell', title: `${since(line.at)} s after the start` }, since(line.at)),
    h('span.delay', { role: 'gridcell', class: isLong ? 'long' : null, title: `${duration(delay)} after the line before` }, h('span.delay-track', {}, bar(delay)), h('span.delay-text', {}, delay >= 1000 ? duration(delay) : '')),
    h('span.who', { role: 'gridcell', class: line.side }, line.who),
    h('span.content', { role: 'gridcell' }, h('span.line', { class: line.side, dir: 'ltr' }, textOf(line)), h('span.tags', {}, tagsOf(line, findings))),
    h('span.event-name', { role: 'gridcell' }, line.turn?.event && line.side !== 'event' && line === firstOf(line) ? line.turn.event : ''),
  ];
}

// An event is named once, at its first line.
const firstOf = (line) => (line.side === 'client' ? line : line.turn.lines[0] === line && line.from === 0 && isAlone(line.turn) ? line : null);
const isAlone = (turn) => !turn.hasRequest;

// ---- everything about one line of a session: the whole text, times, rules, labels, findings

const SIDES = { client: 'The client sent', server: 'The server sent', event: 'What happened' };
// More than this is not laid out at once.
const LIMIT = 200_000;

// `labels` are those of its turn.
export function linePanel(line, lines, labels, findings, close) {
  const { turn } = line;
  const whole = line.side === 'event' ? line.text : pieces(marked(line).octets).pieces.map(({ text }) => text).join('');
  return [
    h('div.line-head', {},
      h('h3', {}, `${SIDES[line.side]}, record ${line.seq}`),
      turn?.event ? h('span.tag', {}, turn.event) : null,
      h('span.grow'),
      copyButton(whole, 'the line'),
      h('button.quiet', { type: 'button', 'aria-label': 'Close the line', title: 'Close (Esc)', onclick: close }, '×')),
    h('pre.whole', { class: line.side, tabIndex: 0, 'aria-label': 'The whole line' }, textOf(line, LIMIT)),
    h('dl.facts', {}, facts(lineFacts(line, lines, labels, findings))),
  ];
}

function lineFacts(line, lines, labels, findings) {
  const { turn } = line;
  const its = [['Time', `${since(line.at)} s after the start, ${duration(lines.delay(line))} after the line before`]];
  if (line.side !== 'event') its.push(['Size', size(octetsOf(line.text, line.isBinary).length)]);
  if (!turn || line.side === 'event') return [...its, ...rules(line)];
  if (turn.closedAt !== null) its.push(['Answered', `${duration(turn.closedAt - turn.at)} after the request was read; then all of the answer had left`]);
  else if (turn.lines.length) its.push(['Answered', 'more of the answer followed, or it has not left yet']);
  if (turn.status) its.push(['Answer', turn.status]);
  if (line.who.endsWith('|')) its.push(['Line end', 'not CRLF: the octets are shown with their end, if any']);
  if (turn.early) its.push(['Early', 'sent before the reply to what was sent before']);
  if (turn.changes) its.push(['Mail', plural(turn.changes, 'change')]);
  if (turn.captured) its.push(['Message', h('a', { href: view('messages', turn.captured) }, turn.captured)]);
  const here = labels.filter(({ side, label }) => side === (line.side === 'client' ? 'heard' : 'said') && line.text.includes(label));
  for (const { label, octets } of here) its.push([visible(label), h('pre.whole', { tabIndex: 0, 'aria-label': `What ${visible(label)} stands for` }, readable(octets, LIMIT))]);
  for (const { kind, text, reference } of findings?.get(line.seq) ?? []) its.push(['Finding', `${kind}: ${text} (${reference})`]);
  return [...its, ...rules(line)];
}

const rules = (line) => rulesOf(line).map((its) => [['Rule', ruleTag(its, {})]]).flat();

// ---- what is known about a session, beside its lines

const SHOWN_FINDINGS = 50;

export const lasted = ({ opened, ended }) => microseconds(opened, ended?.at ?? new Date().toISOString());

export function stateOf(session) {
  if (!session.ended) return session.idling ? 'open, in IDLE' : 'open';
  const words = endingWords(session.ended.ending, session.listener);
  const part = incomplete(session);
  return part ? `${part[0].toUpperCase()}${part.slice(1)}. ${words}` : words;
}

// `offer` stands in the place of findings that were not read.
export function factsPanel(session, messages, findings, lines, offer) {
  return [
    h('dl.facts', {}, facts(sessionFacts(session))),
    session.tls || session.tls_failure ? [h('h3', {}, 'TLS'), h('dl.facts', {}, tlsFacts(session))] : null,
    session.rules?.length ? [h('h3', {}, 'Rules that fired'), h('p.tag-list', {}, session.rules.map((rule) => h('a.tag.rule', { href: view('rules', rule) }, visible(rule))))] : null,
    messages.length ? [h('h3', {}, 'Messages'), h('ul.links', {}, messages.map(({ id, subject }) => h('li', {}, h('a', { href: view('messages', id) }, id), ' ', h('span', {}, visible(subject ?? '')))))] : null,
    lines ? [h('h3', {}, 'Lines'), h('dl.facts', {}, counts(lines))] : null,
    h('h3', {}, 'Findings'),
    findings !== null ? findingList(findings) : (offer ?? h('p.muted', {}, 'Reading …')),
  ];
}

function sessionFacts(session) {
  const its = [
    ['Listener', session.listener],
    ['Client', session.peer],
    ['Name', session.helo === null ? null : visible(session.helo)],
    ['User', session.user === null ? null : h('a', { href: view('mailboxes', session.user) }, visible(session.user))],
    ['Login with', session.mechanism],
    ['Mailbox', session.mailbox === null ? null : session.user === null ? visible(session.mailbox) : h('a', { href: view('mailboxes', session.user, session.mailbox) }, visible(session.mailbox))],
    ['Began', time(session.opened, { millis: true })],
    ['Lasted', session.ended ? duration(lasted(session)) : null],
    ['State', stateOf(session)],
    ['Messages', session.messages || null],
    ['Refused', session.refused ? plural(session.refused, 'reply', 'replies') : null],
    ['TLS', session.tls ? null : session.tls_failure ? 'failed' : 'no'],
  ];
  return its.filter(([, what]) => what !== null);
}

function tlsFacts({ tls, tls_failure: failure }) {
  const list = (names) => (names?.length ? visible(names.join(', ')) : null);
  const sni = (its) => (its.sni === null ? 'none' : visible(its.sni));
  const offered = failure?.offered;
  const its = [
    ...(tls
      ? [
          ['Version', tls.version],
          ['Cipher', tls.cipher],
          ['Group', tls.group],
          ['SNI', sni(tls)],
          ['ALPN', tls.alpn === null ? null : visible(tls.alpn)],
          ['Certificate', tls.certificate],
          ['Resumed', tls.resumed ? 'yes' : 'no'],
          ...clientCertificate(tls.client_certificate),
        ]
      : []),
    ['Failure', failure?.reason],
    ['Alert', failure?.alert],
    ['Certificate', tls ? null : failure?.certificate],
    ['SNI', offered ? sni(offered) : null],
    ['Versions offered', list(offered?.versions)],
    ['ALPN offered', list(offered?.alpn)],
    ['Ciphers offered', list(offered?.ciphers)],
    ['Groups offered', list(offered?.groups)],
  ];
  return facts(its.filter(([, what]) => what !== null && what !== undefined));
}

function clientCertificate(certificate) {
  if (certificate === null) return [];
  const { names, verified, sha256 } = certificate;
  return [['Client certificate', `${names.length ? visible(names.join(', ')) : 'without a name'}${verified ? '' : ', not verified'}`], ['Its SHA-256', sha256]];
}

function counts({ lines }) {
  const count = { client: 0, server: 0, event: 0 };
  let problems = 0;
  for (const line of lines) {
    count[line.side] += 1;
    if (line.isProblem) problems += 1;
  }
  return facts([['Client', count.client.toLocaleString('en')], ['Server', count.server.toLocaleString('en')], ['Problems', problems.toLocaleString('en')]]);
}

function findingList(findings) {
  if (!findings.length) return h('p.muted', {}, 'None: the client did nothing that careful clients do not do.');
  const shown = findings.slice(0, SHOWN_FINDINGS);
  return [
    h('ul.findings', {}, shown.map(({ seq, kind, text, reference }) => h('li', {}, h('a', { href: `#r${seq}` }, kind), ' ', h('span', {}, visible(text)), h('span.muted', {}, ` ${reference}`)))),
    findings.length > shown.length ? h('p.muted', {}, `… and ${(findings.length - shown.length).toLocaleString('en')} more`) : null,
  ];
}

// The messages that were received in a session, by the lines that were read.
export async function messagesIn(lines, known) {
  const ids = [...new Set(lines.lines.filter(({ message }) => message).map(({ message }) => message))];
  const found = await Promise.all(ids.slice(0, 100).map(async (id) => {
    const kept = known.find((message) => message.id === id);
    return kept ?? api.get(`messages/${id}`).catch(() => ({ id, subject: 'deleted' }));
  }));
  return found;
}
