// Texts of rules and scenarios on their way to the server, and the form that writes one.

import { api } from './api.js';
import { h, fill } from './dom.js';
import { FAULTS } from './fault_templates.js';
import { tomlRule } from './toml.js';

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

// ---- the form of a fault: its fields write the rule into the editor

// Fills the form and calls `write` with the rule's text, at once and when a field changes. The rule is a new one, or replaces
// that of the template's name in `rules`.
export function showFault(form, fault, rules, write) {
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

export const faultNamed = (name) => FAULTS.find((fault) => fault.name === name);

// A name that no rule has yet: `greylist`, `greylist-2`, …
export function freeName(name, rules) {
  const taken = new Set(rules.map(({ rule }) => rule.id));
  if (!taken.has(name)) return name;
  const bare = name.replace(/-\d+$/, '');
  let n = 2;
  while (taken.has(`${bare}-${n}`)) n += 1;
  return `${bare}-${n}`;
}
