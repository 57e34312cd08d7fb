// The view of rules: the rulebook, the catalogue, templates, and what is open.

import { $, $$, h, fill, throttle, plural } from './dom.js';
import { api, base, view, withQuery, onUpdate, segmentsOf } from './api.js';
import { ask, attempt, say, shortcut, copyAsTest, followLinks, showTitle } from './page.js';
import { Board, Verification } from './board.js';
import { Catalogue, EditPane, freeName } from './catalogue.js';
import { FAULTS } from './fault_templates.js';
import { RuleDetail, RuleList } from './rule_detail.js';
import { verifyTest } from './rule_words.js';
import { keepAsking } from './toml_editor.js';
import { tomlRule } from './toml.js';

const HOME = view('rules');
const PANELS = ['board', 'rule', 'gone', 'scenario', 'choose', 'editing'];

let rules = [];
// Texts that were changed and not applied, by the number of the rule.
const drafts = new Map();

const list = new RuleList({ open: (rule) => go(view('rules', rule.rule.id)), isDraft: (number) => drafts.has(number) });
const detail = new RuleDetail({ go, duplicate, reload: read, changed: keep });
const board = new Board({ reload: read, seen: showStrip });
const verification = new Verification({ rules: () => rules });
const catalogue = new Catalogue({ inForce: () => board.scenario, edit: (scenario) => editScenario(scenario), go, reload: read });
const editing = new EditPane({ go, reload: read, rules: () => rules, inForce: () => board.scenario });

// ---- what is open

function place() {
  const query = new URLSearchParams(location.search);
  const [, rule] = segmentsOf(location.pathname);
  if (rule !== undefined) return { kind: 'rulebook', panel: 'rule', name: rule };
  if (query.get('scenario')) return { kind: 'catalogue', panel: 'scenario', name: query.get('scenario') };
  if (query.has('catalogue') || query.has('scenario')) return { kind: 'catalogue', panel: 'choose', list: true };
  if (query.get('template')) return { kind: 'templates', panel: 'editing', template: query.get('template') };
  if (query.has('templates') || query.has('template')) return { kind: 'templates', panel: 'choose', list: true };
  if (query.has('edit')) return { kind: query.get('edit') === 'scenario' ? 'catalogue' : 'rulebook', panel: 'editing', edit: query.get('edit') };
  return { kind: 'rulebook', panel: 'board', list: !query.has('server') };
}

async function go(path, { replace = false } = {}) {
  if (path !== location.pathname + location.search) history[replace ? 'replaceState' : 'pushState'](null, '', path);
  await arrive();
}

async function arrive() {
  await show();
  regainFocus();
  if (place().panel === 'board') await read();
}

// The focus was in what is hidden now: it goes to what is shown in its place.
function regainFocus() {
  const active = document.activeElement;
  if (active && active !== document.body && active.checkVisibility()) return;
  const shown = $$('#split > .detail > article:not([hidden]), #split > .list > .scroll:not([hidden])').reverse();
  shown.find((element) => element.checkVisibility())?.focus();
}

const CHOOSE = {
  catalogue: ['Scenarios that come with mailjig', 'Each makes the server fail in one way that clients have met, and says what a correct client must do. Choose one to read it, to load it, to add its rules, or to edit a copy.'],
  templates: ['Common faults', 'Choose one, and fill in its form: it writes the rule for you.'],
};

let shows = 0;

async function show() {
  const at = place();
  const mine = (shows += 1);
  showTitle(at.name ?? at.template);
  $('#split').classList.toggle('open', !at.list);
  for (const link of $$('.kinds a')) link.setAttribute('aria-current', String(link.dataset.kind === at.kind));
  $('#scenario-list').hidden = at.kind !== 'catalogue';
  $('#template-list').hidden = at.kind !== 'templates';
  if (at.kind === 'catalogue') await attempt(() => catalogue.read());
  // Something else was opened meanwhile.
  if (mine !== shows) return;
  showList(at);
  let { panel } = at;
  if (panel === 'rule') panel = showRule(at.name);
  if (panel === 'scenario') panel = await showScenario(at.name);
  if (mine !== shows) return;
  if (panel === 'choose') fill($('#choose .empty'), h('h2', {}, CHOOSE[at.kind][0]), h('p', {}, CHOOSE[at.kind][1]));
  if (panel === 'editing') panel = editing.show(at);
  for (const id of PANELS) $(`#${id}`).hidden = id !== panel;
}

