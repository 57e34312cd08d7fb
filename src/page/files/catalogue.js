// The scenarios that come with mailjig: the list, and the one that is open.

import { $, h, fill, plural } from './dom.js';
import { api, view, withQuery } from './api.js';
import { ask, attempt, say, copyAsTest } from './page.js';
import { scenarioTest } from './rule_code.js';
import { mountText } from './rule_texts.js';
import { rulesOf } from './toml.js';

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
    const found = this.all.filter((one) => words.every((word) => text(one).includes(word)));
    const groups = Object.entries(FOLDERS).map(([folder, title]) => [title, found.filter((one) => one.folder === folder)]);
    fill(place, groups.filter(([, its]) => its.length).map(([title, its]) => [h('h2', {}, title), its.map((one) => link(one, current))]));
    return found.length;
  }

  // Opens the scenario of this name, and says whether there is one.
  async show(name) {
    if (this.open?.name !== name) {
      try {
        this.open = await api.get(`scenarios/${encodeURIComponent(name)}`);
      } catch (error) {
        this.open = null;
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
    $('#scenario-problem').hidden = true;
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
    $('#replaces').textContent = now?.name ? `Load replaces ${now.name}: its ${plural(now.rules.length, 'rule')}, its accounts and its mail. Rules that were added stay.` : 'No scenario is loaded. Load leaves the rules that were added.';
    const { whyNot, leavesOut, rules } = rulesOf(this.open.text, this.#all());
    $('#add-rules').disabled = whyNot.length > 0;
    const what = whyNot.includes('no rules') ? 'it has none' : `they need what else is in it: ${whyNot.join(', ')}`;
    $('#why-not').textContent = whyNot.length ? `Its rules cannot be added alone, because ${what}.` : `Add its rules mounts ${plural(rules.length, 'rule')} outside of the others${leavesOut ? ', without the expectations of the scenario' : ''}.`;
  }

  async load() {
    const now = this.inForce();
    const { name } = this.open;
    if (now?.name && !(await ask(`Replace ${now.name}?`, `${name} takes its place: the ${plural(now.rules.length, 'rule')}, the accounts and the mail of ${now.name} are removed.`, 'Replace'))) return;
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
      problem.hidden = true;
    } catch (error) {
      problem.textContent = error.message;
      problem.hidden = false;
      const name = error.field?.replace(/^params\./, '');
      $('#params').elements[name]?.focus();
    }
  }
}

function link({ name, lesson }, current) {
  return h('a.item', { href: withQuery(view('rules'), { scenario: name }), 'aria-current': name === current ? 'true' : null }, h('b.mono', {}, name), h('span.muted', {}, lesson));
}
