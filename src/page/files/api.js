// The HTTP API of the server that this document shows.

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

// `get`, `post` … take the path below the server's resources and give JSON; `text` gives the text, `octets` the octets.
export const api = {
  get: async (path, query, options) => json(await request('GET', v1(path, query), options)),
  text: async (path, query, options) => (await request('GET', v1(path, query), options)).text(),
  octets: async (path, query, options) => new Uint8Array(await (await request('GET', v1(path, query), options)).arrayBuffer()),
  post: async (path, body, options) => json(await request('POST', v1(path, options?.query), { ...options, body })),
  put: async (path, body, options) => json(await request('PUT', v1(path, options?.query), { ...options, body })),
  patch: async (path, body, options) => json(await request('PATCH', v1(path, options?.query), { ...options, body })),
  delete: async (path, query, options) => json(await request('DELETE', v1(path, query), options)),
};
