// The editor of a new rule or of a scenario, with the form of a template above it.

import { $ } from './dom.js';
import { api, view } from './api.js';
import { ask, say } from './page.js';
import { faultNamed, freeName, showFault, checkRule, checkScenario, mountText } from './rule_texts.js';
import { keepAsking, TomlEditor } from './toml_editor.js';

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
  scenario: 'A scenario in TOML. It replaces the scenario in force: its rules, its accounts and its mail. Rules that were added stay.',
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
    const fault = template === undefined ? null : faultNamed(template);
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
      showFault(form, fault, freeName(fault.name, this.rules()), (its) => this.editor.update(its, 'The text was changed by hand; Revert shows what the form says.'));
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
    const { rule, text: saved } = await mountText(text);
    say(`Mounted ${rule.id}`);
    await this.reload();
    this.#leave();
    await this.go(view('rules', rule.id));
    return saved;
  }

  async #load(text) {
    const { name } = this.inForce() ?? {};
    const { problems } = await checkScenario(text);
    if (problems.length) throw Object.assign(new Error('The scenario is not valid.'), { problems });
    if (name && !(await ask(`Replace ${name}?`, 'This scenario takes its place: its rules, its accounts and its mail are removed.', 'Replace'))) return null;
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
