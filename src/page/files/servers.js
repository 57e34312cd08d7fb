// The servers of this process: the main one, and further ones.

import { api, Problem, onUpdate, decoded } from './api.js';
import { LISTENERS, copyServerAsTest } from './client_lines.js';
import { $, h, throttle, plural, showProblem, fill } from './dom.js';
import { shortcut, attempt, wordsOf, openForm, say, showTitle } from './page.js';
import { ServerDetail } from './server_detail.js';
import { WindowedList } from './windowed_list.js';

// How often the page looks for changes of other servers than the main one, whose updates come by themselves.
const AGAIN = 2000;

let servers = null;
let open = placeIn(location.pathname);
const detail = new ServerDetail();
const list = new WindowedList($('#servers'), { rowHeight: 46, render: row, key: ({ id }) => id, label: 'Servers' });

function row({ id, title, scenario, name, messages, sessions_open: sessions }) {
  const facts = [name && `number ${id}`, plural(messages, 'message'), sessions > 0 && plural(sessions, 'open session'), scenario && `scenario ${scenario}`];
  return h('span.grow', {}, h('b.clip', {}, h('bdi', {}, title)), h('span.count.clip', {}, facts.filter(Boolean).join(' · ')));
}

// ---- where we are

function placeIn(pathname) {
  const segment = pathname.split('/')[2];
  return segment ? decoded(segment) : null;
}

function go(server) {
  open = server?.id ?? null;
  const path = server ? pathOf(server) : '/servers';
  if (path !== location.pathname) history.pushState(null, '', path);
  show();
  readSoon();
}

addEventListener('popstate', () => {
  open = placeIn(location.pathname);
  show();
  readSoon();
});

document.addEventListener('click', (event) => {
  const link = event.target.closest('a.back, #missing a');
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  const id = placeIn(new URL(link.href).pathname);
  go(id && { id });
});

// ---- reading

const main = (server) => ({ ...server, id: 'main', title: 'Main server', name: null, base: '/v1', path: '', prefix: '', caFile: 'mailjig-ca.pem' });
const further = (server) => {
  const { id, name } = server;
  const caFile = `mailjig-ca-${name?.replace(/[^\w.-]+/g, '-').replace(/^[-.]+|[-.]+$/g, '').slice(0, 40) || id}.pem`;
  return { ...server, title: name ?? `Server ${id}`, base: `/v1/servers/${id}`, path: `servers/${id}/`, prefix: pathOf(server), caFile };
};

// By its name, unless it looks like a number, the main server, or a step in a path.
const pathOf = ({ id, name }) => `/servers/${encodeURIComponent(name && !/^(\d+|main|\.\.?)$/.test(name) ? name : id)}`;

async function read() {
  try {
    const answer = await api.get('servers');
    servers = [main(answer.main), ...answer.servers.map(further)];
    $('#how-many').textContent = `${answer.servers.length} further${answer.expired ? `, ${answer.expired} expired` : ''}`;
    $('#how-many').title = `At most ${answer.max_servers.toLocaleString('en')} at the same time`;
    $('#first-server').textContent = `curl -X POST ${new URL('/v1/servers', location.href)} --json '{"name": "signup"}'`;
    showProblem($('#list-problem'));
    show();
    await readOpen();
  } catch (error) {
    showProblem($('#list-problem'), error.message);
  }
}

async function readOpen() {
  const server = opened();
  if (!server) return;
  const { path } = server;
  const health = api.get(`${path}health`).catch((error) => {
    if (error instanceof Problem && error.status === 503) return { problem: error.message };
    throw error;
  });
  const [facts, { sessions }, { webhooks }] = await Promise.all([health, api.get(`${path}sessions`, { open: true }), api.get(`${path}webhooks`)]);
  if (detail.server?.id === server.id) detail.update({ health: facts, sessions, webhooks });
}

const readSoon = throttle(250, read);
onUpdate(readSoon);
setInterval(() => {
  if (!document.hidden) readSoon();
}, AGAIN);

// ---- showing

// The server that is open; without a choice, the main one.
function opened() {
  if (open === null) return servers?.[0];
  return servers?.find(({ id, name }) => id === open || name === open);
}

function show() {
  if (!servers) return;
  list.element.style.setProperty('--count', servers.length);
  const server = opened();
  list.update(servers, server?.id);
  $('#only-main').hidden = servers.length > 1;
  $('#split').classList.toggle('open', open !== null);
  $('#server').hidden = !server;
  $('#missing').hidden = Boolean(server);
  showTitle(server?.title);
  if (!server) {
    $('#missing h2').textContent = `There is no server ${open}`;
    $('#missing p').textContent = 'It was removed, or nobody used it for the time that it is kept.';
    return;
  }
  detail.show(server);
}

