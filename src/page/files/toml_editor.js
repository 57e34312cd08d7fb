// Texts of rules and scenarios on their way to the server, and their editor: a text area with the numbers of lines, and the
// loader's errors at their lines. Tab leaves it, as it leaves every field.

import { api } from './api.js';
import { h, fill, debounce } from './dom.js';

const TOML = { type: 'application/toml' };

// Mounts the text of a rule, or replaces a mounted rule by it.
export const mountText = (text, replaced) => (replaced ? api.put(`rules/${replaced.number}`, text, TOML) : api.post('rules', text, TOML));

export const checkScenario = (text) => api.post('scenarios/check', { text });

// A rule is checked as a scenario with nothing else; the first line is that of the scenario.
export async function checkRule(text) {
  const { problems, warnings } = await checkScenario(`mailjig = 1\n${text}`);
  const below = ({ line, ...problem }) => ({ ...problem, line: line && Math.max(1, line - 1) });
  return { problems: problems.map(below), warnings: warnings.map(below) };
}

// ---- the editor

const LINE = 20;
const changed = new Set();

// The browser asks before it leaves texts that were changed.
addEventListener('beforeunload', (event) => {
  if (changed.size) event.preventDefault();
});

// Says that the text of this name was changed and is kept, or no longer.
export function keepAsking(name, isChanged) {
  if (isChanged) changed.add(name);
  else changed.delete(name);
}

export class TomlEditor extends EventTarget {
  // `check(text)` gives `{ problems, warnings }`, each with `line`, `column`, `message`, `help`; `apply(text)` applies it, and
  // gives the text that is then there, or null if it did nothing. Events: `change`.
  constructor(element, { label, action, check, apply }) {
    super();
    Object.assign(this, { check, apply, saved: '', id: element.id });
    this.area = h('textarea', { 'aria-label': label, 'aria-describedby': `${element.id}-problems`, spellcheck: 'false', autocapitalize: 'off', autocomplete: 'off', wrap: 'off', oninput: () => this.#changed() });
    this.area.addEventListener('keydown', (event) => this.#key(event));
    this.numbers = h('div.numbers', { 'aria-hidden': 'true' });
    this.marks = h('div.marks', { 'aria-hidden': 'true' });
    this.list = h('ul.problems', { 'aria-live': 'polite', id: `${element.id}-problems` });
    this.button = h('button.primary', { type: 'button', title: `${action} (Ctrl+Enter)`, onclick: () => this.submit() }, action);
    this.undo = h('button', { type: 'button', onclick: () => this.revert() }, 'Revert');
    this.note = h('span.muted', { role: 'status' });
    const box = h('div.toml', {}, this.numbers, h('div.toml-text', {}, this.marks, this.area));
    const keys = h('span.muted.end', {}, h('kbd', {}, 'Ctrl'), h('kbd', {}, 'Enter'), action.toLowerCase());
    fill(element, box, this.list, h('div.line', {}, this.button, this.undo, this.note, keys));
    this.soon = debounce(250, () => this.#check());
    this.#layOut();
  }

  get text() {
    return this.area.value;
  }

  get isChanged() {
    return this.area.value !== this.saved;
  }

  // Opens a text. `draft` is a changed one that was left before.
  open(saved, { draft = saved, note = '' } = {}) {
    this.saved = saved;
    this.area.value = draft;
    this.note.textContent = note;
    this.#show([]);
    this.#layOut();
    this.#check();
  }

  // What is saved changed elsewhere: shows it, unless the text was changed here.
  update(saved, note = 'It was changed elsewhere meanwhile; Revert shows that.') {
    if (saved === this.saved) return;
    const mine = this.isChanged;
    this.saved = saved;
    if (mine) this.note.textContent = note;
    else this.area.value = saved;
    this.#layOut();
    this.soon();
  }

  // Replaces the text, as if it was typed.
  write(text) {
    this.area.value = text;
    this.#changed();
  }

  revert() {
    this.open(this.saved);
    this.dispatchEvent(new Event('change'));
    this.area.focus();
  }

  async submit() {
    if (this.isBusy) return;
    this.isBusy = true;
    const text = this.area.value;
    try {
      const saved = await this.apply(text);
      if (saved === null) return;
      const isSame = this.area.value === text;
      this.saved = saved;
      if (isSame) this.area.value = saved;
      this.note.textContent = '';
      this.#show([]);
    } catch (error) {
      const problems = error.problems?.length ? error.problems : [{ line: null, message: error.message }];
      this.#show(problems);
      this.list.querySelector('button, span')?.scrollIntoView({ block: 'nearest' });
    } finally {
      this.isBusy = false;
      this.#layOut();
      this.dispatchEvent(new Event('change'));
    }
  }

  #key(event) {
    if (event.key !== 'Enter' || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    this.submit();
  }

  #changed() {
    this.#layOut();
    this.soon();
    this.dispatchEvent(new Event('change'));
  }

  #layOut() {
    const lines = this.area.value.split('\n');
    const count = Math.max(lines.length, 4);
    if (this.numbers.childElementCount !== count) fill(this.numbers, Array.from({ length: count }, (_, index) => h('div', {}, String(index + 1))));
    const longest = lines.reduce((most, line) => Math.max(most, line.length), 0);
    this.area.style.setProperty('height', `${count * LINE}px`);
    this.area.style.setProperty('min-width', `${longest + 3}ch`);
    this.undo.disabled = !this.isChanged;
  }

  async #check() {
    const text = this.area.value;
    if (!text.trim()) return this.#show([]);
    try {
      const { problems, warnings } = await this.check(text);
      // A later answer is on its way if the text is another one by now.
      if (this.area.value === text) this.#show(problems, warnings);
    } catch (error) {
      if (this.area.value === text) this.#show([{ line: null, message: error.message }]);
    }
  }

  #show(problems, warnings = []) {
    const all = [...problems.map((one) => ({ ...one, kind: 'error' })), ...warnings.map((one) => ({ ...one, kind: 'warning' }))];
    const lines = this.area.value.split('\n');
    const placed = all.filter(({ line }, index) => line && all.findIndex((other) => other.line === line) === index);
    fill(this.marks, placed.map(({ line, message, help, kind }) => this.#mark(lines[line - 1] ?? '', line, [message, help].filter(Boolean).join(': '), kind)));
    for (const [index, number] of [...this.numbers.children].entries()) {
      const found = placed.find(({ line }) => line === index + 1);
      number.className = found?.kind ?? '';
    }
    fill(this.list, all.map((problem) => this.#item(problem)));
    this.area.setAttribute('aria-invalid', String(problems.length > 0));
    this.problems = problems;
  }

  // The message stands behind the text, which is laid out as in the text area.
  #mark(text, line, message, kind) {
    return h('div', { class: kind, style: { top: `${(line - 1) * LINE}px` } }, h('i', {}, text), h('span', {}, message));
  }

  #item({ line, column, message, help, kind }) {
    const words = [kind === 'error' ? 'Error' : 'Warning', line && `line ${line}, column ${column}`].filter(Boolean).join(', ');
    const place = line ? h('button.quiet', { type: 'button', onclick: () => this.#go(line, column) }, words) : h('b', {}, words);
    return h('li', { class: kind }, place, h('span', {}, message, help ? h('span.help', {}, help) : null));
  }

  // Puts the caret there.
  #go(line, column) {
    const before = this.area.value.split('\n').slice(0, line - 1);
    const at = before.reduce((sum, one) => sum + one.length + 1, 0) + column - 1;
    this.area.focus();
    this.area.setSelectionRange(at, at);
  }
}
