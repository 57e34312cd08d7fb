// The message of an entry, also one that was put in or appended: its text, its header and its source, from the mailbox.

import { api, mailboxOf } from './api.js';
import { $, fill, h, octets, showProblem } from './dom.js';
import { tabs } from './page.js';
import { readable } from './octet_text.js';

// The most octets that are read and shown.
const MOST = 65_536;

let shown = null;
let reading = new AbortController();

// Shows the message of this entry, unless it is shown already; null hides the place.
export function showMessage(place, entry) {
  const panel = $('#entry-message');
  const key = entry && JSON.stringify([place, entry.message]);
  panel.hidden = !entry;
  if (key === shown) return;
  shown = key;
  reading.abort();
  reading = new AbortController();
  if (entry) read(panel, mailboxOf(place.login, place.name, String(entry.uid)), entry.size, reading.signal);
}

// After a reset, other messages have these names.
export const forgetMessage = () => {
  shown = null;
};

async function read(panel, path, size, signal) {
  const note = h('p.muted');
  const code = h('pre.code', { id: 'entry-text', tabIndex: 0, role: 'tabpanel', 'aria-label': 'The message' });
  const list = h('div.tabs', { role: 'tablist', 'aria-label': 'Parts of the message' });
  const problem = h('p.problem', { role: 'alert', hidden: true });
  fill(panel, list, problem, code, note);
  try {
    const part = async (what) => readable((await api.beginning(`${path}/${what}`, MOST, { signal })).octets);
    const [text, source] = await Promise.all(['text', 'raw'].map(part));
    const texts = { Text: text, Header: source.split('\n\n')[0], Source: source };
    const rest = size > MOST ? `The first ${octets(MOST)} of ${octets(size)}; the download has all of it.` : '';
    const show = (name) => {
      code.textContent = texts[name];
      note.textContent = texts[name].trim() ? (name === 'Header' ? '' : rest) : `${name} is empty; Source has what there is.`;
    };
    const first = text.trim() ? 'Text' : 'Source';
    tabs(list, Object.keys(texts), first, 'entry-text', show);
    show(first);
  } catch (error) {
    if (error.name !== 'AbortError') showProblem(problem, error.message);
  }
}
