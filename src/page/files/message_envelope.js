// The envelope of a message with what the server answered: the recipients, also those that were refused before the message
// was sent; the mailboxes that have it.

import { api, view } from './api.js';
import { columns, h, plural } from './dom.js';

const MOST_PLACES = 5;
// How far before the message its transaction is looked for at first: a session may have very many.
const NEAR = 2000;
const MOST_RECORDS = 1_000_000;

// The entries of a message, as links to them.
export function placesOf(entries) {
  if (!entries.length) return h('b.bad', {}, 'in no mailbox');
  const shown = entries.slice(0, MOST_PLACES).map(({ account, mailbox, uid }, index) => [
    index > 0 && ', ', h('a', { href: view('mailboxes', account, mailbox, String(uid)) }, `${account} ${mailbox}, UID ${uid}`),
  ]);
  const more = entries.length - MOST_PLACES;
  return ['in ', shown, more > 0 && ` and ${plural(more, 'other')}`];
}

// The recipients that were refused in the transaction of a message: `{ address, reply, rules }`. They are
// not in its envelope.
export async function refusedWith({ id, session, seq, envelope }, signal) {
  if (!session) return [];
  for (const after of [Math.max(0, (seq ?? 0) - NEAR), null]) {
    const records = await recordsOf(session, after, signal);
    const end = records.findIndex(({ captured }) => captured === id);
    const begin = records.slice(0, Math.max(0, end)).findLastIndex(({ event, status }) => event === 'smtp.mail' && status === 'positive');
    if (begin < 0) continue;
    const refused = records.slice(begin, end).filter(({ event, status }) => event === 'smtp.rcpt' && status === 'negative').map(refusal);
    return refused.filter(({ address }) => !envelope.recipients.some((one) => one.address === address && one.verdict !== 'accepted'));
  }
  return [];
}

async function recordsOf(session, after, signal) {
  try {
    return (await api.get('journal', { session, kind: 'exchange,part', after, limit: MOST_RECORDS }, { signal })).records;
  } catch (error) {
    // The records are discarded earlier than the messages.
    if ([404, 410].includes(error.status)) return [];
    throw error;
  }
}

function refusal({ heard, said, rules }) {
  const address = /<([^]*)>/.exec(heard)?.[1] ?? heard.replace(/^rcpt\s+to:\s*/i, '');
  return { address, reply: said.trim(), rules: [...new Set(rules?.written.map(({ by }) => by) ?? [])].filter(Boolean) };
}

// ---- how it is shown

// The envelope in one line.
export function summary({ envelope, session, sessionFacts, refused: before }) {
  const { from, recipients } = envelope;
  const refused = before.length + recipients.filter(({ verdict }) => verdict !== 'accepted').length;
  return [
    h('b', {}, 'Envelope'),
    h('span.clip.grow', {}, from.address || '<>', ' → ', recipients.slice(0, 2).map(({ address }) => address).join(', '), recipients.length > 2 && `, ${recipients.length - 2} more`),
    refused > 0 && h('span.tag.bad', {}, `${refused} refused`),
    sessionFacts && h('span.count', {}, sessionFacts.listener),
    session && h('span.count', {}, session),
  ];
}

// The sender, each recipient with what the server said, and how the message came.
export function envelopeTable({ envelope, session, sessionFacts, refused }) {
  const { from, recipients } = envelope;
  const row = (role, address, verdict, its) => h('tr', {},
    h('th', { scope: 'row' }, role), h('td', {}, address), h('td', {}, verdict), h('td.mono', {}, parameters(its)));
  return [
    h('table.envelope', {},
      columns([h('span.hidden', {}, 'Role'), 'Address', 'Verdict', 'Parameters']),
      h('tbody', {},
        row('from', from.address || '<>', '', from.parameters),
        recipients.map((one) => row('to', one.address, verdictOf(one), one.parameters)),
        refused.map(refusedRow))),
    refused.length > 0 && h('p.came', {}, 'Refused recipients are not in the envelope: they were refused in the same transaction, before the message was sent.'),
    h('p.came', {}, came(session, sessionFacts)),
  ];
}

function refusedRow({ address, reply, rules }) {
  const by = rules.map((rule) => [' by rule ', h('a', { href: view('rules', rule) }, rule)]);
  return h('tr', {}, h('th', { scope: 'row' }, 'refused'), h('td', {}, h('s', {}, address)), h('td', {}, verdictOf({ reply }), by), h('td', {}, h('span.muted', {}, 'not in the envelope')));
}

function verdictOf({ verdict, reply }) {
  if (verdict === 'accepted') return h('span.good', {}, 'accepted');
  return [h('b.bad', {}, 'refused'), reply && h('span.mono', {}, ` ${reply}`)];
}

function parameters(its) {
  const all = Object.entries(its);
  return all.length ? all.map(([name, value]) => (value === null ? name : `${name}=${value}`)).join(' ') : h('span.muted', {}, 'none');
}

function came(session, facts) {
  if (!session) return 'Not received from a client: delivered over the HTTP API or by a test.';
  const link = h('a', { href: view('sessions', session) }, `session ${session}`);
  if (!facts) return ['Received in ', link, ', whose record was discarded.'];
  const { listener, user, tls, helo, peer, rules } = facts;
  return [
    'Received by ', h('b', {}, listener), ' in ', link, `, from ${helo ? `${helo} at ` : ''}${peer}, `,
    user ? ['logged in as ', h('a', { href: view('mailboxes', user) }, user)] : 'without login', ', ',
    tls ? `with ${[tls.version, tls.cipher].filter(Boolean).join(', ') || 'TLS'}` : 'without TLS', '.',
    rules.length > 0 && [' Rules that fired in it: ', rules.map((rule, index) => [index > 0 && ', ', h('a', { href: view('rules', rule) }, rule)]), '.'],
  ];
}
