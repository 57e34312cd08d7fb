// An open message: its head, its envelope, and a panel for each tab.

import { $, h, fill } from './dom.js';
import { api, v1, view } from './api.js';
import { attachmentsPanel, leaves, partsPanel } from './message_parts.js';
import { envelopeTable, messageFacts, summary } from './message_head.js';
import { headersPanel, linksPanel, lintPanel, textPanel } from './message_panels.js';
import { htmlPanel } from './message_html.js';
import { sourcePanel } from './message_source.js';
import { Tabs } from './message_tabs.js';

const PANELS = {
  html: ['HTML', htmlPanel],
  text: ['Text', textPanel],
  headers: ['Headers', headersPanel],
  source: ['Source', sourcePanel],
  parts: ['Parts', partsPanel],
  attachments: ['Attachments', attachmentsPanel],
  links: ['Links and codes', linksPanel],
  lint: ['Lint', lintPanel],
};

export class MessageView {
  // `element` is the document's pane of the message. `chosen(tab)` is called when the user chose a tab.
  constructor(element, { chosen }) {
    Object.assign(this, { element, chosen });
    this.id = null;
    this.message = null;
    this.loading = new AbortController();
    this.tabs = new Tabs($('#message-tabs'), (name) => {
      this.tab = name;
      this.#show(name);
      this.chosen(name);
    });
    const envelope = $('#envelope');
    envelope.open = (localStorage.getItem('envelope') ?? (window.innerWidth > 760 ? 'open' : 'closed')) === 'open';
    $('summary', envelope).addEventListener('click', () => localStorage.setItem('envelope', envelope.open ? 'closed' : 'open'));
  }

  // Opens a message, at a tab if it has such content.
  async open(id, tab) {
    this.close();
    const { signal } = this.loading = new AbortController();
    Object.assign(this, { id, tab });
    this.element.setAttribute('aria-busy', 'true');
    try {
      await this.#load(id, signal);
    } catch (error) {
      if (!signal.aborted) this.#problem(error);
    } finally {
      if (!signal.aborted) this.element.removeAttribute('aria-busy');
    }
  }

  close() {
    this.loading.abort();
    this.id = null;
    this.message = null;
    this.panels = new Map();
    $('#message-problem').hidden = true;
    $('#message').hidden = true;
    $('#nothing').hidden = false;
  }

  // Shows another tab of the message, when the URL names it.
  show(tab) {
    this.tab = tab;
    if (this.message && this.tabs.has(tab)) this.#show(tab);
  }

  // Tells whether the message is still there.
  async check() {
    const { id, message } = this;
    // A message has no place in the list until its reply was sent.
    if (!message?.seq) return;
    const found = await api.get('messages', { before: message.seq + 1, order: 'newest', limit: 1 }).catch(() => null);
    if (!found || this.id !== id) return;
    const [its] = found.messages;
    // A server that was started anew may have another message of this number.
    if (its?.id !== id || its.received !== message.received) this.deleted();
  }

  // Says that the message is not on the server any more. What was read stays.
  deleted() {
    this.#notice(`${this.id} was deleted on the server. What is shown here was read before; parts and downloads are gone.`);
  }

  async #load(id, signal) {
    const path = `messages/${encodeURIComponent(id)}`;
    const message = await api.get(path, {}, { signal });
    const part = `messages/${message.id}`;
    const [headers, parts, links, codes, findings, session] = await Promise.all([
      api.get(`${part}/headers`, {}, { signal }), api.get(`${part}/parts`, { nested: 'true' }, { signal }), api.get(`${part}/links`, {}, { signal }),
      api.get(`${part}/codes`, {}, { signal }), api.get('findings', { message: message.id }, { signal }), sessionOf(message, signal),
    ]);
    this.id = message.id;
    this.message = { ...message, headers, parts, links, codes, findings: findings.findings, sessionFacts: session };
    this.panels = new Map();
    $('#message').hidden = false;
    $('#nothing').hidden = true;
    $('#subject').textContent = message.subject || 'no subject';
    $('#subject').classList.toggle('muted', !message.subject);
    fill($('#message-facts'), messageFacts(this.message));
    fill($('#envelope-summary'), summary(this.message));
    fill($('#envelope-table'), envelopeTable(this.message));
    const download = $('#download');
    download.href = v1(`${part}/raw`);
    download.download = `${message.id}.eml`;
    fill($('#message-panel'));
    this.tabs.set(tabsOf(this.message));
    const wanted = [this.tab, 'html', 'text', 'source'].find((name) => this.tabs.has(name));
    this.#show(wanted);
  }

  #show(name) {
    this.tabs.mark(name);
    const place = $('#message-panel');
    place.setAttribute('aria-labelledby', `tab-${name}`);
    place.dataset.tab = name;
    if (!this.panels.has(name)) {
      const panel = h('div.panel');
      this.panels.set(name, panel);
      PANELS[name][1](panel, this.message, this.loading.signal);
    }
    fill(place, this.panels.get(name));
  }

  #problem(error) {
    const text = error.status === 404 ? `${this.id} is not on this server. It was deleted, or discarded because newer messages came, or the server was reset.` : error.message;
    $('#nothing').hidden = true;
    this.#notice(text);
  }

  #notice(text) {
    const place = $('#message-problem');
    $('span', place).textContent = text;
    $('a', place).href = view('messages');
    place.hidden = false;
  }
}

async function sessionOf({ session }, signal) {
  if (!session) return null;
  try {
    return await api.get(`sessions/${session}`, {}, { signal });
  } catch (error) {
    // Sessions that have ended are discarded earlier than messages.
    if (error.status === 404) return null;
    throw error;
  }
}

// Which tabs there are, with the numbers of what is in them, or the reason why there is nothing.
function tabsOf({ parts, links, codes, findings }) {
  const its = leaves(parts);
  const has = (type) => its.some((part) => part.content_type === type && !part.attachment);
  const attached = its.filter(({ attachment }) => attachment).length;
  const counts = { attachments: attached, links: links.length + codes.length, lint: findings.length };
  const reasons = {
    html: !has('text/html') && 'This message has no part of type text/html.',
    text: !has('text/plain') && 'This message has no part of type text/plain.',
    attachments: !attached && 'This message has no attachments.',
    links: !links.length && !codes.length && 'There are no links in this message, and no one-time codes.',
  };
  return Object.entries(PANELS).map(([name, [title]]) => ({ name, title, count: counts[name] ?? 0, reason: reasons[name] || null }));
}
