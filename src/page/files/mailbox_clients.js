// The clients that are connected to an account, and what the server tells those in IDLE.

import { api, view } from './api.js';
import { $, h, fill, clockTime, plural } from './dom.js';
import { openForm } from './page.js';

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
    const user = `~(?i)^${login.replace(/[\\^$.*+?()[\]{}|#&~-]/g, '\\$&')}$`;
    const { sessions } = await api.get('sessions', { user, open: true });
    if (login !== this.login) return;
    const before = new Map(this.sessions.map((session) => [session.id, session]));
    this.sessions = sessions;
    const open = new Set(sessions.map(({ id }) => id));
    const touched = new Set([...before.keys(), ...open].filter((id) => !changed || changed.includes(id) || !before.has(id) || !open.has(id)));
    for (const id of touched) await this.#readPushes(login, id);
    for (const id of before.keys()) if (!open.has(id)) await this.#readEnd(id);
    if (login === this.login) this.#draw();
  }

  async #readPushes(login, session) {
    for (;;) {
      const { records, next } = await api.get('journal', { session, event: 'imap.push', after: this.cursors.get(session) ?? 0, limit: PAGE });
      if (login !== this.login) return;
      this.cursors.set(session, next);
      const pushes = records.filter(({ kind }) => kind === 'exchange');
      this.#add(pushes.map(({ seq, at, said }) => ({ seq, at, session, said })));
      if (records.length < PAGE) return;
    }
  }

  async #readEnd(id) {
    this.cursors.delete(id);
    const session = await api.get(`sessions/${id}`).catch(() => null);
    if (session?.ended) this.#add([{ seq: Infinity, at: session.ended.at, session: id, ended: session.ended.text }]);
  }

  #add(lines) {
    this.lines.push(...lines);
    this.lines.sort((a, b) => (a.at === b.at ? b.seq - a.seq : a.at < b.at ? 1 : -1));
    this.lines.length = Math.min(this.lines.length, KEPT);
  }

  #fail(error) {
    fill($('#clients'), h('p.problem', { role: 'alert' }, error.message));
  }

  #draw() {
    const place = $('#clients');
    const named = (element) => element.getAttribute('href') ?? element.dataset.session;
    const focused = place.contains(document.activeElement) ? named(document.activeElement) : null;
    const none = h('p.muted', {}, 'No client is connected to this account. Changes are there when one selects the mailbox.');
    fill(place, this.sessions.length ? this.sessions.map((session) => this.#client(session)) : none);
    if (focused) [...place.querySelectorAll('a, button')].find((element) => named(element) === focused)?.focus();
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
      h('button.quiet.end', { type: 'button', data: { session: id }, 'aria-label': `End session ${id}`, onclick: () => this.#end(session) }, 'End…'));
  }

  #end({ id }) {
    openForm('end-form', {}, ({ reply }) => api.delete(`sessions/${id}`, { reply }));
    $('#end-form-title').textContent = `End session ${id}`;
  }
}

function push({ at, session, said: text, ended }) {
  const when = h('time', { datetime: at }, clockTime(at, { millis: true }));
  return h('div.push', {}, h('div.when', {}, when, ' ', h('a', { href: view('sessions', session) }, session)), ended ? h('span.muted', {}, ended) : said(text));
}

function said(text) {
  const lines = text.replace(/\r\n$/, '').split('\r\n');
  return [
    h('pre', {}, lines.slice(0, MOST_LINES).map((line, at) => [at > 0 && '\n', h('span.server', {}, 'S: '), line])),
    lines.length > MOST_LINES && h('span.muted', {}, `and ${plural(lines.length - MOST_LINES, 'further line')}, in the session`),
  ];
}
