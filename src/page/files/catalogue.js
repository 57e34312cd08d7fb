// The scenarios that come with mailjig: the list, the one that is open, and the editor of a new rule or of a scenario.

import { api, view, withQuery } from './api.js';
import { $, h, fill, plural, showProblem } from './dom.js';
import { FAULTS } from './fault_templates.js';
import { ask, attempt, say, copyAsTest } from './page.js';
import { scenarioTest } from './rule_words.js';
import { rulesOf, tomlRule } from './toml.js';
import { TomlEditor, checkRule, checkScenario, keepAsking, mountText } from './toml_editor.js';

const FOLDERS = { any: 'Every protocol', smtp: 'SMTP', imap: 'IMAP', pop3: 'POP3', tls: 'TLS' };

export class Catalogue {
  // `inForce()` gives the scenario in force, `edit(text, name)` opens a text, `go(path)` goes to another place of this view.
  constructor({ inForce, edit, go, reload }) {
    this.root = $('#scenario');
    Object.assign(this, { inForce, go, reload });
    $('#load').addEventListener('click', () => this.load());
    $('#add-rules').addEventListener('click', () => this.#addRules());
    $('#edit-copy').addEventListener('click', () => edit(this.open));
    $('#scenario-test').addEventListener('click', () => copyAsTest(`Loads ${this.open.name}, runs the code under test, and fails if an expectation is not met.`, scenarioTest(this.open.name, this.#params())));
    $('#params').addEventListener('submit', (event) => event.preventDefault());
    $('#params').addEventListener('input', () => this.#offer());
  }

  async read() {
    this.all ??= (await api.get('scenarios')).scenarios;
    return this.all;
  }

  // Lists the scenarios that have all of these words.
  list(words, current) {
    const place = $('#scenario-list');
    const text = ({ name, lesson, about, client_must: must }) => `${name} ${lesson} ${about} ${must.join(' ')}`.toLowerCase();
    const found = (this.all ?? []).filter((one) => words.every((word) => text(one).includes(word)));
    const groups = Object.entries(FOLDERS).map(([folder, title]) => [title, found.filter((one) => one.folder === folder)]);
    fill(place, groups.filter(([, its]) => its.length).map(([title, its]) => [h('h2', {}, title), its.map((one) => link(one, current))]));
    return found.length;
  }

  // Opens the scenario of this name, and says whether there is one.
  async show(name) {
    this.wanted = name;
    if (this.open?.name !== name) {
      try {
        const open = await api.get(`scenarios/${encodeURIComponent(name)}`);
        if (this.wanted !== name) return null;
        this.open = open;
      } catch (error) {
        if (this.wanted === name) this.open = null;
        return error.message;
      }
      this.#showOpen();
    }
    this.#offer();
    return null;
  }

  #showOpen() {
    const { name, folder, lesson, about, client_must: must, params, text } = this.open;
    $('h2', this.root).textContent = name;
    $('.tag', this.root).textContent = FOLDERS[folder];
    $('#lesson').textContent = lesson;
    $('#about').textContent = about;
    fill($('#must'), must.length ? ['A correct client must: ', must.map((one) => [h('span.tag', {}, one), ' '])] : []);
    fill($('#params'), params.map(({ name: its, default: value }) => h('label', {}, h('span', {}, `Parameter ${its}`), h('input', { name: its, value, autocomplete: 'off', spellcheck: 'false' }))));
    $('#scenario-text').textContent = text;
    showProblem($('#scenario-problem'));
  }

  // The parameters that differ from their defaults.
  #params() {
    return Object.fromEntries(this.open.params.map(({ name, default: its }) => [name, $('#params').elements[name].value, its]).filter(([, value, its]) => value !== its));
  }

  #all() {
    return Object.fromEntries(this.open.params.map(({ name }) => [name, $('#params').elements[name].value]));
  }

  // Says what the actions would do.
  #offer() {
    const now = this.inForce();
    $('#replaces').textContent = now?.name ? `Load replaces ${now.name}: its ${plural(now.rules.length, 'rule')}, its accounts and its mail. Rules that were added stay; their counts begin again.` : 'No scenario is loaded. Load leaves the rules that were added; their counts begin again.';
    const { whyNot, leavesOut, rules } = rulesOf(this.open.text, this.#all());
    $('#add-rules').disabled = whyNot.length > 0;
    const what = whyNot.includes('no rules') ? 'it has none' : `they need what else is in it: ${whyNot.join(', ')}`;
    $('#why-not').textContent = whyNot.length ? `Its rules cannot be added alone, because ${what}.` : `Add its rules mounts ${plural(rules.length, 'rule')} outside of the others${leavesOut ? ', without the expectations of the scenario' : ''}.`;
  }

  async load() {
    const now = this.inForce();
    const { name } = this.open;
    if (now?.name && !(await ask(`Replace ${now.name}?`, `${name} takes its place: the ${plural(now.rules.length, 'rule')}, the accounts and the mail of ${now.name} are removed. Rules that were added stay, and their counts begin again.`, 'Replace'))) return;
    await this.#try(async () => {
      await api.put('scenario', { name, params: this.#params() });
      say(`Loaded ${name}`);
      await this.reload();
    });
  }

  // The innermost first, because each is mounted outside of the others.
  async #addRules() {
    const { rules } = rulesOf(this.open.text, this.#all());
    const added = [];
    await this.#try(async () => {
      try {
        for (const text of rules.toReversed()) added.unshift(await mountText(text));
      } catch (error) {
        for (const { number } of added) await attempt(() => api.delete(`rules/${number}`));
        throw error;
      }
      say(`Added ${added.map(({ rule }) => rule.id).join(', ')}`);
      await this.reload();
      this.go(view('rules', added[0].rule.id));
    });
  }

