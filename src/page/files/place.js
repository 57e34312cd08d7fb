// Paths with names in them: of accounts, of mailboxes such as `work/2026`.

import { Problem, prefix, view } from './api.js';

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

// What a path below `/mailboxes` names: `{ login, name, uid }`, each of which may be null.
export function placeIn(pathname) {
  const segments = pathname.slice(`${prefix}/mailboxes`.length).split('/').slice(1).filter(Boolean).map(decoded);
  const [login = null, name = null, uid = null] = segments;
  return { login, name, uid: uid === null ? null : Number(uid) };
}

export function pathOf({ login, name, uid }) {
  return view('mailboxes', ...[login, name, uid].filter((segment) => segment !== null && segment !== undefined));
}

function decoded(segment) {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}
