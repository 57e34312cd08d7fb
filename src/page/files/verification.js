// Expectations, and the report of a verification with links to what it names.

import { $, h, fill } from './dom.js';
import { api, view } from './api.js';
import { attempt } from './page.js';

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
      problem.hidden = true;
      form.reset();
    } catch (error) {
      problem.textContent = error.message;
      problem.hidden = false;
      form.elements[error.field]?.focus();
    }
    await this.read();
  }

  async #remove(id) {
    await attempt(() => api.delete(`expectations/${id}`));
    await this.read();
    $('#verify').focus();
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
    button.focus();
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
