// The list of sessions: filtered, live, with marks for two that are to be compared.

import { api, view, withQuery } from './api.js';
import { $, h, fill, debounce, time, duration, plural, showProblem } from './dom.js';
import { visible } from './octet_text.js';
import { copyButton } from './page.js';
import { endedBadly, incomplete, isBadEnding, listenersOf, shortEnding } from './session_lines.js';
import { lasted, stateOf } from './session_row.js';
import { listAsTest } from './session_tests.js';
import { WindowedList } from './windowed_list.js';

const LINE = 32;
const TWO_LINES = 54;

export class SessionList {
  // `open(id)` opens a session; `changed()` is called when the sessions have changed.
  constructor({ open, changed }) {
    Object.assign(this, { open });
    this.marks = [];
    this.store = new SessionStore(() => {
      showProblem($('#list-problem'));
      this.apply();
      changed();
    }, (problem) => this.fail(problem));
    this.list = new WindowedList($('#sessions'), { rowHeight: LINE, label: 'Sessions, the newest first', key: ({ id }) => id, render: (session) => this.row(session) });
    this.list.addEventListener('open', ({ detail }) => this.chosen(detail.item.id));
    readFilters();
    $('#filters').addEventListener('input', debounce(120, () => this.filter()));
    $('#filters').addEventListener('change', () => this.filter());
    $('#filters').addEventListener('submit', (event) => event.preventDefault());
    $('#clear').addEventListener('click', () => {
      $('#filters').reset();
      for (const field of $('#filters').elements) field.value = '';
      this.filter();
    });
    $('#compare').addEventListener('click', () => this.compare());
    $('#list-test').addEventListener('click', () => this.asTest());
    // The durations of open sessions grow.
    setInterval(() => !document.hidden && this.list.items.some(({ ended }) => !ended) && this.redraw(), 1000);
  }

  update(update) {
    return this.store.update(update);
  }

  // With a session open beside it, each row has two lines.
  layOut() {
    const isNarrow = $('#split').classList.contains('open') || window.innerWidth <= 900;
    $('#split').classList.toggle('narrow', isNarrow);
    this.list.rowHeight = isNarrow ? TWO_LINES : LINE;
    this.apply();
  }

  filter() {
    history.replaceState(history.state, '', withQuery(location.pathname, filters()) + location.hash);
    this.apply();
  }

  apply() {
    const { sessions, isComplete } = this.store;
    const its = filters();
    const shown = Object.keys(its).length ? sessions.filter(holds(its)) : sessions;
    this.list.set(shown);
    const text = shown.length === sessions.length ? plural(shown.length, 'session') : `${shown.length.toLocaleString('en')} of ${plural(sessions.length, 'session')}`;
    if ($('#count').textContent !== text) $('#count').textContent = text;
    // Before, it would count too few.
    $('#list-test').disabled = !isComplete;
    $('#none').hidden = sessions.length > 0 || !isComplete;
    $('#no-match').hidden = shown.length > 0 || sessions.length === 0;
    $('#sessions').hidden = $('#columns').hidden = shown.length === 0;
    $('#clear').hidden = !Object.keys(its).length;
    if (!$('#none').hidden) sayHow();
    this.marks = this.marks.filter((id) => this.store.byId.has(id));
    this.showMarks();
  }

  redraw() {
    this.list.drawn.clear();
    this.list.draw();
  }

  fail(problem) {
    showProblem($('#list-problem'), problem.message);
  }

