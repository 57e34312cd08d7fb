// A list of which only the visible rows are in the document, so that 100,000 rows cost as much as fifty. Rows have one
// height. The keyboard moves a cursor (↑ ↓ Home End PageUp PageDown); a screen reader hears a list box, or with `grid` a table
// with cells, which may have links in them.

import { h, fill } from './dom.js';

const SPARE = 12;
// Browsers limit the height of an element. A longer list is drawn scaled.
const MOST_PIXELS = 8_000_000;

export class WindowedList extends EventTarget {
  // `element` scrolls. `render(item, index)` gives the content of a row, `key(item)` its name, `label` is for screen readers.
  // Events: `open` (Enter, click: `detail.item`), `cursor` (the cursor moved), `select` (the selection changed).
  // With `grid`, the content is elements with the role `gridcell`.
  constructor(element, { rowHeight, render, key, label, multiple = false, grid = false }) {
    super();
    Object.assign(this, { element, rowHeight, render, key, multiple, grid });
    this.items = [];
    this.cursor = -1;
    this.selected = new Set();
    this.drawn = new Map();
    this.inner = h('div.rows', { role: grid ? 'rowgroup' : null });
    fill(element, this.inner);
    element.tabIndex = 0;
    element.setAttribute('role', grid ? 'grid' : 'listbox');
    element.setAttribute('aria-label', label);
    if (multiple) element.setAttribute('aria-multiselectable', 'true');
    element.addEventListener('scroll', () => this.#schedule(), { passive: true });
    element.addEventListener('keydown', (event) => this.#key(event));
    element.addEventListener('pointerdown', (event) => this.#press(event));
    element.addEventListener('pointerup', (event) => this.#release(event));
    element.addEventListener('click', (event) => this.#click(event));
    new ResizeObserver(() => this.#schedule()).observe(element);
  }

  // Replaces the items. The cursor and the selection stay with their items, and so does what is seen, unless the list is
  // at its top.
  set(items) {
    const current = this.items[this.cursor];
    const { scrollTop } = this.element;
    const first = scrollTop > this.rowHeight ? this.items[Math.floor(scrollTop / this.#scale() / this.rowHeight)] : null;
    this.items = items;
    this.drawn.clear();
    if (current !== undefined) this.cursor = this.indexOf(this.key(current));
    if (this.selected.size) {
      const keys = new Set(items.map(this.key));
      for (const key of this.selected) if (!keys.has(key)) this.selected.delete(key);
    }
    this.inner.style.height = `${Math.min(items.length * this.rowHeight, MOST_PIXELS)}px`;
    const at = first ? this.indexOf(this.key(first)) : -1;
    if (at > 0) this.element.scrollTop = scrollTop + (at * this.rowHeight * this.#scale() - Math.floor(scrollTop / this.rowHeight / this.#scale()) * this.rowHeight * this.#scale());
    this.draw();
  }

  // Takes what may be the same items, and the key of the one that is open.
  update(items, open) {
    // Rows that are the same are not drawn again.
    if (JSON.stringify(items) !== JSON.stringify(this.items)) this.set(items);
    // Updates do not move the cursor, only where the user goes does.
    if (open && open !== this.open) this.cursor = this.indexOf(open);
    this.open = open;
    this.draw();
  }

  indexOf(key) {
    return this.items.findIndex((item) => this.key(item) === key);
  }

  // Moves the cursor to a row and makes it visible.
  moveTo(index, { open = false, focus = false } = {}) {
    if (!this.items.length) return;
    this.cursor = Math.max(0, Math.min(index, this.items.length - 1));
    this.#reveal(this.cursor);
    this.draw();
    if (focus) this.element.focus();
    const item = this.items[this.cursor];
    this.dispatchEvent(new CustomEvent('cursor', { detail: { item, index: this.cursor } }));
    if (open) this.dispatchEvent(new CustomEvent('open', { detail: { item, index: this.cursor } }));
  }

  toggle(index) {
    const key = this.key(this.items[index]);
    if (!this.selected.delete(key)) this.selected.add(key);
    this.#selectionChanged();
  }

  selectAll(isSelected) {
    this.selected = new Set(isSelected ? this.items.map(this.key) : []);
    this.#selectionChanged();
  }

  #selectionChanged() {
    this.draw();
    this.dispatchEvent(new CustomEvent('select', { detail: { selected: this.selected } }));
  }

  #scale() {
    return Math.min(1, MOST_PIXELS / Math.max(1, this.items.length * this.rowHeight));
  }

  #reveal(index) {
    const { element, rowHeight } = this;
    const scale = this.#scale();
    const top = index * rowHeight * scale;
    if (top < element.scrollTop) element.scrollTop = top;
    else if (top + rowHeight > element.scrollTop + element.clientHeight) element.scrollTop = top + rowHeight - element.clientHeight;
  }

  #schedule() {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = null;
      this.draw();
    });
  }

  // Draws the visible rows. Rows that were drawn are kept.
  draw() {
    const { element, rowHeight, items } = this;
    const scale = this.#scale();
    const top = element.scrollTop / scale;
    const from = Math.max(0, Math.floor(top / rowHeight) - SPARE);
    const to = Math.min(items.length, Math.ceil((top + element.clientHeight) / rowHeight) + SPARE);
    const offset = element.scrollTop - top;
    const rows = [];
    const drawn = new Map();
    for (let index = from; index < to; index += 1) {
      const row = this.drawn.get(index) ?? h('div.row', { role: this.grid ? 'row' : 'option', data: { index }, id: `row-${this.element.id}-${index}` }, this.render(items[index], index));
      row.style.transform = `translateY(${index * rowHeight + offset}px)`;
      const isSelected = this.multiple ? this.selected.has(this.key(items[index])) : index === this.cursor;
      row.setAttribute('aria-selected', String(isSelected));
      if (this.grid) {
        row.setAttribute('aria-rowindex', index + 1);
      } else {
        row.setAttribute('aria-setsize', items.length);
        row.setAttribute('aria-posinset', index + 1);
      }
      row.classList.toggle('cursor', index === this.cursor);
      drawn.set(index, row);
      rows.push(row);
    }
    this.drawn = drawn;
    if (this.grid) element.setAttribute('aria-rowcount', items.length);
    // A row that stays is not taken out, even for a moment: a click on it would be lost.
    const kept = new Set(rows);
    for (const row of [...this.inner.children]) if (!kept.has(row)) row.remove();
    rows.forEach((row, at) => row === this.inner.children[at] || this.inner.insertBefore(row, this.inner.children[at]));
    const current = drawn.get(this.cursor);
    if (current) element.setAttribute('aria-activedescendant', current.id);
    else element.removeAttribute('aria-activedescendant');
  }

  #key(event) {
    if (event.target !== this.element || event.ctrlKey || event.metaKey || event.altKey) return;
    const page = Math.max(1, Math.floor(this.element.clientHeight / this.rowHeight) - 1);
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity };
    if (event.key in steps) {
      event.preventDefault();
      const step = steps[event.key];
      const from = this.cursor;
      this.moveTo(step === Infinity ? this.items.length - 1 : step === -Infinity ? 0 : from + step);
      if (event.shiftKey && this.multiple) this.#range(from < 0 ? this.cursor : from, this.cursor);
    } else if (event.key === 'Enter' && this.cursor >= 0) {
      event.preventDefault();
      this.moveTo(this.cursor, { open: true });
    }
  }

  #range(a, b) {
    for (let index = Math.min(a, b); index <= Math.max(a, b); index += 1) this.selected.add(this.key(this.items[index]));
    this.#selectionChanged();
  }

  #press({ target, clientY }) {
    const row = target.closest('.row');
    this.pressed = row && { target, clientY, key: this.key(this.items[row.dataset.index]) };
  }

  // A browser gives no click if the row was drawn again since the press.
  #release(event) {
    const { pressed } = this;
    if (event.button || !pressed || pressed.target.isConnected || Math.abs(event.clientY - pressed.clientY) > 4) return;
    this.#click(event, pressed.target, this.indexOf(pressed.key));
  }

  #click(event, target = event.target, index = Number(target.closest('.row')?.dataset.index ?? -1)) {
    if (index < 0 || target.closest('a, button, input')) return;
    if (this.multiple && event.shiftKey) {
      const from = Math.max(0, this.cursor);
      this.cursor = index;
      this.#range(from, index);
    } else if (this.multiple && (event.ctrlKey || event.metaKey || target.closest('.check'))) {
      this.cursor = index;
      this.toggle(index);
    } else {
      this.moveTo(index, { open: true });
    }
  }
}
