// The open rule: what it does, its counts, its text, why it did not fire, and where it did; and the list of rules.

import { $, $$, h, fill, throttle, time, facts, lineFacts } from './dom.js';
import { api, view } from './api.js';
import { ask, attempt, copy, say, copyAsTest } from './page.js';
import { REASONS, STATUS, conditions, conditionWords, doing, eventsOf, often, originWords, ruleTest, rustRule, statusWords } from './rule_words.js';
import { TomlEditor, checkRule, mountText } from './toml_editor.js';
import { WindowedList } from './windowed_list.js';

// How many sessions are looked at for those in which the rule fired, and in how many of these for the lines.
const SESSIONS = 100;
const DETAILED = 10;

// Shows a rule. `go(path)` goes to another place of this view, `changed(key, text)` keeps a text that is not applied.
export class RuleDetail {
  constructor({ go, duplicate, reload, changed }) {
    this.root = $('#rule');
    Object.assign(this, { go, reload, changed });
    this.editor = new TomlEditor($('#rule-editor'), { label: 'Text of the rule', action: 'Apply', check: checkRule, apply: (text) => this.#apply(text) });
    this.editor.addEventListener('change', () => this.changed(this.open.number, this.editor.isChanged ? this.editor.text : null));
    this.firingsSoon = throttle(500, () => this.#firings());
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
      this.firedAt = null;
      this.looksBack = false;
      fill($('#firings'));
      fill($('#fired-again'));
      this.editor.open(rule.text, { draft, note: draft === undefined ? '' : 'These changes are not applied yet.' });
    } else this.editor.update(rule.text);
    this.#head(rule);
    this.#nearMisses(rule);
    // A rule that was replaced counts from 0.
    const firedAt = `${rule.fired} ${rule.text}`;
    if (firedAt !== this.firedAt) this.firingsSoon();
    this.firedAt = firedAt;
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
    const counts = [['asked', rule.asked], ['fired', rule.fired], ['without effect', rule.without_effect]];
    fill($('#counts'), lineFacts(counts.map(([what, n]) => [what, n.toLocaleString('en')])));
    const when = conditions(rule.rule.when).map(conditionWords);
    const its = [
      ['When', when.length ? when.map((one) => h('div.mono', {}, one)) : 'always'],
      ['How often', often(rule.rule)],
      rule.rule.expect && ['Must fire', rule.rule.expect],
      rule.shadowed_by && ['Shadowed by', h('a', { href: view('rules', rule.shadowed_by) }, rule.shadowed_by)],
      ['Comes from', `${originWords(rule)} · ${rule.number}`],
    ];
    fill($('#rule-facts'), facts(its));
  }

  #nearMisses({ near_misses: misses, fired, asked }) {
    const place = $('#near-misses');
    const text = JSON.stringify(misses);
    if (text === this.misses && place.childElementCount) return;
    this.misses = text;
    const none = fired ? 'Every event that came near it made it fire.' : asked ? 'No event came near it.' : 'No event has reached it yet.';
    const items = misses.map(({ reason, event, session, journal_ref: seq, detail }) => h('li', {}, h('b', {}, REASONS[reason] ?? reason), ' ', session ? h('a.mono', { href: `${view('sessions', session)}${seq === null ? '' : `#r${seq}`}` }, event) : h('span.mono', {}, event), detail.map((line) => h('pre', {}, line))));
    fill(place, h('h3', {}, 'Why it did not fire'), items.length ? h('ol.misses', {}, items) : h('p.muted', {}, none));
  }

  // The newest sessions in which it fired. Those that are shown stay while older ones are looked at.
  async #firings() {
    const { number, rule, fired } = this.open;
    const place = $('#firings');
    if (this.looksBack) return fill($('#fired-again'), h('button', { type: 'button', onclick: () => this.#lookAgain() }, 'Show the newest sessions again'));
    if (!fired) return fill(place, h('p.muted', {}, 'Nowhere yet.'));
    const found = await firedIn(rule.id, null);
    if (this.open.number === number && !this.looksBack) fill(place, this.#page(rule.id, found));
  }

  #lookAgain() {
    this.looksBack = false;
    fill($('#fired-again'));
    this.#firings();
    $('#firings').focus();
  }

  // Some sessions, and a button for older ones.
  #page(name, { rows, older, problem }) {
    if (problem) return h('p.problem', {}, problem);
    const more = async ({ currentTarget: button }) => {
      this.looksBack = true;
      button.disabled = true;
      const page = h('div', { tabIndex: -1 }, this.#page(name, await firedIn(name, older)));
      button.replaceWith(page);
      page.focus();
    };
    const list = rows.length ? h('ul.firings', {}, rows) : h('p.muted', {}, older ? 'In none of these sessions.' : 'In no other session that is kept.');
    return [list, older && h('button', { type: 'button', onclick: more }, 'Look at older sessions')];
  }

  async #apply(text) {
    // Replacing a rule sets its counts back.
    if (text === this.open.text) {
      say('Nothing was changed');
      return null;
    }
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
    await attempt(async () => {
      await api.delete(`rules/${number}`);
      this.changed(number, null);
      this.go(view('rules'));
    }, `Removed ${rule.id}`);
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

// Sessions in which the rule of this name fired, among some that began before the cursor.
async function firedIn(name, before) {
  try {
    const { sessions, older } = await api.get('sessions', { order: 'newest', limit: SESSIONS, before });
    const its = sessions.filter(({ rules }) => rules.includes(name));
    return { rows: await Promise.all(its.map((session, index) => row(session, name, index < DETAILED))), older };
  } catch (error) {
    return { problem: error.message };
  }
}

// A session, with what the client sent where the rule fired.
async function row(session, name, isDetailed) {
  const lines = isDetailed ? await linesOf(session.id, name) : [];
  return h('li', {}, h('a', { href: view('sessions', session.id) }, session.id), h('span.muted', {}, time(session.opened), ` · ${session.listener}`, session.user ? ` · ${session.user}` : ''), lines);
}

async function linesOf(session, name) {
  const { records } = await api.get('journal', { session, kind: 'exchange' });
  const its = records.filter(({ rules }) => rules?.fired.some(({ rule }) => rule === name));
  const lines = its.slice(0, 3).map(({ seq, event, heard }) => h('a.mono.clip', { href: `${view('sessions', session)}#r${seq}` }, (heard ?? '').split('\r\n')[0].slice(0, 200) || event));
  return its.length > 3 ? [...lines, h('span.muted', {}, `and ${its.length - 3} more`)] : lines;
}

// ---- the rulebook as a list, the outermost rule first

const MARKS = { armed: '●', disabled: '○', 'used-up': '◌', shadowed: '◐' };

export class RuleList {
  // `open(rule)` opens a rule, `isDraft(number)` says whether its text was changed and not applied.
  constructor({ open, isDraft }) {
    this.list = new WindowedList($('#rule-list'), {
      rowHeight: 58,
      label: 'Rules, the outermost first',
      key: ({ number }) => number,
      render: (rule) => ruleRow(rule, isDraft(rule.number)),
    });
    this.list.addEventListener('open', ({ detail }) => open(detail.item));
  }

  // Shows the rules that have all of these words, and says how many. `current` is the open one.
  show(rules, words, current) {
    const text = (rule) => `${rule.number} ${rule.text} ${rule.status} ${rule.origin}`.toLowerCase();
    const found = words.length ? rules.filter((rule) => words.every((word) => text(rule).includes(word))) : rules;
    this.list.set(found);
    const at = current ? found.indexOf(current) : -1;
    if (at >= 0 && current.number !== this.current) this.list.moveTo(at);
    this.current = current?.number ?? null;
    return found.length;
  }

  redraw() {
    this.list.set(this.list.items);
  }

  step(by) {
    this.list.moveTo(this.list.cursor + by, { focus: true });
  }
}

function ruleRow(rule, isDraft) {
  const { rule: its, status, fired, asked, without_effect: without } = rule;
  const when = conditions(its.when).map(conditionWords).join(', ');
  const counts = [`asked ${asked}`, without ? `${without} without effect` : null].filter(Boolean).join(' · ');
  return [
    h('span.state', { class: status, 'aria-hidden': 'true' }, MARKS[status]),
    h('span.words', {}, h('span.clip', {}, h('b.mono', {}, its.id), ' ', h('span.muted.mono', {}, eventsOf(its).join(', '))), h('span.clip.muted', { title: doing(its) }, when ? `${when} → ${doing(its)}` : doing(its))),
    h('span.numbers-of', {}, h('span.tag', { class: fired && status === 'armed' ? 'rule' : status }, statusWords(rule)), h('span.count', {}, isDraft ? 'edited · ' : '', rule.loaded ? 'scenario · ' : '', counts)),
  ];
}
