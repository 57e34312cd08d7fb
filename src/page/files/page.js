// What every view has: its title, colours, keyboard shortcuts, notices, dialogs, tabs.

import { Problem, api } from './api.js';
import { $, $$, h, fill, showProblem } from './dom.js';

// ---- dialogs that every view has

const dialog = (id, title, ...content) => h('dialog', { id, 'aria-labelledby': `${id}-title` }, h('h2', { id: `${id}-title` }, title), content);
const answers = (...buttons) => h('form', { method: 'dialog' }, buttons);

document.body.append(
  dialog('shortcuts', 'Keyboard shortcuts', h('dl'), answers(h('button', {}, 'Close'))),
  dialog('copy-test', 'Copy as test',
    h('p', { id: 'copy-test-about' }),
    h('div.tabs', { role: 'tablist', 'aria-label': 'Language' }),
    h('pre.code', { id: 'copy-test-code', tabIndex: 0 }),
    answers(h('button.primary', { type: 'button' }, 'Copy'), h('button', {}, 'Close'))),
  dialog('ask', '', h('p'), answers(h('button.danger', { value: 'yes' }), h('button', { value: 'no', autofocus: true }, 'Cancel'))),
);

// ---- the title of the document

const { title } = document;

// Puts what is open before the title of the view.
export function showTitle(...names) {
  document.title = [...names, title].filter(Boolean).join(' · ');
}

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
  // Escape closes these.
  if ($('dialog[open], :popover-open')) return;
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

// ---- links

// Links in this view to `home` and below it open without a new document: `go(url)`.
export function followLinks(home, go) {
  $('main').addEventListener('click', (event) => {
    const link = event.target.closest('a[href]');
    if (!link || link.target || link.download || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    const url = new URL(link.href);
    if (url.origin !== location.origin || !`${url.pathname}/`.startsWith(`${home}/`)) return;
    event.preventDefault();
    go(url);
  });
}

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

// Code in a template that can be copied: `data-copy` says what it is.
for (const place of $$('.copied')) place.append(copyButton(() => $('pre', place).textContent, place.dataset.copy));

// ---- "Copy as test": what a view shows, as code for a test in several languages

const LANGUAGES = ['curl', 'Rust', 'Python', 'JavaScript'];

// Opens the dialog. `about` is one sentence on what the code does, `code` has a text for each language.
export function copyAsTest(about, code) {
  const dialog = $('#copy-test');
  $('#copy-test-about').textContent = about;
  const show = (language) => {
    localStorage.setItem('language', language);
    $('#copy-test-code').textContent = code[language.toLowerCase()];
  };
  const kept = localStorage.getItem('language');
  const chosen = LANGUAGES.includes(kept) ? kept : 'curl';
  tabs($('[role=tablist]', dialog), LANGUAGES, chosen, 'copy-test-code', show);
  show(chosen);
  $('.primary', dialog).onclick = () => copy($('#copy-test-code').textContent, 'the code');
  dialog.showModal();
}

// ---- a list of tabs for one panel

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

// ---- dialogs with a form, which stand in the template as `<dialog class="form"><form>…`

// Opens the dialog with these values in its fields. `submit(data, form)` gets them as an object; the dialog closes when it
// succeeds, and shows why it fails.
export function openForm(id, values, submit) {
  const dialog = document.getElementById(id);
  const form = $('form', dialog);
  form.reset();
  for (const [name, value] of Object.entries(values)) if (form.elements[name]) form.elements[name].value = value ?? '';
  show(dialog, null);
  form.onsubmit = async (event) => {
    event.preventDefault();
    const button = $('.buttons button:not([type])', form);
    button.disabled = true;
    try {
      await submit(Object.fromEntries(new FormData(form)), form);
      dialog.close();
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      show(dialog, error);
    } finally {
      button.disabled = false;
    }
  };
  $('button[value=cancel]', form).onclick = () => dialog.close();
  dialog.showModal();
  return dialog;
}

function show(dialog, error) {
  const place = $('.problem', dialog);
  const details = error?.problems?.map(({ place: where, message, help }) => `${where && `${where}: `}${message}${help ? ` (${help})` : ''}`) ?? [];
  showProblem(place, details.join('\n') || error?.message);
  for (const field of $$('[aria-invalid]', dialog)) field.removeAttribute('aria-invalid');
  const field = error?.field && dialog.querySelector(`[name="${CSS.escape(error.field.split(/[.[]/)[0])}"]`);
  if (!field) return;
  field.setAttribute('aria-invalid', 'true');
  field.focus();
}

// ---- ending a session, with the dialog of the views that show sessions

const REPLIES = {
  smtp: ['421 4.3.2 Service shutting down', '421 4.4.2 Connection timed out'],
  imap: ['* BYE Server shutting down', '* BYE [UNAVAILABLE] Try again later'],
  pop3: ['-ERR [SYS/TEMP] Server shutting down', '-ERR [IN-USE] Try again later'],
};

// Ends a session after a reply that the user chooses.
export function endSession({ id, listener }) {
  const replies = REPLIES[listener.slice(0, 4)] ?? REPLIES.smtp;
  openForm('end-session', { reply: replies[0] }, async ({ reply }) => {
    await api.delete(`sessions/${id}`, { reply });
    say(`Ended ${id}`);
  });
  $('#end-session-title').textContent = `End session ${id}`;
  fill($('#end-replies'), replies.map((value) => h('option', { value })));
}

// `a, b` as a list.
export const wordsOf = (text) => text.split(/[\s,]+/).filter(Boolean);

// ---- popovers, below the buttons that open them

for (const popover of $$('[popover]')) {
  popover.addEventListener('beforetoggle', ({ newState }) => {
    if (newState !== 'open') return;
    const button = document.querySelector(`[popovertarget="${popover.id}"]`).getBoundingClientRect();
    popover.style.setProperty('top', `${button.bottom + 4}px`);
    popover.style.setProperty('right', `${Math.max(8, window.innerWidth - button.right)}px`);
  });
  // A popover near the left edge would leave the window.
  popover.addEventListener('toggle', ({ newState }) => {
    if (newState !== 'open' || popover.getBoundingClientRect().left >= 8) return;
    popover.style.setProperty('right', 'auto');
    popover.style.setProperty('left', '8px');
  });
}
