// The state that rules work with: the scenario in force, the clock, the variables; and what is expected.

import { api, view } from './api.js';
import { $, $$, h, fill, clockTime, plural, showProblem } from './dom.js';
import { ask, attempt, say } from './page.js';

export class Board {
  // `reload` reads everything again, `seen(state)` gets what is known, for the line above the list.
  constructor({ reload, seen }) {
    Object.assign(this, { reload, seen });
    this.variables = new Map();
    $('#pause').addEventListener('click', () => this.toggleClock());
    for (const button of $$('#advance [data-by]')) button.addEventListener('click', () => this.advance(button.dataset.by));
    $('#advance').addEventListener('submit', (event) => {
      event.preventDefault();
      this.advance($('#advance').elements.by.value);
    });
    $('#add-variable').addEventListener('submit', (event) => {
      event.preventDefault();
      this.#add(event.target);
    });
    $('#reset').addEventListener('click', () => this.#reset());
    setInterval(() => this.#tick(), 1000);
  }

  async read() {
    const [scenario, clock, variables] = await Promise.all([api.get('scenario'), api.get('clock'), api.get('state')]);
    Object.assign(this, { scenario, clock, readAt: Date.now() });
    this.#showScenario();
    this.#showClock();
    this.#showVariables(variables);
    this.seen({ scenario, clock, variables });
  }

  // ---- the scenario

  #showScenario() {
    const { name, about, client_must: must, seed, rules, warnings } = this.scenario;
    const text = JSON.stringify(this.scenario);
    if (text === this.shown) return;
    this.shown = text;
    const place = $('#scenario-now');
    if (name === null) return fill(place, h('p', {}, `None is loaded; the seed is ${seed}.`), h('p', {}, h('a.button', { href: view('rules') + '?catalogue' }, 'Open the catalogue')));
    fill(
      place,
      h('p', {}, h('b.mono', {}, name)),
      about && h('p', {}, about),
      h('dl.facts', {}, must?.length ? [h('dt', {}, 'Client must'), h('dd', {}, must.map((one) => h('span.tag', {}, one)))] : null, h('dt', {}, 'Seed'), h('dd', {}, String(seed)), h('dt', {}, 'Rules'), h('dd', {}, rules.length ? rules.map((rule) => [h('a.mono', { href: view('rules', rule) }, rule), ' ']) : 'none')),
      warnings?.map((warning) => h('pre.notice', {}, warning)),
      h('div.line', {}, h('button', { type: 'button', id: 'unload', onclick: () => this.#unload() }, 'Unload')),
    );
  }

  async #unload() {
    const { name, rules } = this.scenario;
    if (!(await ask(`Unload ${name}?`, `Its ${plural(rules.length, 'rule')}, its accounts and its mail are removed. Rules that were added stay.`, 'Unload'))) return;
    await attempt(() => api.delete('scenario'), `Unloaded ${name}`);
    await this.reload();
  }

  // ---- the clock

  #showClock() {
    const { paused } = this.clock;
    const text = paused ? 'paused' : 'running';
    const state = $('#clock-state');
    if (state.textContent !== text) state.textContent = text;
    $('#pause').textContent = paused ? 'Resume' : 'Pause';
    this.#tick();
  }

  #tick() {
    if (!this.clock) return;
    const now = Date.parse(this.clock.now) + (this.clock.paused ? 0 : Date.now() - this.readAt);
    const place = $('#now');
    place.dateTime = new Date(now).toISOString();
    place.textContent = clockTime(now);
  }

  async toggleClock() {
    await attempt(() => api.post(`clock/${this.clock.paused ? 'resume' : 'pause'}`));
    await this.reload();
  }

  async advance(by) {
    const problem = $('#advance + .problem');
    try {
      const { timed_out: ended } = await api.post('clock/advance', { by });
      showProblem(problem);
      say(`Advanced the clock by ${by}${ended ? `. ${plural(ended, 'session')} timed out.` : ''}`);
    } catch (error) {
      showProblem(problem, error.message);
    }
    await this.reload();
  }

  // ---- the variables

  // Keeps the rows, so that a value that is being typed is not lost.
  #showVariables(variables) {
    const body = $('#variables tbody');
    for (const [name, row] of this.variables) {
      if (name in variables) continue;
      row.remove();
      this.variables.delete(name);
    }
    for (const [name, value] of Object.entries(variables)) {
      const row = this.variables.get(name) ?? this.#row(name, body);
      row.show(value);
    }
    $('#variables').hidden = this.variables.size === 0;
  }

