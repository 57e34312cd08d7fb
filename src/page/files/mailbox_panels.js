// What is open: the facts of a mailbox, an account, an entry.

import { api, v1, view } from './api.js';
import { $, h, fill } from './dom.js';
import { octets, plural } from './format.js';
import { has, keywords, SYSTEM } from './mailbox_flags.js';
import { attempt, copyButton } from './page.js';
import { isStep, mailboxOf, pathOf, resource } from './place.js';

// The most mailboxes and subscriptions in the panel of an account; the tree has them all.
const MOST = 200;

const drawn = new WeakMap();

// Replaces the children of an element, unless they show this data already: what has the focus is not lost without need.
export function fillChanged(element, data, content) {
  const key = JSON.stringify(data);
  if (drawn.get(element) === key) return false;
  drawn.set(element, key);
  fill(element, content());
  return true;
}

export function facts(pairs) {
  return pairs.filter(Boolean).map(([term, ...what]) => h('div', {}, h('dt', {}, term), h('dd', {}, what)));
}

export function showMailboxFacts(box, isSubscribed) {
  fill($('#box-facts'), facts([
    ['UIDVALIDITY', String(box.uid_validity)],
    ['UIDNEXT', String(box.uid_next)],
    ['HIGHESTMODSEQ', String(box.highest_modseq)],
    ['Entries', box.entries.toLocaleString('en')],
    ['Unseen', box.unseen.toLocaleString('en')],
    box.special_use && ['Special use', box.special_use],
  ]));
  $('[data-do=subscribe]').setAttribute('aria-pressed', String(isSubscribed));
}

export function showAccount(account) {
  const { login, addresses, mailboxes, subscriptions } = account;
  const entries = mailboxes.reduce((sum, box) => sum + box.entries, 0);
  fill($('#box-facts'), facts([
    ['Mailboxes', mailboxes.length.toLocaleString('en')],
    ['Entries', entries.toLocaleString('en')],
    ['Addresses', addresses.length ? addresses.map((address) => [h('bdi', {}, address), ' ']) : 'only its login'],
  ]));
  const head = ['Mailbox', 'Unseen', 'Entries', 'UIDVALIDITY', 'UIDNEXT', 'Special use'].map((title) => h('th', { scope: 'col' }, title));
  const row = (box) => {
    const numbers = [box.unseen, box.entries].map((n) => n.toLocaleString('en'));
    const cells = [...numbers, box.uid_validity, box.uid_next].map((n) => h('td.number', {}, String(n)));
    return h('tr', {}, h('td', {}, boxLink(login, box.name)), cells, h('td', {}, box.special_use ?? ''));
  };
  fillChanged($('#account-panel'), account, () => [
    h('table', {}, h('thead', {}, h('tr', {}, head)), h('tbody', {}, mailboxes.slice(0, MOST).map(row))),
    mailboxes.length > MOST && h('p.muted', {}, `The tree has the other ${mailboxes.length - MOST}.`),
    h('h3', {}, 'Subscriptions'),
    subscriptions.length
      ? h('ul.plain', {}, subscriptions.slice(0, MOST).map((name) => subscription(login, name, mailboxes)))
      : h('p.muted', {}, 'The account has not subscribed to any mailbox.'),
  ]);
}

const boxLink = (login, name) => (isStep(name) ? h('bdi', {}, name) : h('a', { href: pathOf({ login, name }) }, h('bdi', {}, name)));

function subscription(login, name, mailboxes) {
  const isThere = mailboxes.some((box) => box.name === name);
  return h('li', {}, h('bdi', {}, name), ' ', !isThere && h('span.muted', {}, '(there is no such mailbox) '),
    h('button.quiet', { type: 'button', onclick: () => attempt(() => api.delete(resource('accounts', login, 'subscriptions', name))) }, 'Unsubscribe'));
}

// Shows an entry, or that it is gone. `entries` makes the changes.
export function showEntry(place, entry, entries) {
  const panel = $('#entry');
  const close = h('a.button.quiet.end', { href: pathOf({ ...place, uid: null }), title: 'Close the entry (Esc)', data: { focus: 'close' } }, 'Close');
  const focused = panel.contains(document.activeElement) ? document.activeElement.dataset.focus : null;
  panel.hidden = false;
  if (!entry) {
    fillChanged(panel, [place], () => [h('h3', {}, `UID ${place.uid}`, close), h('p', {}, 'No entry of this mailbox has this UID. It may have been expunged, or a filter hides it.')]);
    return;
  }
  const { subject = '', from = '' } = entries.details.get(entry.message) ?? {};
  const flag = (its) => {
    const onclick = () => entries.toggle(its, [entry]);
    return h('button', { type: 'button', 'aria-pressed': String(has(entry, its)), data: { focus: its }, onclick }, h('bdi', {}, its));
  };
  const raw = v1(mailboxOf(place.login, place.name, String(entry.uid), 'raw'));
  const isDrawn = fillChanged(panel, [place, entry, subject, from], () => [
    h('h3', {}, `UID ${entry.uid}`, close),
    h('p.subject', {}, h('bdi', {}, subject || '(no subject)')),
    from && h('p.muted.from', {}, h('bdi', {}, from)),
    h('p.flag-row', {}, SYSTEM.map(([, its]) => flag(its)), keywords(entry).map(flag)),
    h('dl.facts', {},
      h('dt', {}, 'Modseq'), h('dd', {}, String(entry.modseq)),
      h('dt', {}, 'Date'), h('dd', {}, entry.date),
      h('dt', {}, 'Size'), h('dd', {}, octets(entry.size)),
      h('dt', {}, 'Message'), h('dd.message', { data: { message: entry.message } }, entry.message)),
    h('p.flag-row', {},
      h('a.button', { href: raw, download: `${entry.message}.eml` }, 'Download .eml'),
      copyButton(() => new URL(raw, location.href).href, 'the URL of the message'),
      h('button.danger', { type: 'button', data: { focus: 'expunge' }, onclick: () => entries.expunge([entry]) }, 'Expunge')),
  ]);
  if (!isDrawn) return;
  linkMessage(entry.message);
  if (focused) panel.querySelector(`[data-focus="${CSS.escape(focused)}"]`)?.focus();
}

// Whether messages were captured, by their names. Those that were put in or appended were not.
const captured = new Map();

async function linkMessage(message) {
  if (!captured.has(message)) captured.set(message, api.get(`messages/${message}`).then(() => true, () => false));
  const isCaptured = await captured.get(message);
  const place = $(`#entry dd[data-message="${message}"]`);
  if (place) fill(place, isCaptured ? h('a', { href: view('messages', message) }, message) : `${message}, put in or appended, not captured`);
}

// After a reset, other messages have these names.
export const forgetMessages = () => captured.clear();
