// The HTTP API of the server that this document shows: its resources, its updates, and paths with names in them.

import { $, showProblem } from './dom.js';

const meta = (name) => document.querySelector(`meta[name="mailjig-${name}"]`).content;

// Where the resources of the server are (`/v1`), and its views (empty, or `/servers/3`).
export const base = meta('base');
export const prefix = meta('prefix');

// An answer that is not a success: problem+json (RFC 9457), or the failure to get one.
export class Problem extends Error {
  constructor(status, body) {
    super(body.detail ?? body.title ?? `the server answered ${status}`);
    this.status = status;
    this.field = body.field ?? null;
    this.problems = body.problems ?? [];
    this.body = body;
  }
}

// The URL of a resource: `v1('messages', { to: 'bob@*', header: ['X-Id: 7'] })`. Empty parameters are left out.
export function v1(path, query = {}) {
  return withQuery(`${base}/${path}`, query);
}

// The same with the host, for code.
export const absolute = (path, query) => new URL(v1(path, query), location.href).href;

// The path of a view of this server: `view('messages', 'm1')`.
export const view = (...segments) => `${prefix}/${segments.map(encodeURIComponent).join('/')}`;

export function withQuery(path, query) {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    for (const one of [value].flat()) {
      if (one !== null && one !== undefined && one !== '') parameters.append(name, one);
    }
  }
  const text = parameters.toString();
  return text ? `${path}?${text}` : path;
}

// Text for a regular expression in a filter.
export const escaped = (text) => text.replace(/[\\^$.*+?()[\]{}|#&~-]/g, '\\$&');

async function request(method, url, { body, type, signal } = {}) {
  const init = { method, signal, headers: {} };
  if (body !== undefined) {
    init.headers['Content-Type'] = type ?? 'application/json';
    init.body = type ? body : JSON.stringify(body);
  }
  let response;
  try {
    response = await fetch(url, init);
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    throw new Problem(0, { detail: 'The server does not answer.' });
  }
  if (response.ok) return response;
  const text = await response.text();
  let problem;
  try {
    problem = JSON.parse(text);
  } catch {
    problem = { detail: text };
  }
  throw new Problem(response.status, problem);
}

const json = async (response) => (response.status === 204 ? null : response.json());

// The first octets of a body, and whether they are all of it.
async function beginning(body, most) {
  const reader = body.getReader();
  let octets = new Uint8Array();
  while (octets.length <= most) {
    const { value, done } = await reader.read();
    if (done) return { octets, isAll: true };
    octets = new Uint8Array(await new Blob([octets, value]).arrayBuffer());
  }
  // What is not read would fill the connection.
  await reader.cancel();
  return { octets: octets.subarray(0, most), isAll: false };
}

// `get`, `post` … take the path below the server's resources and give JSON; `text` gives the text, `octets` the octets.
export const api = {
  get: async (path, query, options) => json(await request('GET', v1(path, query), options)),
  text: async (path, query, options) => (await request('GET', v1(path, query), options)).text(),
  octets: async (path, query, options) => new Uint8Array(await (await request('GET', v1(path, query), options)).arrayBuffer()),
  // At most the first `most` octets: `{ octets, isAll }`.
  beginning: async (path, most, options) => beginning((await request('GET', v1(path), options)).body, most),
  post: async (path, body, options) => json(await request('POST', v1(path, options?.query), { ...options, body })),
  put: async (path, body, options) => json(await request('PUT', v1(path, options?.query), { ...options, body })),
  patch: async (path, body, options) => json(await request('PATCH', v1(path, options?.query), { ...options, body })),
  delete: async (path, query, options) => json(await request('DELETE', v1(path, query), options)),
};

// ---- what has changed on the server, live

// One stream for a document, and none while it is not visible, because a browser has few connections for one host.

let listener = null;
let stream = null;
let isFirst = true;
// Where the journal was at the last event.
let reached = 0;

// Calls this function of the view with each update: `{ messages, removed, sessions, mailboxes, rules, reset }`, and
// `{ all: true }` when updates may have been missed. `all` comes also at the beginning; with `restarted`, the server was
// started anew. A view calls it when its script is ready: `live` in the bar says that too.
export function onUpdate(take) {
  listener = take;
  open();
}

const EVERYTHING = { all: true, messages: true, removed: true, sessions: null, mailboxes: true, rules: true, reset: false };

function open() {
  if (stream || !listener || document.hidden) return;
  stream = new EventSource(v1('updates'));
  let greeted = false;
  stream.addEventListener('update', (event) => {
    // The first event of a connection says where the journal is now; what came before it is read by the views.
    const told = JSON.parse(event.data);
    // A server that was started anew begins its journal again.
    const restarted = !greeted && told.seq < reached;
    const update = greeted ? told : { ...EVERYTHING, reset: restarted, restarted };
    reached = told.seq;
    greeted = true;
    isFirst = false;
    show('live');
    listener(update);
  });
  stream.addEventListener('error', async () => {
    greeted = false;
    // The browser connects again by itself, unless the answer was an error.
    if (stream?.readyState === EventSource.CLOSED) {
      stream = null;
      setTimeout(open, 2000);
    }
    show('no connection');
    const text = await why();
    // It may have been opened again meanwhile.
    if ($('#live').classList.contains('off')) lost(text);
  });
}

// An event source does not tell which answer it got.
async function why() {
  try {
    await api.get('endpoints');
  } catch (error) {
    if (error.status === 0) return 'The server does not answer. The page connects again by itself; what it shows may be out of date.';
    // The document itself says that there is no such server.
    if (isFirst) return '';
    if (prefix && [404, 410].includes(error.status)) return `Server ${decoded(prefix.split('/').at(-1))} was removed. What the page shows was read before.`;
    return error.message;
  }
  return 'The connection was lost. The page connects again by itself.';
}

function show(state) {
  $('#live').textContent = state;
  $('#live').classList.toggle('off', state !== 'live');
  if (state === 'live') lost('');
}

// What is said already is not said again.
function lost(text) {
  if ($('#lost').textContent !== text) showProblem($('#lost'), text);
}

document.addEventListener('visibilitychange', () => {
  if (!document.hidden) return open();
  stream?.close();
  stream = null;
});

// ---- paths with names in them: of accounts, of mailboxes such as `work/2026`

// A browser takes `.` and `..` for steps in a path, also where they are encoded: a request about a mailbox of this name
// would reach something else.
export const isStep = (segment) => segment === '.' || segment === '..';

// The path of a resource, with each segment encoded.
export function resource(...segments) {
  const step = segments.find(isStep);
  if (step) throw new Problem(0, { detail: `A browser cannot ask about the name “${step}”; use curl --path-as-is.` });
  return segments.map(encodeURIComponent).join('/');
}

export const accountOf = (login) => resource('accounts', login);
export const mailboxOf = (login, name, ...more) => resource('accounts', login, 'mailboxes', name, ...more);

// What the path of a view of this server names, such as `['sessions', 's1']`.
export const segmentsOf = (pathname) => pathname.slice(prefix.length).split('/').filter(Boolean).map(decoded);

// What a path below `/mailboxes` names: `{ login, name, uid }`, each of which may be null.
export function placeIn(pathname) {
  const [, login = null, name = null, uid = null] = segmentsOf(pathname);
  return { login, name, uid: uid === null ? null : Number(uid) };
}

export function pathOf({ login, name, uid }) {
  return view('mailboxes', ...[login, name, uid].filter((segment) => segment !== null && segment !== undefined));
}

// A segment that is not encoded well stays as it is.
export function decoded(segment) {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}
