// Reads the records of a session in pieces, the first one small, and what comes later when it is told that there is more.

import { api } from './api.js';
import { SessionLines, labelsOf, spread } from './session_lines.js';

const FIRST = 500;
const PIECE = 4000;

export class SessionReader {
  // `changed(lines)` is called after each piece; `failed(problem)` if one cannot be had.
  constructor(id, changed, failed) {
    Object.assign(this, { id, changed, failed });
    this.lines = new SessionLines();
    this.isReading = false;
    this.isStale = false;
    this.stopped = new AbortController();
    this.isComplete = false;
  }

  stop() {
    this.stopped.abort();
  }

  // Reads what there is after what was read.
  async read() {
    this.isStale = true;
    if (this.isReading) return;
    this.isReading = true;
    try {
      while (this.isStale) {
        this.isStale = false;
        await this.pieces();
      }
      await this.place();
      this.isComplete = true;
      this.changed(this.lines);
    } catch (error) {
      if (error.name !== 'AbortError') this.failed(error);
    } finally {
      this.isReading = false;
    }
  }

  // What the labels in a turn of the session stand for.
  async labels(turn) {
    if (turn.labels) return turn.labels;
    const { records } = await api.get('journal', { session: this.id, after: turn.seq - 1, limit: 1, labels: true }, { signal: this.stopped.signal });
    turn.labels = records[0]?.seq === turn.seq ? labelsOf(records[0]) : [];
    return turn.labels;
  }

  // Finds out what left of replies that have labels.
  async place() {
    for (const reply of this.lines.unplaced.splice(0)) {
      await Promise.all(reply.turns.map((turn) => this.labels(turn)));
      spread(reply);
    }
  }

  async pieces() {
    const { signal } = this.stopped;
    for (;;) {
      const limit = this.lines.next ? PIECE : FIRST;
      const answer = await api.get('journal', { session: this.id, after: this.lines.next || null, limit }, { signal });
      this.lines.add(answer);
      if (answer.records.length < limit) return;
      this.changed(this.lines);
    }
  }
}