  row(session) {
    const { id, listener, peer, user, helo, opened, messages, tls, ended, refused, rules } = session;
    const mark = this.marks.indexOf(id);
    const name = user ?? helo;
    const isNarrow = $('#split').classList.contains('narrow');
    const shown = isNarrow ? 1 : 6;
    return h('div.session', { class: mark >= 0 ? 'is-marked' : null },
      h('span.id', {}, id, mark >= 0 ? h('span.mark', { title: 'Marked to compare' }, ` ${'①②'[mark]}`) : null),
      h('span.listener', {}, listener),
      h('span.name.clip', { class: name === null ? 'muted' : null, dir: 'ltr', title: name === null ? null : visible(name) }, name === null ? 'no name' : visible(name)),
      h('span.peer.clip', {}, peer),
      h('span.when', {}, time(opened)),
      h('span.long', { class: ended ? null : 'is-open' }, ended ? duration(lasted(session)) : `● ${duration(Math.floor(lasted(session) / 1e6) * 1e6 || 1e6)}`),
      h('span.mail', {}, messages ? `${messages} ✉` : '', messages ? h('span.hidden', {}, ' messages') : null),
      h('span.secure', {}, tls ? 'TLS' : ''),
      h('span.notes', {},
        refused ? h('span.tag.bad', { title: plural(refused, 'refused request') }, `✗ ${refused}`, isNarrow ? h('span.hidden', {}, ' refused') : ' refused') : null,
        ended ? endingTag(session) : null,
        !ended && session.idling ? h('span.tag.good', {}, 'IDLE') : null,
        rules.slice(0, shown).map((rule) => h('span.tag.rule', { title: visible(rule) }, visible(rule))),
        rules.length > shown ? h('span.count', { title: rules.slice(shown).map(visible).join(', ') }, `+${rules.length - shown}`) : null));
  }

  // The code cannot search words: it has the other filters.
  asTest() {
    const { q, ...others } = filters();
    listAsTest(others, this.store.sessions.filter(holds(others)));
  }

  // ---- comparing

  // Marks a session, or takes the mark away. At most two have one.
  mark(id) {
    this.marks = this.marks.includes(id) ? this.marks.filter((its) => its !== id) : [...this.marks.slice(-1), id];
    this.redraw();
    this.showMarks();
  }

  showMarks() {
    const [first, second] = this.marks;
    const button = $('#compare');
    button.hidden = !first;
    button.disabled = !second;
    button.textContent = second ? `Compare ${first} with ${second}` : `Compare ${first} with…`;
    $('#picking').hidden = !this.picking;
  }

  // The next session that is opened is compared with this one.
  pick(id) {
    this.picking = id;
    $('#picking b').textContent = id;
    $('#picking').hidden = false;
    this.list.element.focus();
  }

  stopPicking() {
    const was = this.picking;
    this.picking = null;
    $('#picking').hidden = true;
    return Boolean(was);
  }

  compare() {
    if (this.marks.length === 2) location.href = view('sessions', this.marks[0], 'compare', this.marks[1]);
  }

  chosen(id) {
    if (this.picking && this.picking !== id) location.href = view('sessions', this.picking, 'compare', id);
    else if (!this.picking) this.open(id);
  }
}

// A session that broke off in the middle of something did not only forget to say QUIT.
function endingTag(session) {
  const { listener, ended: { ending } } = session;
  const part = incomplete(session);
  const title = stateOf(session);
  if (part) return h('span.tag.bad', { title }, '! ', h('span.what', {}, `${part.split(' ')[0]} `), 'incomplete');
  if (ending === 'clean') return null;
  return isBadEnding(ending) ? h('span.tag.bad', { title }, `! ${shortEnding(ending, listener)}`) : h('span.tag', { title }, shortEnding(ending, listener));
}

let endpoints = null;

// Commands that open a session, with the ports of this server.
async function sayHow() {
  if (endpoints) return;
  endpoints = await api.get('endpoints').then((its) => its.endpoints, () => ({}));
  const { smtp, imap, pop3, imaps } = endpoints;
  const commands = [
    smtp && ['SMTP, by hand', `nc -C ${smtp.host} ${smtp.port}`],
    smtp && ['SMTP, with STARTTLS', `openssl s_client -quiet -crlf -starttls smtp -connect ${smtp.host}:${smtp.port}`],
    smtp && ['SMTP, a message', `swaks --server ${smtp.host}:${smtp.port} --to bob@example.org`],
    imap && ['IMAP', `curl imap://${imap.host}:${imap.port}/INBOX -u bob@example.org:any -X 'UID SEARCH ALL'`],
    imaps && ['IMAP over TLS, by hand', `openssl s_client -quiet -crlf -connect ${imaps.host}:${imaps.port}`],
    pop3 && ['POP3', `curl pop3://${pop3.host}:${pop3.port}/ -u bob@example.org:any`],
  ].filter(Boolean);
  fill($('#commands'), commands.map(([what, command]) => [h('dt', {}, what), h('dd', {}, h('code', {}, command), copyButton(command, 'the command'))]));
}