  async #try(action) {
    const problem = $('#scenario-problem');
    try {
      await action();
      showProblem(problem);
    } catch (error) {
      showProblem(problem, error.message);
      const name = error.field?.replace(/^params\./, '');
      $('#params').elements[name]?.focus();
    }
  }
}

function link({ name, lesson }, current) {
  return h('a.item', { href: withQuery(view('rules'), { scenario: name }), 'aria-current': name === current ? 'true' : null }, h('b.mono', {}, name), h('span.muted', {}, lesson));
}

// ---- the editor of a new rule or of a scenario, with the form of a template above it

const RULE = `[[rule]]
id = "full"
on = "smtp.rcpt"
when = { rcpt = "*@full.example" }
times = 2
do = { reply = "452 4.2.2 Mailbox full" }
`;
const SCENARIO = `mailjig = 1
about = "The server …"
client_must = ["retry-later"]

${RULE}expect = ">=1"

[[expect]]
id = "sent again"
event = "smtp.message"
`;

const ABOUT = {
  rule: 'One [[rule]] in TOML. It is mounted outside of the rules in force.',
  scenario: 'A scenario in TOML. It replaces the scenario in force: its rules, its accounts and its mail. Rules that were added stay; their counts begin again.',
};

export class EditPane {
  constructor({ go, reload, rules, inForce }) {
    Object.assign(this, { go, reload, rules, inForce });
    // The texts that are edited, by what they are.
    this.texts = new Map();
    this.kind = 'rule';
    this.editor = new TomlEditor($('#editor'), { label: 'Text', action: 'Apply', check: (text) => (this.kind === 'scenario' ? checkScenario(text) : checkRule(text)), apply: (text) => this.#apply(text) });
    this.editor.addEventListener('change', () => this.#changed());
  }

  // Sets the text that is shown next.
  prepare(kind, text) {
    this.texts.set(kind, { text, isChanged: false });
    this.shown = null;
  }

  // Shows what `at` says, and gives the panel.
  show({ template, edit }) {
    const key = template ?? edit;
    if (key === this.shown) return 'editing';
    const fault = template === undefined ? null : FAULTS.find(({ name }) => name === template);
    this.shown = key;
    this.kind = edit === 'scenario' ? 'scenario' : 'rule';
    const form = $('#fault-form');
    form.hidden = true;
    $('#editing h2').textContent = fault ? fault.title : this.kind === 'scenario' ? 'Edit a scenario' : 'New rule';
    const [back, where] = fault ? [`${view('rules')}?templates`, '‹ Templates'] : this.kind === 'scenario' ? [`${view('rules')}?catalogue`, '‹ Catalogue'] : [view('rules'), '‹ Rules'];
    Object.assign($('#editing .back'), { href: back, textContent: where });
    $('#editing-about').textContent = fault ? fault.about : template === undefined ? ABOUT[this.kind] : `There is no template ${template}. ${ABOUT.rule}`;
    const kept = this.texts.get(key);
    const text = kept?.text ?? (this.kind === 'scenario' ? SCENARIO : RULE);
    this.editor.open(kept?.isChanged || fault ? '' : text, { draft: fault ? '' : text });
    if (fault) {
      showFault(form, fault, this.rules(), (its) => this.editor.update(its, 'The text was changed by hand; Revert shows what the form says.'));
      if (kept?.isChanged) this.editor.write(kept.text);
    }
    return 'editing';
  }

  focus() {
    this.editor.area.focus();
  }

  #changed() {
    const { isChanged, text } = this.editor;
    if (isChanged) this.texts.set(this.shown, { text, isChanged });
    else this.texts.delete(this.shown);
    keepAsking(this.shown, isChanged);
  }

  async #apply(text) {
    if (this.kind === 'scenario') return this.#load(text);
    // A template offers to replace the rule that it made before.
    const chosen = $('#fault-form').hidden ? null : $('#fault-form').elements.rule.value;
    const replaced = this.rules().find(({ rule }) => rule.id === chosen);
    const { rule, text: saved } = await mountText(text, replaced);
    say(replaced ? `Replaced ${chosen}` : `Mounted ${rule.id}`);
    await this.reload();
    this.#leave();
    await this.go(view('rules', rule.id));
    return saved;
  }

  async #load(text) {
    const { name } = this.inForce() ?? {};
    const { problems } = await checkScenario(text);
    if (problems.length) throw Object.assign(new Error('The scenario is not valid.'), { problems });
    if (name && !(await ask(`Replace ${name}?`, 'This scenario takes its place: its rules, its accounts and its mail are removed. Rules that were added stay, and their counts begin again.', 'Replace'))) return null;
    const loaded = await api.put('scenario', { text });
    say(`Loaded ${loaded.name}`);
    await this.reload();
    this.#leave();
    await this.go(view('rules'));
    return text;
  }

