// An open message: its head, its envelope, and a panel for each tab.

import { api, v1, view } from './api.js';
import { $, columns, h, fill, time, mailbox, octets, facts, plural } from './dom.js';
import { attachmentsPanel, leaves, partsPanel, headersPanel, htmlPanel, linksPanel, lintPanel, onlySent, sourcePanel, textPanel } from './message_parts.js';
import { say } from './page.js';

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
    this.#usable(false);
    this.#notice(`${this.id} was deleted on the server. What is shown here was read before; parts and downloads are gone.`);
  }

  async #load(id, signal) {
    const path = `messages/${encodeURIComponent(id)}`;
    const message = await api.get(path, {}, { signal });
    const part = `messages/${message.id}`;
    const [headers, parts, links, codes, lint, findings, session, entries, refused] = await Promise.all([
      api.get(`${part}/headers`, {}, { signal }), api.get(`${part}/parts`, { nested: 'true' }, { signal }), api.get(`${part}/links`, {}, { signal }),
      api.get(`${part}/codes`, {}, { signal }), api.get(`${part}/lint`, {}, { signal }), api.get('findings', { message: message.id }, { signal }), sessionOf(message, signal),
      api.get(`${part}/entries`, {}, { signal }), refusedWith(message, signal),
    ]);
    this.id = message.id;
    this.message = { ...message, headers, parts, links, codes, lint, findings: findings.findings, sessionFacts: session, entries, refused };
    this.#usable(true);
    this.panels = new Map();
    $('#message').hidden = false;
    $('#nothing').hidden = true;
    $('#subject').textContent = message.subject || 'no subject';
    $('#subject').classList.toggle('muted', !message.subject);
    fill($('#message-facts'), factsOf(this.message));
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
    this.#usable(false);
    this.#notice(text);
  }

  // Whether there is a message that buttons can do something with.
  #usable(isThere) {
    this.isThere = isThere;
    for (const id of ['#copy-message', '#delete-open', '#previous', '#following']) $(id).disabled = !isThere;
    if (isThere) return $('#download').removeAttribute('aria-disabled');
    $('#download').removeAttribute('href');
    $('#download').setAttribute('aria-disabled', 'true');
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
function tabsOf({ parts, links, codes, lint, findings }) {
  const its = leaves(parts);
  const has = (type) => its.some((part) => part.content_type === type && !part.attachment);
  const attached = its.filter(({ attachment }) => attachment).length;
  const counts = { attachments: attached, links: links.length + codes.length, lint: lint.violations.length + onlySent(lint, findings).length };
  const reasons = {
    html: !has('text/html') && 'This message has no part of type text/html.',
    text: !has('text/plain') && 'This message has no part of type text/plain.',
    attachments: !attached && 'This message has no attachments.',
    links: !links.length && !codes.length && 'There are no links in this message, and no one-time codes.',
  };
  return Object.entries(PANELS).map(([name, [title]]) => ({ name, title, count: counts[name] ?? 0, reason: reasons[name] || null }));
}

// ---- the head of an open message: what its header says, and where it is

function factsOf({ id, from, to, cc, headers, message_id: messageId, received, size, entries }) {
  const date = headers.find(({ name }) => name.toLowerCase() === 'date')?.value;
  const missing = (what) => h('span.muted', {}, `no ${what} in the header`);
  return facts([
    ['From', from.length ? from.map(mailbox).join(', ') : missing('From')],
    ['To', to.length ? to.map(mailbox).join(', ') : missing('To')],
    cc.length > 0 && ['Cc', cc.map(mailbox).join(', ')],
    ['Date', date ?? missing('Date')],
    ['Message-ID', messageId ? h('span.mono', {}, messageId) : missing('Message-ID')],
    ['Received', time(received, { millis: true }), h('span.muted', {}, ` as ${id}, ${octets(size)}`)],
    ['Delivered', placesOf(entries)],
  ]);
}

// ---- tabs of an open message

// A tab without content stays in its place and says why it has none.