  #row(name, body) {
    const input = h('input', { 'aria-label': `Value of ${name}`, autocomplete: 'off', spellcheck: 'false' });
    const set = () => this.#set(name, input.value);
    const form = h('form', { onsubmit: (event) => (event.preventDefault(), set()) }, input);
    const row = h('tr', {}, h('th', { scope: 'row', class: 'mono' }, name), h('td', {}, form), h('td', {}, h('button', { type: 'button', onclick: set }, 'Set')));
    row.show = (value) => {
      const text = shown(value);
      // Its text is the user's while it differs from what was shown.
      if (input.value === (row.text ?? input.value)) input.value = text;
      row.text = text;
    };
    this.variables.set(name, row);
    body.append(row);
    return row;
  }

  async #set(name, text) {
    const problem = $('#add-variable + .problem');
    try {
      await api.put('state', { [name]: typed(text) });
      showProblem(problem);
      this.variables.get(name)?.show(typed(text));
      say(`Set ${name}`);
    } catch (error) {
      showProblem(problem, error.message);
      return false;
    }
    await this.reload();
    return true;
  }

  async #add(form) {
    const name = form.elements.name.value.trim();
    if (!name) return form.elements.name.focus();
    if (await this.#set(name, form.elements.value.value)) {
      form.reset();
      form.elements.name.focus();
    }
  }

  // ---- the server

  async #reset() {
    if (!(await ask('Reset the server?', 'Mail, accounts, rules, expectations, scenario, variables, webhooks, counts and clock are again as at the start. Open sessions are ended.', 'Reset'))) return;
    await attempt(() => api.post('reset'), 'Reset the server');
    await this.reload();
  }
}

// A value as it is typed: text in quotes if it would be something else without them.
function shown(value) {
  return typeof value === 'string' && typed(value) !== value ? JSON.stringify(value) : String(value);
}

function typed(text) {
  if (text === 'true' || text === 'false') return text === 'true';
  if (/^-?\d+$/.test(text) && Number.isSafeInteger(Number(text))) return Number(text);
  if (/^".*"$/s.test(text)) {
    try {
      return JSON.parse(text);
    } catch {
      return text;
    }
  }
  return text;
}

// ---- expectations, and the report of a verification with links to what it names

export class Verification {
  // `rules()` gives the rules that are known.
  constructor({ rules }) {
    this.rules = rules;
    this.rows = '';
    this.expectations = [];
    $('#verify').addEventListener('click', () => this.verify());
    $('#expect-form').addEventListener('submit', (event) => {
      event.preventDefault();
      this.#expect(event.target);
    });
  }

  async read() {
    const { expectations } = await api.get('expectations');
    const text = JSON.stringify(expectations);
    this.expectations = expectations;
    if (text === this.rows) return;
    this.rows = text;
    const item = ({ id, matcher, times, matched, met }) => h('li', {}, h('span.tag', { class: met ? 'good' : 'bad' }, met ? '✓ met' : '✗ not met'), h('span.grow', {}, `${times} `, h('span.mono', {}, matcher), h('span.muted', {}, ` · ${matched} so far`)), h('button.quiet', { type: 'button', 'aria-label': `Remove the expectation ${id}`, onclick: () => this.#remove(id) }, 'Remove'));
    fill($('#expectations'), expectations.map(item));
  }

  async #expect(form) {
    const problem = $('.problem', form);
    const body = Object.fromEntries([...new FormData(form)].filter(([, value]) => value.trim()));
    try {
      await api.post('expectations', body);
      showProblem(problem);
      form.reset();
      this.#forget();
    } catch (error) {
      showProblem(problem, error.message);
      form.elements[error.field]?.focus();
    }
    await attempt(() => this.read());
  }

  async #remove(id) {
    await attempt(async () => {
      await api.delete(`expectations/${id}`);
      this.#forget();
      await this.read();
    });
    $('#verify').focus();
  }

  // The verdict was about other expectations.
  #forget() {
    $('#verdict').textContent = '';
    $('#report').hidden = true;
  }

  async verify() {
    const verdict = $('#verdict');
    const button = $('#verify');
    const report = $('#report');
    button.disabled = true;
    verdict.className = '';
    verdict.textContent = 'Waiting for the server to settle …';
    try {
      await api.post('verify');
      report.hidden = true;
      verdict.className = 'good';
      verdict.textContent = '✓ Every expectation is met.';
    } catch (error) {
      verdict.className = 'bad';
      verdict.textContent = error.status === 409 ? '✗ Not as expected:' : error.message;
      report.hidden = error.status !== 409;
      if (error.status === 409) fill(report, linked(error.message, new Set(this.rules().map(({ rule }) => rule.id))));
    }
    button.disabled = false;
    // A button that is disabled loses the focus.
    if (document.activeElement === document.body) button.focus();
  }
}

// A report as text, with links to rules, sessions and messages, and marks for what is met and what is not.
function linked(text, names) {
  return text.split('\n').map((line) => {
    const kind = line.startsWith('✗') ? 'bad' : line.startsWith('✓') ? 'good' : null;
    return [kind ? h('b', { class: kind }, links(line, names)) : links(line, names), '\n'];
  });
}

const NAMED = /rule `([^`]+)`|(?<![\w`"@.-])([sm])(\d+)(?![\w`"@-])/g;

function links(line, names) {
  const parts = [];
  let from = 0;
  for (const found of line.matchAll(NAMED)) {
    const [whole, rule, kind, number] = found;
    const isRule = rule !== undefined;
    if (isRule && !names.has(rule)) continue;
    const at = isRule ? found.index + 6 : found.index;
    const label = isRule ? rule : whole;
    parts.push(line.slice(from, at), h('a', { href: isRule ? view('rules', rule) : view(kind === 's' ? 'sessions' : 'messages', `${kind}${number}`) }, label));
    from = at + label.length;
  }
  return [...parts, line.slice(from)];
}