  // The text is applied: nothing is left to keep.
  #leave() {
    this.texts.delete(this.shown);
    keepAsking(this.shown, false);
    this.shown = null;
  }
}

// ---- the form of a template: its fields write the rule into the editor

// Fills the form and calls `write` with the rule's text, at once and when a field changes. The rule is a new one, or replaces
// that of the template's name in `rules`.
function showFault(form, fault, rules, write) {
  const name = freeName(fault.name, rules);
  const options = [[name, `New rule ${name}`], [fault.name, `Replace ${fault.name}`]].slice(0, name === fault.name ? 1 : 2);
  const controls = [{ name: 'rule', label: 'Rule', value: name, options }, ...fault.fields].map((field) => control(field));
  const make = () => {
    const values = Object.fromEntries(controls.map(({ field, input }) => [field.name, input.value]));
    write(tomlRule({ id: values.rule, ...fault.make(values) }));
  };
  fill(form, controls.map(({ field, input }) => h('label', {}, h('span', {}, field.label), input, field.hint ? h('small.muted', {}, field.hint) : null)));
  form.oninput = make;
  form.onsubmit = (event) => event.preventDefault();
  form.hidden = false;
  make();
}

function control(field) {
  const { name, value, options, min } = field;
  if (options) return { field, input: h('select', { name }, options.map(([its, words]) => h('option', { value: its }, words))) };
  const input = h('input', { name, type: min === undefined ? 'text' : 'number', autocomplete: 'off', spellcheck: 'false' });
  if (min !== undefined) Object.assign(input, { min, step: 1 });
  input.value = value;
  return { field, input };
}

// A name that no rule has yet: `greylist`, `greylist-2`, …
export function freeName(name, rules) {
  const taken = new Set(rules.map(({ rule }) => rule.id));
  if (!taken.has(name)) return name;
  const bare = name.replace(/-\d+$/, '');
  let n = 2;
  while (taken.has(`${bare}-${n}`)) n += 1;
  return `${bare}-${n}`;
}