class Tabs {
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

// ---- the envelope with what the server answered: also recipients that were refused before the message was sent

const MOST_PLACES = 5;
// How far before the message its transaction is looked for at first: a session may have very many.
const NEAR = 2000;
const MOST_RECORDS = 1_000_000;

// The entries of a message, as links to them.
function placesOf(entries) {
  if (!entries.length) return h('b.bad', {}, 'in no mailbox');
  const shown = entries.slice(0, MOST_PLACES).map(({ account, mailbox, uid }, index) => [
    index > 0 && ', ', h('a', { href: view('mailboxes', account, mailbox, String(uid)) }, `${account} ${mailbox}, UID ${uid}`),
  ]);
  const more = entries.length - MOST_PLACES;
  return ['in ', shown, more > 0 && ` and ${plural(more, 'other')}`];
}

// The recipients that were refused in the transaction of a message: `{ address, reply, rules }`. They are
// not in its envelope.
async function refusedWith({ id, session, seq, envelope }, signal) {
  if (!session) return [];
  for (const after of [Math.max(0, (seq ?? 0) - NEAR), null]) {
    const records = await recordsOf(session, after, signal);
    const end = records.findIndex(({ captured }) => captured === id);
    const begin = records.slice(0, Math.max(0, end)).findLastIndex(({ event, status }) => event === 'smtp.mail' && status === 'positive');
    if (begin < 0) continue;
    const refused = records.slice(begin, end).filter(({ event, status }) => event === 'smtp.rcpt' && status === 'negative').map(refusal);
    return refused.filter(({ address }) => !envelope.recipients.some((one) => one.address === address && one.verdict !== 'accepted'));
  }
  return [];
}

async function recordsOf(session, after, signal) {
  try {
    return (await api.get('journal', { session, kind: 'exchange,part', after, limit: MOST_RECORDS }, { signal })).records;
  } catch (error) {
    // The records are discarded earlier than the messages.
    if ([404, 410].includes(error.status)) return [];
    throw error;
  }
}

function refusal({ heard, said, rules }) {
  const address = /<([^]*)>/.exec(heard)?.[1] ?? heard.replace(/^rcpt\s+to:\s*/i, '');
  return { address, reply: said.trim(), rules: [...new Set(rules?.written.map(({ by }) => by) ?? [])].filter(Boolean) };
}

// ---- how it is shown

// The envelope in one line.
function summary({ envelope, session, sessionFacts, refused: before }) {
  const { from, recipients } = envelope;
  const refused = before.length + recipients.filter(({ verdict }) => verdict !== 'accepted').length;
  return [
    h('b', {}, 'Envelope'),
    h('span.clip.grow', {}, from.address || '<>', ' → ', recipients.slice(0, 2).map(({ address }) => address).join(', '), recipients.length > 2 && `, ${recipients.length - 2} more`),
    refused > 0 && h('span.tag.bad', {}, `${refused} refused`),
    sessionFacts && h('span.count', {}, sessionFacts.listener),
    session && h('span.count', {}, session),
  ];
}

// The sender, each recipient with what the server said, and how the message came.
function envelopeTable({ envelope, session, sessionFacts, refused }) {
  const { from, recipients } = envelope;
  const row = (role, address, verdict, its) => h('tr', {},
    h('th', { scope: 'row' }, role), h('td', {}, address), h('td', {}, verdict), h('td.mono', {}, parameters(its)));
  return [
    h('table.envelope', {},
      columns([h('span.hidden', {}, 'Role'), 'Address', 'Verdict', 'Parameters']),
      h('tbody', {},
        row('from', from.address || '<>', '', from.parameters),
        recipients.map((one) => row('to', one.address, verdictOf(one), one.parameters)),
        refused.map(refusedRow))),
    refused.length > 0 && h('p.came', {}, 'Refused recipients are not in the envelope: they were refused in the same transaction, before the message was sent.'),
    h('p.came', {}, came(session, sessionFacts)),
  ];
}

function refusedRow({ address, reply, rules }) {
  const by = rules.map((rule) => [' by rule ', h('a', { href: view('rules', rule) }, rule)]);
  return h('tr', {}, h('th', { scope: 'row' }, 'refused'), h('td', {}, h('s', {}, address)), h('td', {}, verdictOf({ reply }), by), h('td', {}, h('span.muted', {}, 'not in the envelope')));
}

function verdictOf({ verdict, reply }) {
  if (verdict === 'accepted') return h('span.good', {}, 'accepted');
  return [h('b.bad', {}, 'refused'), reply && h('span.mono', {}, ` ${reply}`)];
}

function parameters(its) {
  const all = Object.entries(its);
  return all.length ? all.map(([name, value]) => (value === null ? name : `${name}=${value}`)).join(' ') : h('span.muted', {}, 'none');
}

function came(session, facts) {
  if (!session) return 'Not received from a client: delivered over the HTTP API or by a test.';
  const link = h('a', { href: view('sessions', session) }, `session ${session}`);
  if (!facts) return ['Received in ', link, ', whose record was discarded.'];
  const { listener, user, tls, helo, peer, rules } = facts;
  return [
    'Received by ', h('b', {}, listener), ' in ', link, `, from ${helo ? `${helo} at ` : ''}${peer}, `,
    user ? ['logged in as ', h('a', { href: view('mailboxes', user) }, user)] : 'without login', ', ',
    tls ? `with ${[tls.version, tls.cipher].filter(Boolean).join(', ') || 'TLS'}` : 'without TLS', '.',
    rules.length > 0 && [' Rules that fired in it: ', rules.map((rule, index) => [index > 0 && ', ', h('a', { href: view('rules', rule) }, rule)]), '.'],
  ];
}
