// The sessions of the server, the newest first, kept up to date. Read in pages, the first one small.

import { api } from './api.js';

const FIRST = 100;
const PAGE = 1000;
// More changes than this are read as a page.
const MOST_SINGLE = 8;

const numberOf = (id) => Number(id.slice(1));

export class SessionStore {
  // `changed()` is called when the sessions have changed; `failed(problem)` if they cannot be had.
  constructor(changed, failed) {
    Object.assign(this, { changed, failed });
    this.byId = new Map();
    this.sessions = [];
    this.isComplete = false;
    this.waiting = [];
    this.isReading = false;
  }

  // Takes an update of the server.
  async update(update) {
    this.waiting.push(update);
    if (this.isReading) return;
    this.isReading = true;
    try {
      while (this.waiting.length) {
        const updates = this.waiting.splice(0);
        const isAll = updates.some(({ all, removed, reset, sessions }) => all || removed || reset || sessions === null);
        if (isAll) await this.readAll();
        else await this.readSome([...new Set(updates.flatMap(({ sessions }) => sessions))]);
      }
    } catch (error) {
      this.failed(error);
    } finally {
      this.isReading = false;
    }
  }

  async readAll() {
    const byId = new Map();
    let before = null;
    do {
      const { sessions, older } = await api.get('sessions', { order: 'newest', limit: before === null ? FIRST : PAGE, before });
      for (const session of sessions) byId.set(session.id, session);
      before = older;
      // While the pages come, what was known stays; the first time, each page is shown.
      if (!this.isComplete) this.replace(byId, before === null);
    } while (before !== null);
    this.replace(byId, true);
  }

  async readSome(ids) {
    if (!ids.length) return;
    if (ids.length > MOST_SINGLE) return this.readSince(Math.min(...ids.map(numberOf)));
    const found = await Promise.all(ids.map((id) => api.get(`sessions/${id}`).catch((error) => (error.status === 404 ? null : Promise.reject(error)))));
    found.forEach((session, i) => (session ? this.byId.set(ids[i], session) : this.byId.delete(ids[i])));
    this.replace(this.byId, true);
  }

  async readSince(lowest) {
    let before = null;
    do {
      const { sessions, older } = await api.get('sessions', { order: 'newest', limit: PAGE, before });
      for (const session of sessions) this.byId.set(session.id, session);
      before = older !== null && numberOf(sessions.at(-1).id) > lowest ? older : null;
    } while (before !== null);
    this.replace(this.byId, true);
  }

  replace(byId, isComplete) {
    this.byId = byId;
    this.sessions = [...byId.values()].sort((a, b) => numberOf(b.id) - numberOf(a.id));
    this.isComplete ||= isComplete;
    this.changed();
  }
}
