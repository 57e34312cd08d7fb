// The head of an open message: what its header says, and the envelope with what the server answered.

import { h } from './dom.js';
import { view } from './api.js';
import { clockTime, mailbox, octets } from './format.js';

const fact = (name, ...value) => [h('dt', {}, name), h('dd', {}, value)];

export function messageFacts({ id, from, to, cc, headers, message_id: messageId, received, size }) {
  const date = headers.find(({ name }) => name.toLowerCase() === 'date')?.value;
  const missing = (what) => h('span.muted', {}, `no ${what} in the header`);
  return [
    fact('From', from.length ? from.map(mailbox).join(', ') : missing('From')),
    fact('To', to.length ? to.map(mailbox).join(', ') : missing('To')),
    cc.length > 0 && fact('Cc', cc.map(mailbox).join(', ')),
    fact('Date', date ?? missing('Date')),
    fact('Message-ID', messageId ? h('span.mono', {}, messageId) : missing('Message-ID')),
    fact('Received', h('time', { datetime: received, title: received }, clockTime(received, { millis: true })), h('span.muted', {}, ` as ${id}, ${octets(size)}`)),
  ];
}

// The envelope in one line.
export function summary({ envelope, session, sessionFacts }) {
  const { from, recipients } = envelope;
  const refused = recipients.filter(({ verdict }) => verdict !== 'accepted').length;
  return [
    h('b', {}, 'Envelope'),
    h('span.clip.grow', {}, from.address || '<>', ' → ', recipients.slice(0, 2).map(({ address }) => address).join(', '), recipients.length > 2 && `, ${recipients.length - 2} more`),
    refused > 0 && h('span.tag.bad', {}, `${refused} refused`),
    sessionFacts && h('span.count', {}, sessionFacts.listener),
    session && h('span.count', {}, session),
  ];
}

// The sender, each recipient with what the server said, and how the message came.
export function envelopeTable({ envelope, session, sessionFacts }) {
  const { from, recipients } = envelope;
  const head = ['', 'Address', 'Verdict', 'Parameters'].map((text) => h('th', { scope: 'col' }, text || h('span.hidden', {}, 'Role')));
  const row = (role, address, verdict, its) => h('tr', {},
    h('th', { scope: 'row' }, role), h('td', {}, address), h('td', {}, verdict), h('td.mono', {}, parameters(its)));
  return [
    h('table.envelope', {},
      h('thead', {}, h('tr', {}, head)),
      h('tbody', {},
        row('from', from.address || '<>', '', from.parameters),
        recipients.map((one) => row('to', one.address, verdictOf(one), one.parameters)))),
    h('p.came', {}, came(session, sessionFacts)),
  ];
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
