// The entries of a mailbox: a list with filters, a selection, and changes of what is selected.

import { api, mailboxOf } from './api.js';
import { $, debounce, fill, h, time, mailbox as addressText, octets, plural, showProblem } from './dom.js';
import { ask, attempt, say } from './page.js';
import { WindowedList } from './windowed_list.js';

const NARROW = matchMedia('(max-width: 760px)');
// Entries whose subjects are read at once.
const PIECE = 1000;

export class Entries extends EventTarget {
  // Events: `open` (an entry was opened: `detail.uid`), `cursor`, `read` (the entries were read).
  constructor() {
    super();
    this.place = null;
    this.state = null;
    this.request = 0;
    // Subject and addresses by message: they do not change.
    this.details = new Map();
    this.form = $('#filters');
    const render = (entry) => this.#row(entry);
    this.list = new WindowedList($('#entries'), { rowHeight: 32, render, key: (entry) => entry.uid, label: 'Entries, newest first', multiple: true });
    this.list.addEventListener('open', ({ detail }) => this.dispatchEvent(new CustomEvent('open', { detail: { uid: detail.item.uid } })));
    this.list.addEventListener('cursor', ({ detail }) => {
      this.showTargets();
      this.dispatchEvent(new CustomEvent('cursor', { detail: { uid: detail.item.uid } }));
    });
    this.list.addEventListener('select', () => this.showTargets());
    this.list.element.addEventListener('click', (event) => this.#clickInRow(event), true);
    this.list.element.addEventListener('keydown', (event) => this.#space(event));
    this.form.addEventListener('submit', (event) => event.preventDefault());
    this.form.addEventListener('input', debounce(150, () => this.read()));
    // The fields are empty after this event.
    this.form.addEventListener('reset', () => setTimeout(() => this.read()));
    NARROW.addEventListener('change', () => this.#fit());
    this.#fit();
    const button = ([key, flag]) => h('button', { type: 'button', 'aria-pressed': 'false', data: { flag }, title: `Set or unset ${flag} (${key})` }, flag.slice(1));
    fill($('#flag-buttons'), SYSTEM.map(button));
    $('#flag-buttons').addEventListener('click', ({ target }) => target.dataset.flag && this.toggle(target.dataset.flag));
    fill($('#flag-names'), SYSTEM.flatMap(([, flag]) => [h('option', { value: flag }), h('option', { value: `!${flag}` })]));
  }

  // Shows the entries of a mailbox of an account, and reads them if it has changed.
  show(place, box) {
    const isOtherPlace = place.login !== this.place?.login || place.name !== this.place?.name;
    const isOther = isOtherPlace || (this.state && box.uid_validity !== this.state.uid_validity);
    const isChanged = isOther || !this.state || ['uid_next', 'highest_modseq', 'entries'].some((name) => box[name] !== this.state[name]);
    if (isOther) {
      this.list.selected.clear();
      this.list.cursor = -1;
      this.list.set([]);
      this.list.element.scrollTop = 0;
      $('#no-entries').hidden = true;
      if (isOtherPlace) this.form.reset();
    }
    this.place = place;
    this.state = box;
    return isChanged ? this.read() : undefined;
  }

  // No mailbox is shown.
  close() {
    this.place = null;
    this.state = null;
    this.request += 1;
  }

  // Everything may have changed, and the numbers of messages may begin again.
  forget() {
    this.details.clear();
    this.request += 1;
    // What differs is read again.
    this.state &&= { ...this.state, highest_modseq: null };
  }

  get filters() {
    return { flag: this.form.elements.flag.value.trim(), uid: this.form.elements.uid.value.trim() };
  }

  async read() {
    if (!this.place) return;
    const { login, name } = this.place;
    const request = (this.request += 1);
    const problem = $('#filter-problem');
    try {
      const { entries } = await api.get(mailboxOf(login, name), this.filters);
      if (request !== this.request) return;
      showProblem(problem);
      this.#set(entries.reverse());
      this.dispatchEvent(new CustomEvent('read'));
      await this.#readDetails(request);
    } catch (error) {
      // A mailbox that is gone is told in its place.
      if (request !== this.request || error.status === 404) return;
      showProblem(problem, error.message);
    }
  }

  #set(entries) {
    this.list.set(entries);
    const { flag, uid } = this.filters;
    const isFiltered = Boolean(flag || uid);
    const all = plural(isFiltered ? this.state.entries : entries.length, 'entry', 'entries');
    $('#shown').textContent = isFiltered ? `${entries.length.toLocaleString('en')} of ${all}` : all;
    $('[type=reset]', this.form).hidden = !isFiltered;
    $('#no-entries').hidden = entries.length > 0;
    this.list.element.hidden = entries.length === 0;
    this.showTargets();
    const known = new Set(entries.flatMap(keywords));
    fill($('#keyword-names'), [...known].slice(0, 50).map((value) => h('option', { value })));
  }

  // Reads the subjects of entries that are not known yet, in pieces, the visible ones first.
  async #readDetails(request) {
    const { login, name } = this.place;
    const unknown = this.list.items.filter((entry) => !this.details.has(entry.message));
    for (let at = 0; at < unknown.length; at += PIECE) {
      for (const uid of uidSets(unknown.slice(at, at + PIECE).map((entry) => entry.uid))) {
        const { entries } = await api.get(mailboxOf(login, name), { uid, details: true });
        if (request !== this.request) return;
        for (const { message, subject, from, captured } of entries) this.details.set(message, { subject, from: from.map(addressText).join(', '), captured });
      }
      this.list.drawn.clear();
      this.list.draw();
      if (at === 0) this.dispatchEvent(new CustomEvent('read'));
    }
  }

  // The entries that a change is about: the selected ones, or the one at the cursor.
  get targets() {
    const { items, selected, cursor } = this.list;
    if (selected.size) return items.filter((entry) => selected.has(entry.uid));
    return items[cursor] ? [items[cursor]] : [];
  }

  showTargets() {
    const targets = this.targets;
    const { size } = this.list.selected;
    $('#targets').textContent = size ? `${size.toLocaleString('en')} selected` : targets.length ? `UID ${targets[0].uid}` : 'none selected';
    for (const button of $('#flag-buttons').children) {
      const count = targets.filter((entry) => has(entry, button.dataset.flag)).length;
      button.setAttribute('aria-pressed', count === 0 ? 'false' : count === targets.length ? 'true' : 'mixed');
    }
    for (const button of $('#selection').querySelectorAll('button:not([data-do=expunge-deleted])')) button.disabled = !targets.length;
  }

  // Sets or unsets a flag on the targets.
  toggle(flag, entries = this.targets) {
    const { place } = this;
    if (!entries.length) return undefined;
    return attempt(async () => {
      const changed = await toggleFlag(place, entries, flag);
      if (place === this.place) this.#changed(changed);
    });
  }

  expunge(entries = this.targets) {
    const what = entries.length === 1 ? `UID ${entries[0].uid}` : plural(entries.length, 'selected entry', 'selected entries');
    return this.#expunge(this.place, entries, what);
  }

  // Also those that the filters hide.
  async expungeDeleted() {
    const { place } = this;
    const answer = await attempt(() => api.get(mailboxOf(place.login, place.name), { flag: '\\Deleted' }));
    if (answer?.entries.length === 0) return say('No entry has \\Deleted');
    return answer && this.#expunge(place, answer.entries, `${plural(answer.entries.length, 'entry', 'entries')} with \\Deleted`);
  }

  async #expunge(place, entries, what) {
    if (!entries.length) return;
    const detail = `From ${place.name} of ${place.login}. Clients that have selected it learn of it, in IDLE at once. This cannot be undone.`;
    if (!(await ask(`Expunge ${what}?`, detail, 'Expunge'))) return;
    await attempt(() => expunge(place, entries), `Expunged ${plural(entries.length, 'entry', 'entries')}`);
  }

