// The view of the sessions: the list, and the session that the URL names beside it.

import { api, onUpdate, resource, segmentsOf, v1, view, withQuery } from './api.js';
import { $, fill, h, throttle, duration, plural } from './dom.js';
import { visible } from './octet_text.js';
import { attempt, copy, endSession, shortcut, showTitle } from './page.js';
import { SessionReader, endedBadly } from './session_lines.js';
import { SessionList, filters, readFilters } from './session_list.js';
import { factsPanel, lasted, messagesIn, stateOf } from './session_row.js';
import { sessionAsTest } from './session_tests.js';
import { Timeline } from './timeline.js';

// ---- the open session: its heading, its lines, its facts, and what can be done with it

// Findings of a session with more lines are read when they are asked for: there may be one for each line.
const MANY_LINES = 20_000;

class SessionView {
  constructor() {
    this.timeline = new Timeline();
    this.id = null;
    this.requests = 0;
    this.readFindings = throttle(1500, () => this.findingsNow());
    this.drawFacts = throttle(400, () => this.factsNow());
    $('#end').addEventListener('click', () => endSession(this.session));
    $('#test').addEventListener('click', () => attempt(() => sessionAsTest(this.session)));
    $('#copy').addEventListener('click', () => attempt(async () => copy(await api.text(`sessions/${this.id}/transcript`), 'the transcript')));
    $('#facts-toggle').addEventListener('click', () => this.toggleFacts());
  }

  // Opens a session, or closes what is open with null.
  async show(id) {
    if (id === this.id) return;
    this.reader?.stop();
    this.id = id;
    this.reader = null;
    this.session = null;
    this.messages = [];
    this.findings = null;
    this.offer = null;
    if (!id) return;
    $('#session').hidden = true;
    $('#gone').hidden = true;
    await this.readSession();
    if (this.id !== id || !this.session) return;
    this.reader = new SessionReader(id, (lines) => this.changed(lines), (problem) => this.fail(problem));
    this.timeline.begin(this.reader, { isOpen: !this.session.ended });
    $('#session').hidden = false;
    $('#facts-toggle').setAttribute('aria-pressed', String($('#facts').checkVisibility()));
    $('#download').href = v1(`sessions/${id}/transcript`, { verbatim: true });
    $('#download').download = `${id}.session`;
    this.reader.read();
  }

  // Takes an update of the server.
  async update({ all, removed, reset, sessions }) {
    const { id } = this;
    if (!id) return;
    if (all || removed || reset || sessions === null || sessions.includes(id)) {
      const { opened } = this.session ?? {};
      await this.readSession();
      if (this.id !== id || !this.session) return;
      if (opened !== this.session.opened) {
        // Numbers begin again after a reset: this is another session. Or it could not be read before.
        this.id = null;
        this.show(id);
        return;
      }
      this.reader?.read();
    }
  }

  async readSession() {
    const { id } = this;
    const request = (this.requests += 1);
    try {
      const session = await api.get(resource('sessions', id));
      if (this.id !== id || this.requests !== request) return;
      this.session = session;
      this.head();
    } catch (error) {
      if (this.id === id) this.fail(error);
    }
  }

  fail(problem) {
    // While the connection is lost, which the bar at the top says, what was read stays.
    if (problem.status === 0 && this.session) return;
    this.session = null;
    $('#session').hidden = true;
    $('#gone').hidden = false;
    const isGone = problem.status === 404;
    $('#gone h2').textContent = isGone ? `There is no session ${this.id}` : problem.status === 410 ? 'Its lines are gone' : 'The session cannot be read';
    $('#gone p').textContent = isGone ? 'It was deleted, with the journal or by a reset, or there never was one.' : problem.message;
  }

  head() {
    const { id, listener, user, helo, ended } = this.session;
    const name = user ?? helo;
    showTitle(`${id} ${listener}`);
    fill($('#session-title'), id, ' ', h('span.title-listener', {}, listener), name === null ? null : h('span.title-name', { dir: 'ltr' }, visible(name)));
    const state = ended ? `${stateOf(this.session)} after ${duration(lasted(this.session))}` : stateOf(this.session);
    fill($('#session-state'), ended ? null : h('span.dot', { 'aria-hidden': 'true' }), state);
    $('#session-state').title = state;
    $('#session-state').classList.toggle('bad', endedBadly(this.session));
    $('#end').hidden = ended !== null;
    this.drawFacts();
  }

  changed(lines) {
    this.timeline.show(lines);
    $('#partial').hidden = !lines.isPartial;
    this.drawFacts();
    if (!this.reader.isComplete) return;
    if (lines.lines.length <= MANY_LINES) this.readFindings();
    else this.offer ??= h('button', { type: 'button', onclick: () => this.findingsNow() }, `Read the findings of ${plural(lines.lines.length, 'line')}`);
  }

