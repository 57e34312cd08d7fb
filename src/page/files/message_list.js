// The captured messages that match the filters, the newest first, kept up to date. Shows the first page at once and reads
// the others behind it; how a message is a row; deleting.

import { api } from './api.js';
import { h, time, octets, plural } from './dom.js';
import { ask, attempt, say } from './page.js';

const FIRST = 100;
const PIECE = 1000;

// Events: `change` (`detail.arrived`: the messages that came since the list was first read).
export class MessageList extends EventTarget {
  constructor() {
    super();
    this.items = [];
    this.filters = {};
    this.problem = null;
    // Where to read on: after what was read, and before it.
    this.next = null;
    this.older = null;
    this.isRead = false;
    this.wasComplete = false;
    this.wantsAll = false;
    this.wantsNew = false;
    this.isWorking = false;
    this.reading = new AbortController();
  }

  // Whether all messages were read, even if they are being read again.
  get isComplete() {
    return this.wasComplete || (this.isRead && this.older === null);
  }

  // Lists what matches these filters.
  search(filters) {
    this.filters = filters;
    this.#startAnew();
  }

  // Reads everything again. What is shown stays until its place in the list was read.
  reload() {
    this.wantsAll = true;
    this.#work();
  }

  // Reads everything again after a reset, when numbers may be those of other messages.
  reset() {
    this.#startAnew();
  }

  // Reads what is new.
  update() {
    this.wantsNew = true;
    this.#work();
  }

  // Takes messages out that were deleted.
  drop(ids) {
    this.items = this.items.filter(({ id }) => !ids.has(id));
    this.#tell();
  }

  #startAnew() {
    this.reading.abort();
    this.reading = new AbortController();
    this.isRead = false;
    this.wasComplete = false;
    this.older = null;
    this.reload();
  }

  async #work() {
    if (this.isWorking) return;
    this.isWorking = true;
    for (let step = this.#step(); step; step = this.#step()) {
      try {
        await step();
      } catch (error) {
        this.#fail(error);
      }
    }
    this.isWorking = false;
  }

  #step() {
    if (this.wantsAll) return () => this.#readFirst();
    if (this.wantsNew && this.isRead) return () => this.#readNew();
    if (this.older !== null) return () => this.#readOlder();
    return null;
  }

  #fail(error) {
    if (error.name === 'AbortError') return;
    // Messages after the cursor were discarded.
    if (error.status === 410) {
      this.wantsAll = true;
      return;
    }
    this.problem = error;
    this.wantsNew = false;
    this.older = null;
    this.#tell();
  }

  #read(query) {
    return api.get('messages', { ...this.filters, order: 'newest', ...query }, { signal: this.reading.signal });
  }

  async #readFirst() {
    this.wantsAll = false;
    this.wantsNew = false;
    this.wasComplete = this.isComplete;
    const { messages, next, older } = await this.#read({ limit: FIRST });
    const tail = this.isRead ? this.#before(older) : [];
    // A server that was reset may have other messages of the same numbers.
    const known = this.isRead ? new Map(this.items.map(({ id, received }) => [id, received])) : null;
    this.items = [...messages, ...tail];
    Object.assign(this, { next, older, isRead: true, problem: null });
    this.#tell(known ? messages.filter(({ id, received }) => known.get(id) !== received) : []);
  }

  async #readOlder() {
    const { messages, older } = await this.#read({ limit: PIECE, before: this.older });
    const rest = this.#before(older);
    this.items = [...this.items.filter(({ seq }) => seq === null || seq >= this.older), ...messages, ...rest];
    this.older = older;
    this.#tell();
  }

  async #readNew() {
    this.wantsNew = false;
    const arrived = [];
    let { messages, next, older } = await this.#read({ limit: PIECE, after: this.next });
    arrived.push(...messages);
    while (older !== null) {
      ({ messages, older } = await this.#read({ limit: PIECE, after: this.next, before: older }));
      arrived.push(...messages);
    }
    this.next = next;
    this.problem = null;
    if (!arrived.length) return;
    // Messages whose reply had not been sent are there already.
    const ids = new Set(arrived.map(({ id }) => id));
    const known = new Set(this.items.filter(({ id }) => ids.has(id)).map(({ id }) => id));
    this.items = [...arrived, ...this.items.filter(({ id }) => !ids.has(id))];
    this.#tell(arrived.filter(({ id }) => !known.has(id)));
  }

  // What is listed and older than a cursor.
  #before(cursor) {
    return cursor === null ? [] : this.items.filter(({ seq }) => seq !== null && seq < cursor);
  }

  #tell(arrived = []) {
    this.dispatchEvent(new CustomEvent('change', { detail: { arrived } }));
  }
}

// ---- a message as a row of the list

export const ROW_HEIGHT = 52;
const MOST_RECIPIENTS = 3;

export function messageRow({ id, subject, envelope, received, size, attachments }, isNew) {
  const { from, recipients } = envelope;
  const shown = recipients.slice(0, MOST_RECIPIENTS).map(recipient);
  const more = recipients.length - shown.length;
  return [
    h('span.check', { 'aria-hidden': 'true', title: 'Select (x)' }),
    h('div.lines', {},
      h('div.line', {},
        h('span.clip.grow', { title: `from ${from.address || '<>'} to ${recipients.map(({ address }) => address).join(', ')}` },
          h('span.from', {}, from.address || '<>'), h('span.arrow', { 'aria-label': 'to' }, ' → '), shown.map((one, index) => [index > 0 && ', ', one]), more > 0 && `, ${more} more`),
        h('span.count', {}, time(received))),
      h('div.line', {},
        isNew && h('span.tag.good', {}, 'new'),
        h('span.subject.clip.grow', {}, subject || h('i.muted', {}, 'no subject')),
        attachments > 0 && h('span.tag', { title: plural(attachments, 'attachment') }, plural(attachments, 'file')),
        h('span.count', { title: `${id}: ${size.toLocaleString('en')} octets` }, octets(size)))),
  ];
}

function recipient({ address, verdict, reply }) {
  return verdict === 'accepted' ? address : h('span.refused', { title: reply }, h('s', {}, address), ' refused');
}

// ---- deletes messages after a question

// Each function gives the numbers of those that are gone.

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
