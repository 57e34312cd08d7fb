// One server: its state, its endpoints with lines for clients, its CA, who is connected, its webhooks.

import { api } from './api.js';
import { clientLines, environment, listenersOf, tlsOf, trust } from './client_lines.js';
import { $, $$, h, fill, time, plural, lineFacts, columns, showProblem, fillChanged } from './dom.js';
import { attempt, copyButton, tabs } from './page.js';

// The most sessions in the table; the view of the sessions has them all.
const MOST = 50;

const VIEWS = ['messages', 'sessions', 'rules', 'mailboxes'];

export class ServerDetail {
  constructor() {
    this.server = null;
    this.shown = null;
    this.listener = null;
    this.client = null;
    const options = $('#line-options');
    options.addEventListener('input', (event) => {
      if (event.target.name === 'listener') this.#choose(event.target.value);
      else this.#showLines();
    });
    $('#ca-copy').replaceWith(copyButton(() => this.server.ca, 'the certificate'));
  }

  // Shows what does not change while a server runs. `server` is as in the list of servers, with `title`, `caFile`, and
  // `base`, `path` and `prefix`, below which its resources and its views are.
  show(server) {
    const key = JSON.stringify([server.id, server.endpoints]);
    const isOther = this.server?.id !== server.id;
    this.server = server;
    if (this.shown === key) return;
    this.shown = key;
    fill($('#server-name'), h('bdi', {}, server.title));
    fill($('#views'), VIEWS.map((view) => h('a.button', { href: `${server.prefix}/${view}` }, view[0].toUpperCase() + view.slice(1))));
    $('[data-do=remove]').hidden = server.id === 'main';
    this.#showEndpoints();
    $('#environment').textContent = environment(server.endpoints, server.caFile);
    const certificate = new URL(`${server.base}/tls/ca.pem`, location.href).href;
    fill($('#ca-download'), `Download ${server.caFile}`);
    $('#ca-download').href = certificate;
    $('#ca-download').download = server.caFile;
    const texts = trust(certificate, server.caFile);
    const showTrust = (name) => {
      $('#trust-code').textContent = texts[name];
    };
    tabs($('#trust-tabs'), Object.keys(texts), 'the file', 'trust-code', showTrust);
    showTrust('the file');
    if (isOther) $('.sections').scrollTop = 0;
  }

  #showEndpoints() {
    const { endpoints } = this.server;
    const names = listenersOf(endpoints);
    const row = (name) => {
      const { host, port, url, login_required: requiresLogin, implicit_tls: isImplicit } = endpoints[name];
      const isHttp = isImplicit === undefined;
      const choose = { type: 'button', 'aria-pressed': 'false', data: { listener: name }, title: `Show lines for ${name}`, onclick: () => this.#choose(name) };
      return h('tr', {},
        h('th', { scope: 'row' }, isHttp ? h('span.plain', {}, name) : h('button.quiet', choose, name)),
        h('td.mono', {}, host, copyButton(host, `the host of ${name}`)),
        h('td.mono', {}, String(port), copyButton(String(port), `the port of ${name}`)),
        h('td', {}, isHttp ? 'no' : tlsOf(endpoints[name])),
        h('td', {}, isHttp ? '' : requiresLogin ? 'required' : 'not required'),
        h('td.mono', {}, url, copyButton(url, `the URL of ${name}`)));
    };
    fill($('#endpoints tbody'), [...names, 'http'].map(row));
    fill($('#line-options select'), names.map((name) => h('option', { value: name }, name)));
    this.#choose(names.includes(this.listener) ? this.listener : names[0]);
  }

