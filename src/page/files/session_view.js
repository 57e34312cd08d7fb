// The open session: its heading, its lines, its facts, and what can be done with it.

import { api, v1, resource } from './api.js';
import { $, fill, h, throttle, duration, plural } from './dom.js';
import { visible } from './octet_text.js';
import { attempt, copy, showTitle } from './page.js';
import { SessionReader, endedBadly, protocolOf } from './session_lines.js';
import { factsPanel, lasted, messagesIn, stateOf } from './session_row.js';
import { sessionAsTest } from './session_tests.js';
import { Timeline } from './timeline.js';

// Findings of a session with more lines are read when they are asked for: there may be one for each line.
const MANY_LINES = 20_000;

export class SessionView {
  constructor() {
    this.timeline = new Timeline();
    this.id = null;
    this.requests = 0;
    this.readFindings = throttle(1500, () => this.findingsNow());
    this.drawFacts = throttle(400, () => this.factsNow());
    $('#end').addEventListener('click', () => this.end());
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

  async end() {
    const { id, listener } = this.session;
    const reply = await askHowToEnd(id, listener);
    if (reply === null) return;
    await attempt(() => api.delete(`sessions/${id}`, { reply }), `Ended ${id}`);
  }
}

// ---- asks with which reply a session ends

const REPLIES = {
  smtp: ['421 4.3.2 Service shutting down', '421 4.4.2 Connection timed out'],
  imap: ['* BYE Server shutting down', '* BYE [UNAVAILABLE] Try again later'],
  pop3: ['-ERR [SYS/TEMP] Server shutting down', '-ERR [IN-USE] Try again later'],
};

// The reply, `''` for none, or null if the session is to go on.
function askHowToEnd(id, listener) {
  const dialog = $('#end-session');
  const field = $('#end-reply');
  $('h2', dialog).textContent = `End session ${id}`;
  const [usual] = REPLIES[protocolOf(listener)];
  field.value = usual;
  fill($('#end-replies'), [...REPLIES[protocolOf(listener)], ''].map((reply) => h('button.quiet', { type: 'button', onclick: () => ((field.value = reply), field.focus()) }, reply || 'no reply')));
  dialog.returnValue = 'no';
  dialog.showModal();
  return new Promise((resolve) => dialog.addEventListener('close', () => resolve(dialog.returnValue === 'yes' ? field.value : null), { once: true }));
}