// ---- the filters, which are in the URL

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

const TLS = {
  yes: (session) => session.tls !== null,
  no: (session) => session.tls === null,
  failed: (session) => session.tls_failure !== null,
};

export function holds({ q, listener, user, state, tls, outcome }) {
  const words = (q ?? '').toLowerCase().split(/\s+/).filter(Boolean);
  const name = user?.toLowerCase();
  const listeners = listenersOf(listener ?? '');
  return (session) => (!listener || listeners.includes(session.listener))
    && (!name || (session.user ?? '').toLowerCase().includes(name))
    && (!state || (state === 'open') === (session.ended === null))
    && (!tls || TLS[tls]?.(session))
    && (!outcome || OUTCOMES[outcome]?.(session))
    && words.every((word) => textFor(session).includes(word));
}

const textFor = ({ id, listener, peer, helo, user, mailbox, rules, ended }) => [id, listener, peer, helo, user, mailbox, ended?.text, ...rules].filter(Boolean).join(' ').toLowerCase();

// ---- the sessions of the server, the newest first, kept up to date

// Read in pages, the first one small.

const FIRST = 100;
const PAGE = 1000;
// More changes than this are read as a page.
const MOST_SINGLE = 8;

const numberOf = (id) => Number(id.slice(1));

class SessionStore {
  // `changed()` is called when the sessions have changed; `failed(problem)` if they cannot be had.
  constructor(changed, failed) {
    Object.assign(this, { changed, failed });
    this.byId = new Map();
    this.sessions = [];
    this.isComplete = false;
    this.waiting = [];
    this.isReading = false;
  }

  // Takes an update of the server.
  async update(update) {
    this.waiting.push(update);
    if (this.isReading) return;
    this.isReading = true;
    try {
      while (this.waiting.length) {
        const updates = this.waiting.splice(0);
        const isAll = updates.some(({ all, removed, reset, sessions }) => all || removed || reset || sessions === null);
        if (isAll) await this.readAll();
        else await this.readSome([...new Set(updates.flatMap(({ sessions }) => sessions))]);
      }
    } catch (error) {
      this.failed(error);
    } finally {
      this.isReading = false;
    }
  }

  async readAll() {
    const byId = new Map();
    let before = null;
    do {
      const { sessions, older } = await api.get('sessions', { order: 'newest', limit: before === null ? FIRST : PAGE, before });
      for (const session of sessions) byId.set(session.id, session);
      before = older;
      // While the pages come, what was known stays; the first time, each page is shown.
      if (!this.isComplete) this.replace(byId, before === null);
    } while (before !== null);
    this.replace(byId, true);
  }

  async readSome(ids) {
    if (!ids.length) return;
    if (ids.length > MOST_SINGLE) return this.readSince(Math.min(...ids.map(numberOf)));
    const found = await Promise.all(ids.map((id) => api.get(`sessions/${id}`).catch((error) => (error.status === 404 ? null : Promise.reject(error)))));
    found.forEach((session, i) => (session ? this.byId.set(ids[i], session) : this.byId.delete(ids[i])));
    this.replace(this.byId, true);
  }

  async readSince(lowest) {
    let before = null;
    do {
      const { sessions, older } = await api.get('sessions', { order: 'newest', limit: PAGE, before });
      for (const session of sessions) this.byId.set(session.id, session);
      before = older !== null && numberOf(sessions.at(-1).id) > lowest ? older : null;
    } while (before !== null);
    this.replace(this.byId, true);
  }

  replace(byId, isComplete) {
    this.byId = byId;
    this.sessions = [...byId.values()].sort((a, b) => numberOf(b.id) - numberOf(a.id));
    this.isComplete ||= isComplete;
    this.changed();
  }
}
