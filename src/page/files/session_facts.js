// What is known about a session, beside its lines.

import { api, view } from './api.js';
import { h } from './dom.js';
import { clockTime, duration, microseconds, plural } from './format.js';
import { visible } from './octet_text.js';
import { ENDINGS } from './session_lines.js';

const SHOWN_FINDINGS = 50;

export const lasted = ({ opened, ended }) => microseconds(opened, ended?.at ?? new Date().toISOString());

export function stateOf(session) {
  if (!session.ended) return session.idling ? 'open, in IDLE' : 'open';
  return ENDINGS[session.ended.ending] ?? session.ended.text;
}

// `offer` stands in the place of findings that were not read.
export function factsPanel(session, messages, findings, lines, offer) {
  return [
    h('dl.facts', {}, facts(session).map(([name, what]) => [h('dt', {}, name), h('dd', {}, what)])),
    session.tls ? [h('h3', {}, 'TLS'), h('dl.facts', {}, tls(session.tls))] : null,
    session.rules?.length ? [h('h3', {}, 'Rules that fired'), h('p.tag-list', {}, session.rules.map((rule) => h('a.tag.rule', { href: view('rules', rule) }, visible(rule))))] : null,
    messages.length ? [h('h3', {}, 'Messages'), h('ul.links', {}, messages.map(({ id, subject }) => h('li', {}, h('a', { href: view('messages', id) }, id), ' ', h('span', {}, visible(subject ?? '')))))] : null,
    lines ? [h('h3', {}, 'Lines'), h('dl.facts', {}, counts(lines))] : null,
    h('h3', {}, 'Findings'),
    findings !== null ? findingList(findings) : (offer ?? h('p.muted', {}, 'Reading …')),
  ];
}

function facts(session) {
  const its = [
    ['Listener', session.listener],
    ['Client', session.peer],
    ['Name', session.helo === null ? null : visible(session.helo)],
    ['User', session.user === null ? null : h('a', { href: view('mailboxes', session.user) }, visible(session.user))],
    ['Mailbox', session.mailbox === null ? null : session.user === null ? visible(session.mailbox) : h('a', { href: view('mailboxes', session.user, session.mailbox) }, visible(session.mailbox))],
    ['Began', clockTime(session.opened, { millis: true })],
    ['Lasted', session.ended ? duration(lasted(session)) : null],
    ['State', stateOf(session)],
    ['Messages', session.messages || null],
    ['Refused', session.refused ? plural(session.refused, 'reply', 'replies') : null],
    ['TLS', session.tls ? null : 'no'],
  ];
  return its.filter(([, what]) => what !== null);
}

const tls = ({ version, cipher, sni }) => [['Version', version], ['Cipher', cipher], ['SNI', sni === null ? 'none' : visible(sni)]].map(([name, what]) => [h('dt', {}, name), h('dd', {}, what)]);

function counts({ lines, total }) {
  const count = { client: 0, server: 0, event: 0 };
  let problems = 0;
  for (const line of lines) {
    count[line.side] += 1;
    if (line.isProblem) problems += 1;
  }
  const its = [['Client', count.client], ['Server', count.server], ['Problems', problems], ['In all', duration(total)]];
  return its.map(([name, n]) => [h('dt', {}, name), h('dd', {}, n.toLocaleString('en'))]);
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
