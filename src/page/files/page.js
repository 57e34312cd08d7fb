// What every view has: colours, keyboard shortcuts, notices, questions.

import { $, h, fill } from './dom.js';
import { onUpdate } from './updates.js';

// Every view shows whether it is connected.
onUpdate(() => {});

// ---- colours

const theme = $('#theme');
const THEMES = ['auto', 'light', 'dark'];

function showTheme() {
  const name = document.documentElement.dataset.theme;
  theme.textContent = `◐ ${name[0].toUpperCase()}${name.slice(1)}`;
}

theme.addEventListener('click', () => {
  const next = THEMES[(THEMES.indexOf(document.documentElement.dataset.theme) + 1) % THEMES.length];
  document.documentElement.dataset.theme = next;
  localStorage.setItem('theme', next);
  showTheme();
});
showTheme();

// ---- keyboard

const shortcuts = new Map();

// Calls `action` when the key is pressed outside of fields and dialogs. `key` is as in `KeyboardEvent.key`, or two of them
// in a row, such as `g m`.
export function shortcut(key, what, action) {
  shortcuts.set(key, { what, action });
}

let before = '';

const writes = (element) => element.closest?.('input:not([type=checkbox]):not([type=radio]), textarea, select, [contenteditable]');

document.addEventListener('keydown', (event) => {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
  if (writes(event.target)) {
    if (event.key === 'Escape') event.target.blur();
    return;
  }
  if ($('dialog[open]')) return;
  const found = shortcuts.get(`${before} ${event.key}`) ?? shortcuts.get(event.key);
  before = event.key;
  if (!found) return;
  event.preventDefault();
  before = '';
  found.action(event);
});

const go = (index) => () => {
  location.href = document.querySelectorAll('header nav a')[index].href;
};
shortcut('g m', 'Go to messages', go(0));
shortcut('g s', 'Go to sessions', go(1));
shortcut('g r', 'Go to rules', go(2));
shortcut('g b', 'Go to mailboxes', go(3));
shortcut('g v', 'Go to servers', go(4));
shortcut('?', 'Show the keyboard shortcuts', showShortcuts);
$('#help').addEventListener('click', showShortcuts);

function showShortcuts() {
  const rows = [...shortcuts].map(([key, { what }]) => [h('dt', {}, key.split(' ').map((one) => h('kbd', {}, NAMES[one] ?? one))), h('dd', {}, what)]);
  fill($('#shortcuts dl'), rows);
  $('#shortcuts').showModal();
}

const NAMES = { ArrowDown: '↓', ArrowUp: '↑', ArrowLeft: '←', ArrowRight: '→', Escape: 'Esc', Delete: 'Del', ' ': 'Space' };

// ---- notices

// Shows a notice for some seconds: `kind` is `ok` or `error`.
export function say(text, kind = 'ok') {
  const toast = h('div.toast', { class: kind }, text, h('button.quiet', { 'aria-label': 'Dismiss', onclick: () => toast.remove() }, '×'));
  $('#toasts').append(toast);
  if (kind === 'ok') setTimeout(() => toast.remove(), 4000);
}

// Runs an action of the user and shows what goes wrong.
export async function attempt(action, done) {
  try {
    const result = await action();
    if (done) say(done);
    return result;
  } catch (error) {
    say(error.message, 'error');
    return undefined;
  }
}

// ---- questions

// Whether the user says yes.
export function ask(question, detail, yes) {
  const dialog = $('#ask');
  $('h2', dialog).textContent = question;
  $('p', dialog).textContent = detail;
  $('.danger', dialog).textContent = yes;
  dialog.returnValue = 'no';
  dialog.showModal();
  return new Promise((resolve) => dialog.addEventListener('close', () => resolve(dialog.returnValue === 'yes'), { once: true }));
}

// ---- copying

export async function copy(text, what) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Without a secure context (a name other than localhost, without TLS) there is no clipboard; a selection works.
    const area = h('textarea', { class: 'hidden' });
    area.value = text;
    (document.querySelector('dialog[open]') ?? document.body).append(area);
    area.select();
    document.execCommand('copy');
    area.remove();
  }
  say(`Copied ${what}`);
}

// A button that copies.
export function copyButton(text, what) {
  return h('button.quiet.copy', { type: 'button', title: `Copy ${what}`, 'aria-label': `Copy ${what}`, onclick: () => copy(typeof text === 'function' ? text() : text, what) }, 'Copy');
}