function showList(at = place()) {
  const words = $('#search').value.toLowerCase().split(/\s+/).filter(Boolean);
  const isRulebook = at.kind === 'rulebook';
  const empty = isRulebook && rules.length === 0;
  let found = 0;
  if (isRulebook) found = list.show(rules, words, at.panel === 'rule' ? findRule(at.name) : null);
  if (at.kind === 'catalogue') keepFocus($('#scenario-list'), () => (found = catalogue.list(words, at.name)));
  if (at.kind === 'templates') keepFocus($('#template-list'), () => (found = listTemplates(words, at.template)));
  $('#rule-list').hidden = !isRulebook || found === 0;
  $('#no-rules').hidden = !empty;
  for (const id of ['order', 'innermost']) $(`#${id}`).hidden = !isRulebook || found === 0;
  $('#none-found').hidden = found > 0 || empty;
  $('#remove-all').hidden = !isRulebook || empty;
  $('#rule-count').textContent = rules.length ? String(rules.length) : '';
}

function listTemplates(words, current) {
  const found = FAULTS.filter(({ title, about }) => words.every((word) => `${title} ${about}`.toLowerCase().includes(word)));
  fill($('#template-list'), found.map(({ name, title, about }) => h('a.item', { href: withQuery(HOME, { template: name }), 'aria-current': name === current ? 'true' : null }, h('b', {}, title), h('span.muted', {}, about))));
  return found.length;
}

// Draws a list of links again; the focus stays at the same link.
function keepFocus(element, draw) {
  const href = element.contains(document.activeElement) ? document.activeElement.getAttribute('href') : null;
  draw();
  if (href) $$('a', element).find((link) => link.getAttribute('href') === href)?.focus();
}

const findRule = (name) => rules.find(({ rule }) => rule.id === name) ?? rules.find(({ number }) => number === name);

function showRule(name) {
  const found = findRule(name);
  if (found) {
    detail.show(found, drafts.get(found.number));
    return 'rule';
  }
  const draft = drafts.get(detail.open?.rule.id === name ? detail.open.number : null);
  $('#gone p').textContent = `No rule is named ${name} now. It was removed, or the server was reset.`;
  fill($('#gone .empty'), $('#gone h2'), $('#gone p'), draft && h('pre.code', { tabIndex: 0 }, draft), h('p', {}, h('a.button', { href: HOME }, 'All rules')));
  return 'gone';
}

async function showScenario(name) {
  const problem = await catalogue.show(name);
  if (problem === null) return 'scenario';
  fill($('#choose .empty'), h('h2', {}, 'There is no such scenario'), h('p', {}, problem));
  return 'choose';
}

function keep(number, text) {
  if (text === null) drafts.delete(number);
  else drafts.set(number, text);
  keepAsking(number, text !== null);
  list.redraw();
}

function duplicate({ rule }) {
  editing.prepare('rule', tomlRule({ ...rule, id: freeName(rule.id, rules) }));
  go(withQuery(HOME, { edit: 'rule' }));
}

function editScenario({ text }) {
  // The name of a file is that of its scenario; a copy has none.
  editing.prepare('scenario', text.replace(/^name = .*\n/m, ''));
  go(withQuery(HOME, { edit: 'scenario' }));
}

// ---- reading

let reading = Promise.resolve();
let following = null;

// Reads everything that this view shows. Calls while it reads share one that follows.
function read() {
  following ??= reading.catch(() => {}).then(() => {
    following = null;
    reading = readAll();
    return reading;
  });
  return following;
}

async function readAll() {
  try {
    rules = (await api.get('rules')).rules;
    // Counting messages for expectations is work for the server: only where they are seen.
    await Promise.all([board.read(), place().panel === 'board' ? verification.read() : null]);
  } catch (error) {
    if (error.status) say(error.message, 'error');
    return;
  }
  await show();
}

