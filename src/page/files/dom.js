// Builds elements, and writes sizes and times. Text is set as text: nothing that was captured is ever parsed as HTML.

export const $ = (selector, root = document) => root.querySelector(selector);
export const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];

// An element: `h('a.quiet', { href, onclick, hidden, 'aria-label': … }, 'text', child, …)`. Null and false children are
// left out, lists are flattened.
export function h(spec, attributes = {}, ...children) {
  const [tag, ...classes] = spec.split('.');
  const element = document.createElement(tag);
  if (classes.length) element.className = classes.join(' ');
  for (const [name, value] of Object.entries(attributes ?? {})) set(element, name, value);
  element.append(...nodes(children));
  return element;
}

function set(element, name, value) {
  if (value === null || value === undefined || value === false) return;
  if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
  else if (name === 'class') element.classList.add(...String(value).split(' ').filter(Boolean));
  else if (name === 'style') for (const [property, its] of Object.entries(value)) element.style.setProperty(property, its);
  else if (name === 'data') Object.assign(element.dataset, value);
  else if (name in element && typeof value !== 'string') element[name] = value;
  else element.setAttribute(name, value === true ? '' : value);
}

function nodes(children) {
  return children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false);
}

// Replaces the children of an element.
export function fill(element, ...children) {
  element.replaceChildren(...nodes(children));
  return element;
}

// Terms and what they are, for a `dl`. Null and false ones are left out.
export const facts = (all) => all.filter(Boolean).map(([term, ...what]) => [h('dt', {}, term), h('dd', {}, what)]);

// The same side by side.
export const lineFacts = (all) => facts(all).map((one) => h('div', {}, one));

// The head of a table.
export const columns = (titles) => h('thead', {}, h('tr', {}, titles.map((title) => h('th', { scope: 'col' }, title))));

// Shows in its place what is wrong; without a text, the place is hidden.
export function showProblem(place, text = '') {
  place.textContent = text;
  place.hidden = !text;
}

const drawn = new WeakMap();
const nameOf = (element) => element.dataset.focus ?? element.getAttribute('aria-label') ?? element.getAttribute('href');

// Replaces the children of an element, unless they show this data already. The focus stays at what has the same name or link.
export function fillChanged(element, data, content) {
  const key = JSON.stringify(data);
  if (drawn.get(element) === key) return false;
  drawn.set(element, key);
  const focused = element.contains(document.activeElement) ? nameOf(document.activeElement) : null;
  fill(element, content());
  if (focused) $$('a, button', element).find((its) => nameOf(its) === focused)?.focus();
  return true;
}

// Calls `action` at once, and if it was called again meanwhile, once more `ms` milliseconds after it is done.
export function throttle(ms, action) {
  let isBusy = false;
  let again = false;
  return async function run() {
    again = true;
    if (isBusy) return;
    isBusy = true;
    try {
      while (again) {
        again = false;
        await action();
        await new Promise((done) => setTimeout(done, ms));
      }
    } finally {
      isBusy = false;
    }
  };
}

// Calls `action` when nothing was called for `ms` milliseconds.
export function debounce(ms, action) {
  let timer = null;
  return (...args) => {
    clearTimeout(timer);
    timer = setTimeout(() => action(...args), ms);
  };
}

// ---- sizes and times as text

export function octets(n) {
  if (n < 1000) return `${n} B`;
  for (const unit of ['kB', 'MB', 'GB']) {
    n /= 1000;
    if (n < 999.5) return `${n < 10 ? n.toFixed(1) : Math.round(n)} ${unit}`;
  }
  return `${Math.round(n / 1000)} TB`;
}

// The time of day with seconds, and the date if it is not today.
export function clockTime(at, { millis = false } = {}) {
  const date = new Date(at);
  const time = date.toLocaleTimeString('en-GB', { hour12: false });
  const text = millis ? `${time}.${String(date.getMilliseconds()).padStart(3, '0')}` : time;
  return date.toDateString() === new Date().toDateString() ? text : `${date.toLocaleDateString('en-CA')} ${text}`;
}

// The same with the whole timestamp, in UTC, when it is pointed at.
export const time = (at, options) => h('time', { datetime: at, title: at }, clockTime(at, options));

// Microseconds between two timestamps of the server, which have more digits than a Date keeps.
export function microseconds(from, to) {
  return micros(to) - micros(from);
}

function micros(at) {
  const fraction = /\.(\d+)/.exec(at)?.[1] ?? '';
  return Math.floor(Date.parse(at) / 1000) * 1_000_000 + Number(fraction.padEnd(6, '0').slice(0, 6));
}

// A duration in microseconds: `850 µs`, `12.3 ms`, `4.1 s`, `2 min 5 s`.
export function duration(us) {
  if (us < 1000) return `${Math.round(us)} µs`;
  if (us < 1_000_000) return `${(us / 1000).toFixed(us < 10_000 ? 1 : 0)} ms`;
  if (us < 60_000_000) return `${(us / 1_000_000).toFixed(us < 10_000_000 ? 1 : 0)} s`;
  const seconds = Math.round(us / 1_000_000);
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
}

export const plural = (n, one, many = `${one}s`) => `${n.toLocaleString('en')} ${n === 1 ? one : many}`;

// An address as people write it.
export const mailbox = ({ name, address }) => (name ? `${name} <${address}>` : address);
