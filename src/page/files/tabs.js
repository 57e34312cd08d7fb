// A list of tabs for one panel.

import { h, fill } from './dom.js';

// Shows the tabs in an element with the role `tablist`. `show(name)` is called when the user chooses one.
export function tabs(element, names, chosen, panel, show) {
  const hasFocus = element.contains(document.activeElement);
  const choose = (name) => {
    for (const tab of all) {
      const isChosen = tab.textContent === name;
      tab.setAttribute('aria-selected', String(isChosen));
      tab.tabIndex = isChosen ? 0 : -1;
    }
  };
  const all = names.map((name) => h('button', { type: 'button', role: 'tab', 'aria-controls': panel, onclick: () => (choose(name), show(name)) }, name));
  fill(element, all);
  choose(chosen);
  element.onkeydown = (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const next = all[(all.indexOf(document.activeElement) + step + all.length) % all.length];
    next.focus();
    next.click();
  };
  if (hasFocus) all[names.indexOf(chosen)]?.focus();
}
