// Builds elements. Text is set as text: nothing that was captured is ever parsed as HTML.

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

// A copy of a template of the document.
export const copyOf = (id) => document.getElementById(id).content.cloneNode(true);

// Calls `action` at most once in `ms` milliseconds, at once and at the end.
export function throttle(ms, action) {
  let timer = null;
  let again = false;
  return function run() {
    if (timer) {
      again = true;
      return;
    }
    action();
    timer = setTimeout(() => {
      timer = null;
      if (again) {
        again = false;
        run();
      }
    }, ms);
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
