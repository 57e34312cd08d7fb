// The message of an entry, also one that was put in or appended: its text, its header and its source, from the mailbox.

import { api, mailboxOf } from './api.js';
import { $, fill, h, octets, showProblem } from './dom.js';
import { tabs } from './page.js';
import { visible } from './octet_text.js';

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
    const [text, source] = await Promise.all(['text', 'raw'].map((what) => api.beginning(`${path}/${what}`, MOST, { signal })));
    const end = /\r?\n\r?\n/.exec(source)?.index ?? source.length;
    const texts = { Text: text, Header: source.slice(0, end), Source: source };
    const rest = size > MOST ? `The first ${octets(MOST)} of ${octets(size)}; the download has all of it.` : '';
    const show = (name) => {
      code.textContent = readable(texts[name]);
      note.textContent = texts[name].trim() ? (name === 'Header' ? '' : rest) : `${name} is empty; Source has what there is.`;
    };
    const first = text.trim() ? 'Text' : 'Source';
    tabs(list, Object.keys(texts), first, 'entry-text', show);
    show(first);
  } catch (error) {
    if (error.name !== 'AbortError') showProblem(problem, error.message);
  }
}

// Characters that are not seen, or change the direction, are written out.
const readable = (text) => text.split(/\r?\n/).map((line) => line.split('\t').map(visible).join('\t')).join('\n');
