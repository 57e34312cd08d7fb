// The captured messages that match the filters, the newest first, kept up to date. Shows the first page at once and reads
// the others behind it. Knows nothing of the document.

import { api } from './api.js';

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
    const known = this.isRead ? new Set(this.items.map(({ id }) => id)) : null;
    this.items = [...messages, ...tail];
    Object.assign(this, { next, older, isRead: true, problem: null });
    this.#tell(known ? messages.filter(({ id }) => !known.has(id)) : []);
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
