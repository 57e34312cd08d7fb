// "Copy as test": what a view shows, as code for a test in several languages.

import { $, h, fill } from './dom.js';
import { copy } from './page.js';

const LANGUAGES = { curl: 'curl', rust: 'Rust', python: 'Python', javascript: 'JavaScript' };

// Opens the dialog. `about` is one sentence on what the code does, `code` has a text for each language.
export function copyAsTest(about, code) {
  const dialog = $('#copy-test');
  $('#copy-test-about').textContent = about;
  const show = (language) => {
    localStorage.setItem('language', language);
    for (const tab of dialog.querySelectorAll('[role=tab]')) {
      tab.setAttribute('aria-selected', String(tab.dataset.language === language));
      tab.tabIndex = tab.dataset.language === language ? 0 : -1;
    }
    $('#copy-test-code').textContent = code[language];
  };
  const tabs = Object.entries(LANGUAGES).map(([language, name]) => h('button', { type: 'button', role: 'tab', 'aria-controls': 'copy-test-code', data: { language }, onclick: () => show(language) }, name));
  const list = fill($('[role=tablist]', dialog), tabs);
  list.onkeydown = (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const next = tabs[(tabs.indexOf(document.activeElement) + step + tabs.length) % tabs.length];
    next.focus();
    next.click();
  };
  const kept = localStorage.getItem('language');
  show(kept in LANGUAGES ? kept : 'curl');
  $('.primary', dialog).onclick = () => copy($('#copy-test-code').textContent, 'the code');
  dialog.showModal();
}

// Text as a literal: in a shell, in Rust, in Python or JavaScript.
export const quoted = {
  curl: (text) => `'${text.replaceAll("'", "'\\''")}'`,
  rust: (text) => JSON.stringify(text).replace(/\\u([0-9a-f]{4})/g, '\\u{$1}').replaceAll('\\b', '\\u{8}').replaceAll('\\f', '\\u{c}'),
  python: (text) => JSON.stringify(text),
  javascript: (text) => JSON.stringify(text),
};
