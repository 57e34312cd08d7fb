// Deletes messages after a question. Each function gives the numbers of those that are gone.

import { api } from './api.js';
import { ask, attempt, say } from './page.js';
import { plural } from './format.js';

const AT_ONCE = 5;

export async function deleteById(ids) {
  const gone = new Set();
  const what = ids.length === 1 ? ids[0] : plural(ids.length, 'selected message');
  if (!(await ask(`Delete ${what}?`, 'Also from all mailboxes. Clients that have a mailbox open learn of it. This cannot be undone.', 'Delete'))) return gone;
  const rest = [...ids];
  const some = async () => {
    for (let id = rest.pop(); id; id = rest.pop()) {
      // What is gone already was to be deleted anyway.
      await api.delete(`messages/${id}`).catch((error) => {
        if (error.status !== 404) throw error;
      });
      gone.add(id);
    }
  };
  await attempt(() => Promise.all(Array.from({ length: AT_ONCE }, some)));
  if (gone.size) say(`Deleted ${gone.size === 1 ? [...gone][0] : plural(gone.size, 'message')}`);
  return gone;
}

// Deletes what these filters match; without filters, everything.
export async function deleteFound(filters) {
  const isSearch = Object.keys(filters).length > 0;
  const detail = isSearch
    ? 'Every message that matches the search, also from all mailboxes. This cannot be undone.'
    : 'Every captured message, also from all mailboxes, and with them the journal, and the sessions that have ended with their transcripts. This cannot be undone.';
  if (!(await ask(isSearch ? 'Delete all messages found?' : 'Delete all messages?', detail, 'Delete all'))) return new Set();
  const answer = await attempt(() => api.delete('messages', filters));
  if (!answer) return new Set();
  say(`Deleted ${plural(answer.messages.length, 'message')}`);
  return new Set(answer.messages.map(({ id }) => id));
}