  // Shows lines for this listener.
  #choose(name) {
    this.listener = name;
    for (const part of $$('#line-options, #line-tabs, #lines-title')) part.hidden = !name;
    $('#line-code').parentElement.hidden = !name;
    if (!name) return;
    const { accounts, endpoints } = this.server;
    const endpoint = endpoints[name];
    for (const button of $$('#endpoints [data-listener]')) button.setAttribute('aria-pressed', String(button.dataset.listener === name));
    const field = (its) => $(`#line-options [name=${its}]`);
    field('listener').value = name;
    $('#line-options .starttls').hidden = endpoint.implicit_tls || endpoint.starttls === 'never';
    field('starttls').checked = ['before-login', 'before-anything'].includes(endpoint.starttls);
    const [account] = accounts ?? [];
    field('login').value = endpoint.login_required ? (account?.login ?? 'bob@example.org') : '';
    field('password').value = endpoint.login_required ? (account?.password ?? 'secret') : '';
    this.#showLines();
  }

  #showLines() {
    const value = (its) => $(`#line-options [name=${its}]`);
    const endpoint = { ...this.server.endpoints[this.listener], listener: this.listener };
    const hasStarttls = !endpoint.implicit_tls && endpoint.starttls !== 'never';
    const lines = clientLines(endpoint, { ca: this.server.caFile, starttls: hasStarttls && value('starttls').checked, login: value('login').value, password: value('password').value });
    const names = Object.keys(lines);
    const showCode = (client) => {
      this.client = client;
      $('#line-code').textContent = lines[client];
    };
    const chosen = names.includes(this.client) ? this.client : names[0];
    tabs($('#line-tabs'), names, chosen, 'line-code', showCode);
    $('#line-code').textContent = lines[chosen];
  }

  // Shows what changes: numbers, sessions, webhooks.
  update({ health, sessions, webhooks }) {
    const { server } = this;
    fill($('#server-state'), health.problem ? h('span.tag.bad', {}, 'does not accept connections') : h('span.tag.good', {}, 'accepts connections'));
    showProblem($('#server-problem'), health.problem);
    const count = (n) => (n ?? 0).toLocaleString('en');
    const its = [
      ['Sessions open', count(sessions.length)],
      !health.problem && ['Messages', count(health.messages), health.discarded > 0 && ` (${count(health.discarded)} discarded)`],
      !health.problem && ['Accounts', count(health.accounts), health.discarded_accounts > 0 && ` (${count(health.discarded_accounts)} discarded)`],
      !health.problem && ['Records', count(health.records), health.first_record > 1 && ` (from ${count(health.first_record)} on)`],
      server.scenario && ['Scenario', h('bdi', {}, server.scenario)],
      server.idle_expiry && ['Removed', `after ${shortly(server.idle_expiry)} without use; this page counts as use`],
    ];
    fill($('#server-facts'), lineFacts(its));
    fillChanged($('#connected'), [server.id, sessions], () => this.#sessions(sessions));
    fillChanged($('#webhooks'), [server.id, webhooks], () => this.#webhooks(webhooks));
  }

  #sessions(sessions) {
    const { prefix, path } = this.server;
    if (!sessions.length) return h('p.muted', {}, 'No client is connected. The ready lines above connect one.');
    const row = ({ id, listener, user, mailbox, idling, opened, peer }) => {
      const end = () => attempt(() => api.delete(`${path}sessions/${id}`), `Ended ${id}`);
      return [
        h('a', { href: `${prefix}/sessions/${id}` }, id), listener, h('bdi', {}, user ?? ''), [h('bdi', {}, mailbox ?? ''), ' ', idling && h('span.tag.good', {}, 'in IDLE')],
        peer, time(opened), h('button.quiet', { type: 'button', 'aria-label': `End session ${id}`, onclick: end }, 'End'),
      ];
    };
    return [
      table(['Session', 'Listener', 'Login', 'Mailbox', 'Peer', 'Since', 'End'], sessions.slice(0, MOST).map(row)),
      sessions.length > MOST && h('p.muted', {}, `${plural(sessions.length - MOST, 'further session')}: `, h('a', { href: `${prefix}/sessions` }, 'all sessions')),
    ];
  }

  #webhooks(webhooks) {
    if (!webhooks.length) return h('p.muted', {}, 'None. A webhook gets each message as JSON, after its reply was sent.');
    const { path } = this.server;
    const row = ({ id, url, filters, delivered, failed_attempts: failed, last_error: error, behind, discarded }) => {
      const remove = () => attempt(() => api.delete(`${path}webhooks/${id}`), `Removed ${id}`);
      const failures = failed ? plural(failed, 'failed attempt') : 'no errors';
      return [
        id, h('bdi.mono', {}, url), h('bdi', {}, filters), String(delivered), [String(behind), discarded > 0 && `, ${discarded} discarded`],
        error ? [h('span.bad', {}, failures), ': ', h('bdi', {}, error)] : failures,
        h('button.quiet', { type: 'button', 'aria-label': `Remove webhook ${id}`, onclick: remove }, 'Remove'),
      ];
    };
    return table(['Webhook', 'URL', 'Gets', 'Delivered', 'Behind', 'State', 'Remove'], webhooks.map(row));
  }
}

// A time such as `1800s` in the largest unit that has it as a whole number: `30m`.
function shortly(text) {
  const seconds = /^(\d+)s$/.exec(text)?.[1];
  const [unit, length] = [['h', 3600], ['m', 60]].find(([, its]) => seconds > 0 && seconds % its === 0) ?? [];
  return unit ? `${seconds / length}${unit}` : text;
}

function table(titles, rows) {
  return h('div.wide', {}, h('table', {}, columns(titles), h('tbody', {}, rows.map((row) => h('tr', {}, row.map((cell) => h('td', {}, cell)))))));
}
