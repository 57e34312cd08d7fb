// What has changed on the server, live. One stream for a document, and none while it is not visible, because a browser has
// few connections for one host.

import { v1 } from './api.js';
import { $ } from './dom.js';

const listeners = new Set();
let stream = null;
let isFirst = true;

// Calls `listener` with each update: `{ messages, removed, sessions, mailboxes, rules, reset }`, and `{ all: true }` when
// updates may have been missed. `all` comes also at the beginning.
export function onUpdate(listener) {
  listeners.add(listener);
  if (!isFirst) listener(EVERYTHING);
  open();
  return () => listeners.delete(listener);
}

const EVERYTHING = { all: true, messages: true, removed: true, sessions: null, mailboxes: true, rules: true, reset: false };

function tell(update) {
  for (const listener of listeners) listener(update);
}

function open() {
  if (stream || document.hidden) return;
  stream = new EventSource(v1('updates'));
  let greeted = false;
  stream.addEventListener('update', (event) => {
    // The first event of a connection says where the journal is now; what came before it is read by the views.
    const update = greeted ? JSON.parse(event.data) : EVERYTHING;
    greeted = true;
    isFirst = false;
    show(true);
    tell(update);
  });
  stream.addEventListener('error', () => {
    show(false);
    greeted = false;
    // The browser connects again by itself, unless the answer was an error.
    if (stream.readyState === EventSource.CLOSED) {
      stream = null;
      setTimeout(open, 2000);
    }
  });
}

function show(isConnected) {
  const place = $('#live');
  place.textContent = isConnected ? 'live' : 'no connection';
  place.classList.toggle('off', !isConnected);
}

document.addEventListener('visibilitychange', () => {
  if (!document.hidden) return open();
  stream?.close();
  stream = null;
});