  // Shows the new flags without waiting for the list.
  #changed(entries) {
    const changed = new Map(entries.map((entry) => [entry.uid, entry]));
    this.list.set(this.list.items.map((entry) => changed.get(entry.uid) ?? entry));
    this.showTargets();
    this.dispatchEvent(new CustomEvent('read'));
  }

  #row(entry) {
    const { subject = null, from = '' } = this.details.get(entry.message) ?? {};
    const tags = keywords(entry);
    const flags = SYSTEM.map(([, flag]) => {
      const isSet = has(entry, flag);
      return h('span.flag', { class: isSet ? 'on' : '', data: { flag }, title: `${flag}${isSet ? ' is set' : ' is not set'}` }, isSet ? flag[1] : '·');
    });
    return [
      h('span.check', { 'aria-hidden': 'true', title: 'Select (Space)' }),
      h('span.uid', {}, entry.uid),
      h('span.flags', {}, flags),
      h('span.what.clip', {},
        tags.slice(0, 3).map((tag) => [h('span.tag', { title: tag }, h('bdi', {}, tag)), ' ']), tags.length > 3 && h('span.count', {}, `+${tags.length - 3} `),
        subject === '' ? h('i.muted', {}, 'no subject') : h('bdi.subject', {}, subject), from && ' ', from && h('bdi.muted', {}, from)),
      h('span.count.modseq', {}, entry.modseq),
      h('span.count.size', {}, octets(entry.size)),
      h('span.count.date', {}, time(entry.date)),
    ];
  }

  #clickInRow(event) {
    const { flag } = event.target.dataset;
    if (!flag) return;
    event.stopPropagation();
    this.toggle(flag, [this.list.items[event.target.closest('.row').dataset.index]]);
  }

  // A shortcut of the page would take the key from buttons.
  #space(event) {
    if (event.key !== ' ' || event.target !== this.list.element) return;
    event.preventDefault();
    this.toggleSelection();
  }

  toggleSelection() {
    if (this.list.cursor >= 0) this.list.toggle(this.list.cursor);
  }

  #fit() {
    this.list.rowHeight = NARROW.matches ? 52 : 32;
    this.list.element.style.setProperty('--row-height', `${this.list.rowHeight}px`);
    this.list.set(this.list.items);
  }
}

// ---- flags of entries, and changes of several entries at once

// The system flags with their keys (RFC 3501 §2.3.2).
export const SYSTEM = [['s', '\\Seen'], ['a', '\\Answered'], ['f', '\\Flagged'], ['d', '\\Deleted'], ['r', '\\Draft']];

const isSame = (a, b) => a.toLowerCase() === b.toLowerCase();

export const has = (entry, flag) => entry.flags.some((its) => isSame(its, flag));
export const keywords = (entry) => entry.flags.filter((its) => !its.startsWith('\\'));

// The longest set of UIDs in one URL.
const LONGEST = 4000;

// Sets of UIDs such as `1,4:6`, each short enough for a URL.
function uidSets(uids) {
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
async function toggleFlag({ login, name }, entries, flag) {
  const change = entries.every((entry) => has(entry, flag)) ? { remove: [flag] } : { add: [flag] };
  const changed = [];
  for (const uid of uidSets(entries.map((entry) => entry.uid))) {
    changed.push(...(await api.patch(mailboxOf(login, name, 'entries'), change, { query: { uid } })).entries);
  }
  return changed;
}

async function expunge({ login, name }, entries) {
  for (const uid of uidSets(entries.map((entry) => entry.uid))) await api.delete(mailboxOf(login, name, 'entries'), { uid });
}
