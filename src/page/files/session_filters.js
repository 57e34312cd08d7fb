// The filters of the list of sessions. They are in the URL.

import { $ } from './dom.js';
import { endedBadly } from './session_ending.js';

const PROTOCOLS = { smtp: ['smtp', 'submission', 'smtps', 'lmtp'], imap: ['imap', 'imaps'], pop3: ['pop3', 'pop3s'] };
export const protocolOf = (listener) => Object.keys(PROTOCOLS).find((name) => PROTOCOLS[name].includes(listener)) ?? 'smtp';

// The listeners that a value of the filter means: a protocol, such as `imap.*`, or one listener.
export const listenersOf = (value) => (value.endsWith('.*') ? (PROTOCOLS[value.slice(0, -2)] ?? []) : [value]);

const OUTCOMES = {
  wrong: (session) => session.refused > 0 || endedBadly(session),
  refused: ({ refused }) => refused > 0,
  rule: ({ rules }) => rules.length > 0,
  unclean: ({ ended }) => ended !== null && ended.ending !== 'clean',
};

const NAMES = ['q', 'listener', 'user', 'state', 'tls', 'outcome'];

export function readFilters() {
  const query = new URLSearchParams(location.search);
  for (const name of NAMES) $('#filters').elements[name].value = query.get(name) ?? '';
}

// The filters that are set, as parameters of the URL.
export function filters() {
  const { elements } = $('#filters');
  return Object.fromEntries(NAMES.map((name) => [name, elements[name].value.trim()]).filter(([, value]) => value));
}

export function holds({ q, listener, user, state, tls, outcome }) {
  const words = (q ?? '').toLowerCase().split(/\s+/).filter(Boolean);
  const name = user?.toLowerCase();
  const listeners = listenersOf(listener ?? '');
  return (session) => (!listener || listeners.includes(session.listener))
    && (!name || (session.user ?? '').toLowerCase().includes(name))
    && (!state || (state === 'open') === (session.ended === null))
    && (!tls || (tls === 'yes') === (session.tls !== null))
    && (!outcome || OUTCOMES[outcome]?.(session))
    && words.every((word) => textFor(session).includes(word));
}

const textFor = ({ id, listener, peer, helo, user, mailbox, rules, ended }) => [id, listener, peer, helo, user, mailbox, ended?.text, ...rules].filter(Boolean).join(' ').toLowerCase();