list.addEventListener('open', ({ detail: { item } }) => {
  go(item);
  if (!list.element.offsetParent) $('#server-name').focus();
});

// ---- changes

const actions = {
  reset: () => resetServer(opened(), readSoon),
  remove: () => removeServer(opened(), () => go(null)),
  webhook: () => addWebhook(opened(), readSoon),
  'copy-test': () => copyServerAsTest(opened(), new URL('/v1', location.href).href),
};
const start = () => servers && startServer(servers[0].endpoints, go);
for (const button of document.querySelectorAll('[data-do]')) button.addEventListener('click', () => actions[button.dataset.do]());
$('#new-server').addEventListener('click', start);

const onServer = (action) => () => opened() && action();
const step = (by) => () => list.moveTo(list.cursor + by, { open: true, focus: true });
shortcut('j', 'Next server', step(1));
shortcut('k', 'Previous server', step(-1));
shortcut('n', 'Start a server', start);
shortcut('z', 'Reset the server', onServer(actions.reset));
shortcut('Delete', 'Remove the server', () => opened() && opened().id !== 'main' && actions.remove());
shortcut('w', 'Add a webhook', onServer(actions.webhook));
shortcut('y', 'Copy as test', onServer(actions['copy-test']));
shortcut('e', 'Choose an endpoint', onServer(() => $('#line-options select').focus()));
shortcut('Escape', 'Back to the list', () => {
  if (open !== null) go(null);
  list.element.focus();
});

// ---- starting, resetting and removing servers, and adding webhooks, with their dialogs

// `main` are the endpoints of the main server; `started` gets the new server.
async function startServer(main, started) {
  const box = (name) => h('input', { type: 'checkbox', name: 'listeners', value: name, defaultChecked: name in main });
  fill($('#listener-boxes'), LISTENERS.map((name) => h('label', {}, box(name), ` ${name}`)));
  openForm('server-form', {}, async ({ name, scenario, accounts, idle_expiry: expiry }, form) => {
    const listeners = new FormData(form).getAll('listeners');
    const members = accounts.split('\n').map(wordsOf).filter((words) => words.length).map(([login, password = '', ...addresses]) => ({ login, password, addresses }));
    if (members.some(({ password }) => !password)) {
      throw new Problem(0, { detail: 'Write a login and a password into each line, as in “bob@example.org secret”.', field: 'accounts' });
    }
    const body = {
      listeners,
      ...(name && { name }),
      ...(scenario && { scenario }),
      ...(expiry && { idle_expiry: expiry }),
      accounts: members,
    };
    started(await api.post('servers', body));
  });
  const { scenarios } = (await attempt(() => api.get('scenarios'))) ?? { scenarios: [] };
  fill($('#scenarios'), scenarios.map(({ name, lesson }) => h('option', { value: name }, lesson ?? name)));
}

function resetServer({ path, title }, done) {
  openForm('reset-form', {}, async (_, form) => {
    const keep = new FormData(form).getAll('keep').join(',');
    const { sessions } = await api.post(`${path}reset`, {}, { query: { keep } });
    say(sessions.length ? `Reset. ${plural(sessions.length, 'session was', 'sessions were')} open.` : 'Reset.');
    done();
  });
  $('#reset-form-title').textContent = `Reset ${title}`;
}

// `removed` is called when the server is gone, also if its verification failed.
function removeServer({ id, title }, removed) {
  openForm('remove-form', {}, async ({ verify }) => {
    try {
      await api.delete(`servers/${id}`, { verify: verify === 'on' ? '' : 'false' });
      say(`Removed ${title}`);
    } catch (error) {
      if (!(error instanceof Problem) || !error.body.report) throw error;
      $('#report pre').textContent = error.message;
      $('#report').showModal();
    }
    removed();
  });
  $('#remove-form-title').textContent = `Remove ${title}`;
}

function addWebhook({ path }, done) {
  openForm('webhook-form', {}, async ({ url, what, filters, secret }) => {
    const values = {};
    for (const word of filters.split(/\s+/).filter(Boolean)) {
      const [name, value = ''] = [word.split('=', 1)[0], word.slice(word.indexOf('=') + 1)];
      values[name] = name in values ? [values[name], value].flat() : value;
    }
    await api.post(`${path}webhooks`, { url, [what]: values, ...(secret && { secret }) });
    done();
  });
}