function showStrip({ scenario, clock, variables }) {
  const count = Object.keys(variables).length;
  const parts = [scenario.name === null ? 'No scenario' : `Scenario ${scenario.name}`, clock.paused ? 'clock paused' : 'clock running', count ? plural(count, 'variable') : null];
  $('#strip span').textContent = parts.filter(Boolean).join(' · ');
}

const readSoon = throttle(250, read);
onUpdate((update) => {
  if (update.all || update.rules || update.reset || update.messages) readSoon();
});

// ---- actions

$('#search').addEventListener('input', () => showList());
$('#clear-search').addEventListener('click', () => {
  $('#search').value = '';
  showList();
  $('#search').focus();
});
$('#remove-all').addEventListener('click', async () => {
  const own = rules.filter(({ loaded }) => loaded).length;
  const detail = own ? `${plural(own, 'rule')} of the scenario ${own === 1 ? 'is' : 'are'} among them; a reset restores these.` : 'A reset does not restore them.';
  if (!(await ask(`Remove ${rules.length === 1 ? 'the rule' : `all ${rules.length} rules`}?`, detail, 'Remove all'))) return;
  await attempt(() => api.delete('rules'), 'Removed all rules');
  await read();
});
$('#verify-copy').addEventListener('click', async () => {
  const all = await attempt(() => catalogue.read());
  if (!all) return;
  const { name, seed } = board.scenario;
  copyAsTest('Fails with a report if a rule or an expectation is not met.', verifyTest(rules, all.some((one) => one.name === name) ? name : null, seed, verification.expectations));
});

followLinks(HOME, ({ pathname, search }) => go(pathname + search));
addEventListener('popstate', arrive);

// ---- keys

// What copies the open panel as a test.
const TESTS = { board: '#verify-copy', rule: '#rule-test', scenario: '#scenario-test' };

// The links of the list that is shown, or null for the rulebook.
const links = () => ({ catalogue: $$('#scenario-list a'), templates: $$('#template-list a') })[place().kind] ?? null;

function step(by) {
  const all = links();
  if (!all) return list.step(by);
  const at = all.indexOf(document.activeElement);
  const from = at < 0 ? all.findIndex((link) => link.hasAttribute('aria-current')) : at;
  all[Math.max(0, Math.min(from + by, all.length - 1))]?.focus();
}

// What the URL names may not have been read yet.
const isShown = (panel) => !$(`#${panel}`).hidden;

shortcut('j', 'Next', () => step(1));
shortcut('k', 'Previous', () => step(-1));
shortcut('Escape', 'Close what is open', () => go({ catalogue: `${HOME}?catalogue`, templates: `${HOME}?templates` }[place().kind] ?? HOME));
shortcut('/', 'Search', () => $('#search').focus());
shortcut('n', 'New rule', () => go(withQuery(HOME, { edit: 'rule' })).then(() => editing.focus()));
shortcut('c', 'Catalogue', () => go(`${HOME}?catalogue`).then(() => step(1)));
shortcut('t', 'Templates', () => go(`${HOME}?templates`).then(() => step(1)));
shortcut('y', 'Copy as test', () => $(TESTS[place().panel])?.click());
shortcut('v', 'Verify', () => go(`${HOME}?server`).then(() => verification.verify()));
shortcut('p', 'Pause or resume the clock', () => board.toggleClock());
shortcut('l', 'Load the open scenario', () => isShown('scenario') && catalogue.load());
shortcut('e', 'Edit the open rule', () => isShown('rule') && detail.editor.area.focus());
shortcut('d', 'Disable or enable the open rule', () => isShown('rule') && detail.toggle());
shortcut('Delete', 'Remove the open rule', () => isShown('rule') && detail.remove());

// ---- the empty rulebook says how to begin

$('#no-rules-command').textContent = `curl -X POST ${location.origin}${base}/rules \\
  -H 'Content-Type: application/json' \\
  -d '{"on": "smtp.rcpt", "when": {"rcpt": "*@full.example"}, "do": {"reply": "452 4.2.2 Mailbox full"}}'`;
