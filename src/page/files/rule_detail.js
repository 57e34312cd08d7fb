// The open rule: what it does, its counts, its text, why it did not fire, and where it did.

import { $, $$, h, fill } from './dom.js';
import { api, view } from './api.js';
import { ask, attempt, copy, say } from './page.js';
import { copyAsTest } from './copy_as_test.js';
import { clockTime } from './format.js';
import { TomlEditor } from './toml_editor.js';
import { checkRule, mountText } from './rule_texts.js';
import { ruleTest, rustRule } from './rule_code.js';
import { REASONS, STATUS, conditions, conditionWords, doing, eventsOf, often, originWords, statusWords } from './rule_words.js';

// How many sessions are looked at for those in which the rule fired.
const SESSIONS = 200;
const SHOWN = 20;

// Shows a rule. `go(path)` goes to another place of this view, `changed(key, text)` keeps a text that is not applied.
export class RuleDetail {
  constructor({ go, duplicate, reload, changed }) {
    this.root = $('#rule');
    Object.assign(this, { go, reload, changed });
    this.editor = new TomlEditor($('#rule-editor'), { label: 'Text of the rule', action: 'Apply', check: checkRule, apply: (text) => this.#apply(text) });
    this.editor.addEventListener('change', () => this.changed(this.open.number, this.editor.isChanged ? this.editor.text : null));
    $('#switch').addEventListener('click', () => this.toggle());
    $('#remove').addEventListener('click', () => this.remove());
    $('#duplicate').addEventListener('click', () => duplicate(this.open));
    $('#rule-test').addEventListener('click', () => copyAsTest('Mounts this rule, runs the code under test, and fails if the rule did not fire.', ruleTest(this.open)));
    for (const button of $$('[data-copy]', this.root)) button.addEventListener('click', () => this.copyAs(button.dataset.copy));
  }

  // Shows this rule, which may be a new state of the one that is shown.
  show(rule, draft) {
    const isOther = this.open?.number !== rule.number;
    this.open = rule;
    if (isOther) {
      this.firedAt = -1;
      fill($('#firings'));
      this.editor.open(rule.text, { draft, note: draft === undefined ? '' : 'These changes are not applied yet.' });
    } else this.editor.update(rule.text);
    this.#head(rule);
    this.#nearMisses(rule);
    if (rule.fired !== this.firedAt) this.#firings(rule);
  }

  #head(rule) {
    $('h2', this.root).textContent = rule.rule.id;
    const status = $('#rule-status');
    const words = statusWords(rule);
    if (status.textContent !== words) status.textContent = words;
    status.className = `tag ${rule.status}`;
    status.title = STATUS[rule.status];
    $('#switch').textContent = rule.enabled ? 'Disable' : 'Enable';
    $('#in-words').textContent = `At ${eventsOf(rule.rule).join(', ')}: ${doing(rule.rule)}.`;
    const counts = { asked: rule.asked, fired: rule.fired, 'without effect': rule.without_effect };
    fill($('#counts'), Object.entries(counts).map(([what, n]) => h('div', {}, h('dt', {}, what), h('dd', {}, n.toLocaleString('en')))));
    const when = conditions(rule.rule.when).map(conditionWords);
    const facts = [
      ['When', when.length ? when.map((one) => h('div.mono', {}, one)) : 'always'],
      ['How often', often(rule.rule)],
      rule.rule.expect && ['Must fire', rule.rule.expect],
      rule.shadowed_by && ['Shadowed by', h('a', { href: view('rules', rule.shadowed_by) }, rule.shadowed_by)],
      ['Comes from', `${originWords(rule)} · ${rule.number}`],
    ];
    fill($('#rule-facts'), facts.filter(Boolean).map(([term, what]) => [h('dt', {}, term), h('dd', {}, what)]));
  }

  #nearMisses({ near_misses: misses, fired, asked }) {
    const place = $('#near-misses');
    const text = JSON.stringify(misses);
    if (text === this.misses && place.childElementCount) return;
    this.misses = text;
    const none = fired ? 'Every event that came near it made it fire.' : asked ? 'No event came near it.' : 'No event has reached it yet.';
    const items = misses.map(({ reason, event, session, detail }) => h('li', {}, h('b', {}, REASONS[reason] ?? reason), ' ', session ? h('a.mono', { href: view('sessions', session) }, event) : h('span.mono', {}, event), detail.map((line) => h('pre', {}, line))));
    fill(place, h('h3', {}, 'Why it did not fire'), items.length ? h('ol.misses', {}, items) : h('p.muted', {}, none));
  }

  // The newest sessions in which it fired, with the lines of the newest ones.
  async #firings(rule) {
    this.firedAt = rule.fired;
    const place = $('#firings');
    if (!rule.fired) return fill(place, h('p.muted', {}, 'Nowhere yet.'));
    const name = rule.rule.id;
    try {
      const { sessions } = await api.get('sessions', { order: 'newest', limit: SESSIONS });
      const its = sessions.filter((session) => session.rules?.includes(name)).slice(0, SHOWN);
      const lines = await Promise.all(its.slice(0, 8).map(({ id }) => firedIn(id, name)));
      if (this.open !== rule && this.open.number !== rule.number) return;
      const rows = its.map((session, index) => h('li', {}, h('a', { href: view('sessions', session.id) }, session.id), h('span.muted', {}, `${clockTime(session.opened)} · ${session.listener}`, session.user ? ` · ${session.user}` : ''), (lines[index] ?? []).map((line) => h('code.clip', { title: line }, line))));
      fill(place, rows.length ? h('ul.firings', {}, rows) : h('p.muted', {}, `In none of the last ${SESSIONS} sessions, or outside of sessions.`));
    } catch (error) {
      fill(place, h('p.problem', {}, error.message));
    }
  }

  async #apply(text) {
    const answer = await mountText(text, this.open);
    say(`Applied to ${answer.rule.id}; its counts start again`);
    if (answer.rule.id !== this.open.rule.id) this.go(view('rules', answer.rule.id), { replace: true });
    await this.reload();
    return answer.text;
  }

  async toggle() {
    const { number, enabled } = this.open;
    await attempt(() => api.post(`rules/${number}/${enabled ? 'disable' : 'enable'}`));
    await this.reload();
  }

  async remove() {
    const { number, rule, loaded } = this.open;
    const detail = loaded ? 'It is a rule of the scenario: a reset restores it.' : 'Its text is lost; copy it first if you need it again.';
    if (!(await ask(`Remove the rule ${rule.id}?`, detail, 'Remove'))) return;
    await attempt(() => api.delete(`rules/${number}`), `Removed ${rule.id}`);
    this.changed(number, null);
    this.go(view('rules'));
    await this.reload();
  }

  copyAs(form) {
    const { rule, text } = this.open;
    if (form === 'TOML') return copy(text, 'the rule as TOML');
    if (form === 'JSON') return copy(JSON.stringify(rule, null, 2), 'the rule as JSON');
    const rust = rustRule(rule);
    return rust ? copy(`server.mount(${rust});`, 'the rule as Rust') : copy(ruleTest(this.open).rust, 'a test with the rule, which the builder cannot express');
  }
}

// What the client sent in this session where the rule fired.
async function firedIn(session, name) {
  const { records } = await api.get('journal', { session, kind: 'exchange' });
  const its = records.filter(({ rules }) => rules?.fired.some(({ rule }) => rule === name));
  const lines = its.slice(0, 3).map(({ event, heard }) => (heard ? heard.split('\r\n')[0].slice(0, 200) : event));
  return its.length > 3 ? [...lines, `and ${its.length - 3} more`] : lines;
}