  async findingsNow() {
    const { id } = this;
    if (!id) return;
    const { findings } = await api.get('findings', { session: id }).catch(() => ({ findings: [] }));
    if (this.id !== id) return;
    this.findings = findings;
    this.timeline.mark(findings);
    this.drawFacts();
  }

  async factsNow() {
    const { id, reader, session } = this;
    if (!id || !session) return;
    if (reader?.isComplete) {
      const messages = await messagesIn(reader.lines, this.messages);
      if (this.id !== id) return;
      this.messages = messages;
    }
    const focused = document.activeElement?.closest('#facts') ? document.activeElement.getAttribute('href') : null;
    fill($('#facts'), factsPanel(this.session ?? session, this.messages, this.findings, reader?.isComplete ? reader.lines : null, this.offer));
    if (focused) $(`#facts a[href="${CSS.escape(focused)}"]`)?.focus();
  }

  toggleFacts() {
    const isShown = $('#facts').checkVisibility();
    $('#session').classList.toggle('with-facts', !isShown);
    $('#session').classList.toggle('without-facts', isShown);
    $('#facts-toggle').setAttribute('aria-pressed', String(!isShown));
  }
}

// ---- which session is open, and the keys

const list = new SessionList({ open: (id) => go(id), changed: () => highlight() });
const session = new SessionView();
const openId = () => segmentsOf(location.pathname)[1] ?? null;

function go(id) {
  if (id === openId()) return;
  history.pushState(null, '', withQuery(id ? view('sessions', id) : view('sessions'), filters()));
  show();
}

function show() {
  const id = openId();
  $('#split').classList.toggle('open', id !== null);
  if (!id) showTitle();
  list.layOut();
  session.show(id);
  highlight();
}

// The cursor of the list is at the session that is open.
function highlight() {
  const id = openId();
  const at = id ? list.list.indexOf(id) : -1;
  if (at >= 0 && at !== list.list.cursor) list.list.moveTo(at);
}

addEventListener('popstate', () => {
  readFilters();
  show();
});
addEventListener('resize', () => list.layOut());
addEventListener('hashchange', () => {
  const seq = Number(/^#r(\d+)$/.exec(location.hash)?.[1]);
  const index = session.reader?.lines.lines.findIndex((line) => line.seq === seq) ?? -1;
  if (index >= 0) session.timeline.goTo(index);
});

const isOpen = () => openId() !== null && session.session !== null;
const step = (by) => () => (isOpen() ? session.timeline.move(by) : list.list.moveTo(list.list.cursor + by, { focus: true }));
const neighbour = (by) => () => {
  const at = list.list.cursor + by;
  if (!list.list.items[at]) return;
  list.list.moveTo(at);
  if (openId()) go(list.list.items[at].id);
};
const marked = () => (openId() && document.activeElement !== list.list.element ? openId() : list.list.items[list.list.cursor]?.id);

shortcut('j', 'Next line, or next session in the list', step(1));
shortcut('k', 'Previous line, or previous session in the list', step(-1));
shortcut(']', 'Next session of the list', neighbour(1));
shortcut('[', 'Previous session of the list', neighbour(-1));
shortcut('n', 'Next problem', () => isOpen() && session.timeline.problem(1));
shortcut('p', 'Previous problem', () => isOpen() && session.timeline.problem(-1));
shortcut('f', 'Follow the session: stay at the end', () => isOpen() && session.timeline.follow(!session.timeline.follows));
shortcut('i', 'Show or hide the facts', () => isOpen() && session.toggleFacts());
shortcut('e', 'End the session', () => isOpen() && !session.session.ended && endSession(session.session));
shortcut('y', 'Copy as test', () => (isOpen() ? $('#test') : $('#list-test')).click());
shortcut('x', 'Mark the session to compare it', () => marked() && list.mark(marked()));
shortcut('c', 'Compare the two marked sessions', () => (list.marks.length === 2 ? list.compare() : isOpen() && pickFor(openId())));
shortcut('/', 'Search the lines, or the sessions', () => (isOpen() ? $('#line-search') : $('#filters').elements.q).focus());
shortcut('Escape', 'Close the line, then the session', () => list.stopPicking() || session.timeline.close({ focus: true }) || back());

function back() {
  if (!openId()) return;
  go(null);
  list.list.element.focus();
}

function pickFor(id) {
  list.pick(id);
  // A narrow window shows the list only without a session.
  if (!$('#picking').checkVisibility()) go(null);
}

$('#back').addEventListener('click', back);
$('#compare-with').addEventListener('click', () => pickFor(openId()));
$('#stop-picking').addEventListener('click', () => list.stopPicking());
$('#previous-problem').addEventListener('click', () => session.timeline.problem(-1));
$('#next-problem').addEventListener('click', () => session.timeline.problem(1));

show();
onUpdate((update) => {
  list.update(update);
  session.update(update);
});
