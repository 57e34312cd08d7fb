// What is seen of an account: the facts of a mailbox, an account, an entry with its message; the tree; the clients.

import { api, escaped, v1, view, isStep, mailboxOf, pathOf, resource } from './api.js';
import { $, h, fill, octets, plural, lineFacts, columns, fillChanged, showProblem, time } from './dom.js';
import { has, keywords, SYSTEM } from './mailbox_entries.js';
import { readable } from './octet_text.js';
import { attempt, copyButton, endSession, tabs } from './page.js';

// The most mailboxes and subscriptions in the panel of an account; the tree has them all.
const MOST = 200;

export function showMailboxFacts(box, isSubscribed) {
  fill($('#box-facts'), lineFacts([
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
  fill($('#box-facts'), lineFacts([
    ['Mailboxes', mailboxes.length.toLocaleString('en')],
    ['Entries', entries.toLocaleString('en')],
    ['Addresses', addresses.length ? addresses.map((address) => [h('bdi', {}, address), ' ']) : 'only its login'],
  ]));
  const row = (box) => {
    const numbers = [box.unseen, box.entries].map((n) => n.toLocaleString('en'));
    const cells = [...numbers, box.uid_validity, box.uid_next].map((n) => h('td.number', {}, String(n)));
    return h('tr', {}, h('td', {}, boxLink(login, box.name)), cells, h('td', {}, box.special_use ?? ''));
  };
  fillChanged($('#account-panel'), account, () => [
    h('table', {}, columns(['Mailbox', 'Unseen', 'Entries', 'UIDVALIDITY', 'UIDNEXT', 'Special use']), h('tbody', {}, mailboxes.slice(0, MOST).map(row))),
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
  const panel = $('#entry-facts');
  showMessage(place, entry);
  const close = h('a.button.quiet.end', { href: pathOf({ ...place, uid: null }), title: 'Close the entry (Esc)', data: { focus: 'close' } }, 'Close');
  $('#entry').hidden = false;
  if (!entry) {
    fillChanged(panel, [place], () => [h('h3', {}, `UID ${place.uid}`, close), h('p', {}, 'No entry of this mailbox has this UID. It may have been expunged, or a filter hides it.')]);
    return;
  }
  const { subject = '', from = '', captured = null } = entries.details.get(entry.message) ?? {};
  const flag = (its) => {
    const onclick = () => entries.toggle(its, [entry]);
    return h('button', { type: 'button', 'aria-pressed': String(has(entry, its)), data: { focus: its }, onclick }, h('bdi', {}, its));
  };
  const raw = v1(mailboxOf(place.login, place.name, String(entry.uid), 'raw'));
  fillChanged(panel, [place, entry, subject, from, captured], () => [
    h('h3', {}, `UID ${entry.uid}`, close),
    h('p.subject', {}, subject ? h('bdi', {}, subject) : h('i.muted', {}, 'no subject')),
    from && h('p.muted.from', {}, h('bdi', {}, from)),
    h('p.flag-row', {}, SYSTEM.map(([, its]) => flag(its)), keywords(entry).map(flag)),
    h('dl.facts', {},
      h('dt', {}, 'Modseq'), h('dd', {}, String(entry.modseq)),
      h('dt', {}, 'Date'), h('dd', {}, time(entry.date)),
      h('dt', {}, 'Size'), h('dd', {}, octets(entry.size)),
      h('dt', {}, 'Message'), h('dd', {}, captured ? h('a', { href: view('messages', entry.message) }, entry.message) : [entry.message, captured === false && ', put in or appended, not captured'])),
    h('p.flag-row', {},
      h('a.button', { href: raw, download: `${entry.message}.eml` }, 'Download .eml'),
      copyButton(() => new URL(raw, location.href).href, 'the URL of the message'),
      h('button.danger', { type: 'button', data: { focus: 'expunge' }, onclick: () => entries.expunge([entry]) }, 'Expunge')),
  ]);
}

// ---- the message of an entry, also one that was put in or appended: its text, its header and its source, from the mailbox

// The most octets that are read and shown.
const MOST_OCTETS = 65_536;

let shown = null;
let reading = new AbortController();

// Shows the message of this entry, unless it is shown already; null hides the place.
function showMessage(place, entry) {
  const panel = $('#entry-message');
  const key = entry && JSON.stringify([place, entry.message]);
  panel.hidden = !entry;
  if (key === shown) return;
  shown = key;
  reading.abort();
  reading = new AbortController();
  if (entry) readMessage(panel, mailboxOf(place.login, place.name, String(entry.uid)), entry.size, reading.signal);
}

// After a reset, other messages have these names.
export const forgetMessage = () => {
  shown = null;
};

async function readMessage(panel, path, size, signal) {
  const note = h('p.muted');
  const code = h('pre.code', { id: 'entry-text', tabIndex: 0, role: 'tabpanel', 'aria-label': 'The message' });
  const list = h('div.tabs', { role: 'tablist', 'aria-label': 'Parts of the message' });
  const problem = h('p.problem', { role: 'alert', hidden: true });
  fill(panel, list, problem, code, note);
  try {
    const part = async (what) => readable((await api.beginning(`${path}/${what}`, MOST_OCTETS, { signal })).octets);
    const [text, source] = await Promise.all(['text', 'raw'].map(part));
    const texts = { Text: text, Header: source.split('\n\n')[0], Source: source };
    const rest = size > MOST_OCTETS ? `The first ${octets(MOST_OCTETS)} of ${octets(size)}; the download has all of it.` : '';
    const show = (name) => {
      code.textContent = texts[name];
      note.textContent = texts[name].trim() ? (name === 'Header' ? '' : rest) : `${name} is empty; Source has what there is.`;
    };
    const first = text.trim() ? 'Text' : 'Source';
    tabs(list, Object.keys(texts), first, 'entry-text', show);
    show(first);
  } catch (error) {
    if (error.name !== 'AbortError') showProblem(problem, error.message);
  }
}

// ---- accounts with their mailboxes, as rows of a tree

// The rows of the accounts, each followed by its mailboxes: `{ key, login, name, depth, label, … }`. `words` must all be
// in the names; the name of an account is null.
export function treeRows(accounts, delimiter, words) {
  const wanted = words.toLowerCase().split(/\s+/).filter(Boolean);
  const has = (text) => wanted.every((word) => text.toLowerCase().includes(word));
  return accounts.flatMap((account) => {
    const { login } = account;
    const shown = account.mailboxes.filter(({ name }) => has(`${login} ${name}`));
    if (!shown.length && !has(login)) return [];
    const unseen = account.mailboxes.reduce((sum, box) => sum + box.unseen, 0);
    const entries = account.mailboxes.reduce((sum, box) => sum + box.entries, 0);
    const subscribed = new Set(account.subscriptions);
    return [
      { key: keyOf(login, null), login, name: null, depth: 0, label: login, unseen, entries },
      ...nested(shown, delimiter).map(({ box, depth, label }) => {
        const { name, unseen: its, entries: all } = box;
        return { key: keyOf(login, name), login, name, depth, label, box, isSubscribed: subscribed.has(name), unseen: its, entries: all };
      }),
    ];
  });
}

export const keyOf = (login, name) => JSON.stringify([login, name]);

// Mailboxes behind the ones that they are below.
function nested(boxes, delimiter) {
  const sorted = boxes.map((box) => ({ box, levels: box.name.split(delimiter) })).sort((a, b) => compare(a.levels, b.levels));
  const above = [];
  return sorted.map(({ box }) => {
    while (above.length && !box.name.startsWith(above.at(-1) + delimiter)) above.pop();
    const depth = above.length + 1;
    const label = above.length ? box.name.slice(above.at(-1).length + delimiter.length) : box.name;
    above.push(box.name);
    return { box, depth, label };
  });
}

function compare(a, b) {
  for (let level = 0; level < Math.min(a.length, b.length); level += 1) {
    if (a[level] === b[level]) continue;
    if (level === 0 && (a[0] === 'INBOX') !== (b[0] === 'INBOX')) return a[0] === 'INBOX' ? -1 : 1;
    return a[level] < b[level] ? -1 : 1;
  }
  return a.length - b.length;
}

export function treeRow(row) {
  const counts = `${row.unseen.toLocaleString('en')} unseen of ${plural(row.entries, 'entry', 'entries')}`;
  return [
    h(`span.label.clip`, { class: row.name === null ? 'account' : '', title: row.name ?? row.login, style: { '--depth': Math.min(row.depth, 8) } }, h('bdi', {}, row.label)),
    row.box?.special_use && h('span.tag', { title: 'Special use' }, row.box.special_use),
    row.isSubscribed && h('span.count', { title: 'Subscribed' }, '✓', h('span.hidden', {}, ' subscribed')),
    h('span.count.end', { title: counts },
      row.unseen > 0 && [h('b', {}, row.unseen.toLocaleString('en')), ' / '], row.entries.toLocaleString('en'),
      h('span.hidden', {}, row.unseen > 0 ? ' unseen of all entries' : ' entries')),
  ];
}

// ---- the clients that are connected to an account, and what the server tells those in IDLE

// The number of pushes that stay on the page.
const KEPT = 200;
const PAGE = 1000;
// The most lines of one push that are shown.
const MOST_LINES = 8;

export class Clients {
  constructor() {
    this.#forget(null);
    this.queue = Promise.resolve();
  }

  #forget(login) {
    this.login = login;
    this.sessions = [];
    this.cursors = new Map();
    this.lines = [];
  }

  // Shows the clients of an account; `name` is the mailbox that is open, or null.
  show(login, name) {
    this.name = name;
    if (login === this.login) return this.#draw();
    this.#forget(login);
    this.#draw();
    return login === null ? undefined : this.update({ sessions: null });
  }

  // Reads what has changed in these sessions; null stands for all.
  update({ sessions, reset = false }) {
    if (this.login === null || (sessions && !sessions.length)) return this.queue;
    if (reset) this.#forget(this.login);
    const { login } = this;
    this.queue = this.queue.then(() => this.#read(login, sessions)).catch((error) => this.#fail(error));
    return this.queue;
  }

  async #read(login, changed) {
    if (login !== this.login) return;
    // A login is found in either case, and may look like a pattern.
    const user = `~(?i)^${escaped(login)}$`;
    const { sessions } = await api.get('sessions', { user, open: true });
    if (login !== this.login) return;
    const before = new Map(this.sessions.map((session) => [session.id, session]));
    this.sessions = sessions;
    const open = new Set(sessions.map(({ id }) => id));
    const touched = new Set([...before.keys(), ...open].filter((id) => !changed || changed.includes(id) || !before.has(id) || !open.has(id)));
    for (const id of touched) await this.#readPushes(login, id);
    for (const id of before.keys()) if (!open.has(id)) await this.#readEnd(login, id);
    if (login === this.login) this.#draw();
  }

  async #readPushes(login, session) {
    for (;;) {
      const { records, next } = await this.#records(session);
      if (login !== this.login) return;
      this.cursors.set(session, next);
      const pushes = records.filter(({ kind }) => kind === 'exchange');
      this.#add(pushes.map(({ seq, at, said }) => ({ seq, at, session, said })));
      if (records.length < PAGE) return;
    }
  }

  // The pushes after what was read; those that were discarded meanwhile are missing.
  async #records(session) {
    const read = () => api.get('journal', { session, event: 'imap.push', after: this.cursors.get(session), limit: PAGE });
    return read().catch((error) => {
      if (error.status !== 410) throw error;
      this.cursors.delete(session);
      return read();
    });
  }

  async #readEnd(login, id) {
    this.cursors.delete(id);
    const session = await api.get(`sessions/${id}`).catch(() => null);
    if (session?.ended && login === this.login) this.#add([{ seq: Infinity, at: session.ended.at, session: id, ended: session.ended.text }]);
  }

  #add(lines) {
    this.lines.push(...lines);
    this.lines.sort((a, b) => (a.at === b.at ? b.seq - a.seq : a.at < b.at ? 1 : -1));
    this.lines.length = Math.min(this.lines.length, KEPT);
  }

  #fail(error) {
    fillChanged($('#clients'), error.message, () => h('p.problem', { role: 'alert' }, error.message));
  }

  #draw() {
    const place = $('#clients');
    const none = h('p.muted', {}, 'No client is connected to this account. Changes are there when one selects the mailbox.');
    fillChanged(place, [this.name, this.sessions], () => (this.sessions.length ? this.sessions.map((session) => this.#client(session)) : none));
    const lines = this.lines.map(push);
    fill($('#pushes'), lines.length ? lines : h('p.muted', {}, 'What the server tells clients in IDLE appears here.'));
  }

  #client(session) {
    const { id, listener, mailbox, idling } = session;
    const isHere = mailbox !== null && mailbox === this.name;
    let state = h('span.tag', {}, 'nothing selected');
    if (idling) state = h('span.tag.good', { title: 'Is told of changes at once' }, 'in IDLE');
    else if (mailbox !== null) state = h('span.tag', { title: 'Is told of changes with the reply to its next command' }, 'not in IDLE');
    return h('div.client', {},
      h('a', { href: view('sessions', id) }, id), h('span.muted', {}, listener),
      mailbox !== null && h('bdi.clip', { class: isHere ? 'here' : '', title: `Has selected ${mailbox}` }, mailbox), state,
      h('button.quiet.end', { type: 'button', 'aria-label': `End session ${id}`, onclick: () => endSession(session) }, 'End…'));
  }
}

function push({ at, session, said: text, ended }) {
  const when = time(at, { millis: true });
  return h('div.push', {}, h('div.when', {}, when, ' ', h('a', { href: view('sessions', session) }, session)), ended ? h('span.muted', {}, ended) : said(text));
}

function said(text) {
  const lines = text.replace(/\r\n$/, '').split('\r\n');
  return [
    h('pre', {}, lines.slice(0, MOST_LINES).map((line, at) => [at > 0 && '\n', h('span.server', {}, 'S: '), line])),
    lines.length > MOST_LINES && h('span.muted', {}, `and ${plural(lines.length - MOST_LINES, 'further line')}, in the session`),
  ];
}
