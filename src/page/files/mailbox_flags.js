// Flags of entries, and changes of several entries at once.

import { api } from './api.js';
import { mailboxOf } from './place.js';

// The system flags with their keys (RFC 3501 §2.3.2).
export const SYSTEM = [['s', '\\Seen'], ['a', '\\Answered'], ['f', '\\Flagged'], ['d', '\\Deleted'], ['r', '\\Draft']];

const isSame = (a, b) => a.toLowerCase() === b.toLowerCase();

export const has = (entry, flag) => entry.flags.some((its) => isSame(its, flag));
export const keywords = (entry) => entry.flags.filter((its) => !its.startsWith('\\'));

// The longest set of UIDs in one URL.
const LONGEST = 4000;

// Sets of UIDs such as `1,4:6`, each short enough for a URL.
export function uidSets(uids) {
  const ranges = [];
  for (const uid of [...uids].sort((a, b) => a - b)) {
    const last = ranges.at(-1);
    if (last && last[1] === uid - 1) last[1] = uid;
    else ranges.push([uid, uid]);
  }
  const sets = [];
  for (const [first, last] of ranges) {
    const range = first === last ? String(first) : `${first}:${last}`;
    if (sets.length && sets.at(-1).length + range.length < LONGEST) sets[sets.length - 1] += `,${range}`;
    else sets.push(range);
  }
  return sets;
}

// Sets the flag on all of these entries, or unsets it if all have it. Returns the changed entries.
export async function toggleFlag({ login, name }, entries, flag) {
  const change = entries.every((entry) => has(entry, flag)) ? { remove: [flag] } : { add: [flag] };
  const changed = [];
  for (const uid of uidSets(entries.map((entry) => entry.uid))) {
    changed.push(...(await api.patch(mailboxOf(login, name, 'entries'), change, { query: { uid } })).entries);
  }
  return changed;
}

// Expunges these entries. Returns their UIDs.
export async function expunge({ login, name }, entries) {
  const gone = [];
  for (const uid of uidSets(entries.map((entry) => entry.uid))) {
    gone.push(...(await api.delete(mailboxOf(login, name, 'entries'), { uid })).uids);
  }
  return gone;
}
