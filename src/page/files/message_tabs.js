// Tabs of an open message. A tab without content stays in its place and says why it has none.

import { h, fill } from './dom.js';
import { say } from './page.js';

export class Tabs {
  // `list` has the role `tablist`. `choose(name)` shows the panel.
  constructor(list, choose) {
    Object.assign(this, { list, choose });
    list.addEventListener('keydown', (event) => this.#key(event));
  }

  // Shows these tabs: `{ name, title, count, reason }`; with a reason it cannot be chosen.
  set(tabs) {
    const focused = this.list.contains(document.activeElement) ? document.activeElement.dataset.name : null;
    this.tabs = tabs;
    fill(this.list, tabs.map(({ name, title, count, reason }) => h('button', {
      type: 'button', role: 'tab', id: `tab-${name}`, 'aria-controls': 'message-panel', 'aria-disabled': reason ? 'true' : null, title: reason, data: { name },
      onclick: () => (reason ? say(reason) : this.choose(name)),
    }, title, count > 0 && h('span.count', {}, count))));
    if (focused) this.#button(focused)?.focus();
  }

  // Marks the chosen one. The keyboard enters the list there.
  mark(name) {
    this.chosen = name;
    for (const button of this.list.children) {
      button.setAttribute('aria-selected', String(button.dataset.name === name));
      button.tabIndex = button.dataset.name === name ? 0 : -1;
    }
    const button = this.#button(name);
    const { offsetLeft: left = 0, offsetWidth: width = 0 } = button ?? {};
    if (left < this.list.scrollLeft || left + width > this.list.scrollLeft + this.list.clientWidth) this.list.scrollLeft = left - 40;
  }

  // Whether there is such a tab, with content.
  has(name) {
    return this.tabs.some((tab) => tab.name === name && !tab.reason);
  }

  // The next tab with content, or the one before.
  step(by) {
    const names = this.tabs.filter(({ reason }) => !reason).map(({ name }) => name);
    this.choose(names[(names.indexOf(this.chosen) + by + names.length) % names.length]);
  }

  #button(name) {
    return [...this.list.children].find((button) => button.dataset.name === name);
  }

  // Arrows also reach the tabs that cannot be chosen, so that everybody can learn why.
  #key(event) {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!by) return;
    event.preventDefault();
    const buttons = [...this.list.children];
    const next = buttons[(buttons.indexOf(document.activeElement) + by + buttons.length) % buttons.length];
    next.focus();
    if (!next.hasAttribute('aria-disabled')) this.choose(next.dataset.name);
  }
}
