// Starting, resetting and removing servers, and adding webhooks, with their dialogs.

import { api, Problem } from './api.js';
import { $, h, fill, plural } from './dom.js';
import { list, openForm, say } from './page.js';
import { LISTENERS } from './client_lines.js';

// `main` are the endpoints of the main server; `started` gets the new server.
export async function startServer(main, started) {
  const box = (name) => h('input', { type: 'checkbox', name: 'listeners', value: name, defaultChecked: name in main });
  fill($('#listener-boxes'), LISTENERS.map((name) => h('label', {}, box(name), ` ${name}`)));
  openForm('server-form', {}, async ({ name, scenario, accounts, idle_expiry: expiry }, form) => {
    const listeners = new FormData(form).getAll('listeners');
    const members = accounts.split('\n').map(list).filter((words) => words.length).map(([login, password = '', ...addresses]) => ({ login, password, addresses }));
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
  const { scenarios } = await api.get('scenarios');
  fill($('#scenarios'), scenarios.map(({ name, lesson }) => h('option', { value: name }, lesson ?? name)));
}

export function resetServer({ path, title }, done) {
  openForm('reset-form', {}, async (_, form) => {
    const keep = new FormData(form).getAll('keep').join(',');
    const { sessions } = await api.post(`${path}reset`, {}, { query: { keep } });
    say(sessions.length ? `Reset. ${plural(sessions.length, 'session was', 'sessions were')} open.` : 'Reset.');
    done();
  });
  $('#reset-form-title').textContent = `Reset ${title}`;
}

// `removed` is called when the server is gone, also if its verification failed.
export function removeServer({ id, title }, removed) {
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

export function addWebhook({ path }, done) {
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
