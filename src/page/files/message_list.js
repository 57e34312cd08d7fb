// The captured messages that match the filters, the newest first, kept up to date. Shows the first page at once and reads
// the others behind it; how a message is a row; deleting; the text of the search field as filters of the API.

import { api, prefix } from './api.js';
import { h, fill, time, octets, plural } from './dom.js';
import { ask, attempt, copyButton, say } from './page.js';

const FIRST = 100;
const PIECE = 1000;

// Events: `change` (`detail.arrived`: the messages that came since the list was first read).
export class MessageList extends EventTarget {
  constructor() {
    super();
    this.items = [];
    this.filters = {};
    this.problem = null;
    // Where to read on: after what was read, and before it.
    this.next = null;
    this.older = null;
    this.isRead = false;
    this.wasComplete = false;
    this.wantsAll = false;
    this.wantsNew = false;
    this.isWorking = false;
    this.reading = new AbortController();
  }

  // Whether all messages were read, even if they are being read again.
  get isComplete() {
    return this.wasComplete || (this.isRead && this.older === null);
  }

  // Lists what matches these filters.
  search(filters) {
    this.filters = filters;
    this.#startAnew();
  }

  // Reads everything again. What is shown stays until its place in the list was read.
  reload() {
    this.wantsAll = true;
    this.#work();
  }

  // Reads everything again after a reset, when numbers may be those of other messages.
  reset() {
    this.#startAnew();
  }

  // Reads what is new.
  update() {
    this.wantsNew = true;
    this.#work();
  }

  // Takes messages out that were deleted.
  drop(ids) {
    this.items = this.items.filter(({ id }) => !ids.has(id));
    this.#tell();
  }

  #startAnew() {
    this.reading.abort();
    this.reading = new AbortController();
    this.isRead = false;
    this.wasComplete = false;
    this.older = null;
    this.reload();
  }

  async #work() {
    if (this.isWorking) return;
    this.isWorking = true;
    for (let step = this.#step(); step; step = this.#step()) {
      try {
        await step();
      } catch (error) {
        this.#fail(error);
      }
    }
    this.isWorking = false;
  }

  #step() {
    if (this.wantsAll) return () => this.#readFirst();
    if (this.wantsNew && this.isRead) return () => this.#readNew();
    if (this.older !== null) return () => this.#readOlder();
    return null;
  }

  #fail(error) {
    if (error.name === 'AbortError') return;
    // Messages after the cursor were discarded.
    if (error.status === 410) {
      this.wantsAll = true;
      return;
    }
    this.problem = error;
    this.wantsNew = false;
    this.older = null;
    this.#tell();
  }

  #read(query) {
    return api.get('messages', { ...this.filters, order: 'newest', ...query }, { signal: this.reading.signal });
  }

  async #readFirst() {
    this.wantsAll = false;
    this.wantsNew = false;
    this.wasComplete = this.isComplete;
    const { messages, next, older } = await this.#read({ limit: FIRST });
    const tail = this.isRead ? this.#before(older) : [];
    // A server that was reset may have other messages of the same numbers.
    const known = this.isRead ? new Map(this.items.map(({ id, received }) => [id, received])) : null;
    this.items = [...messages, ...tail];
    Object.assign(this, { next, older, isRead: true, problem: null });
    this.#tell(known ? messages.filter(({ id, received }) => known.get(id) !== received) : []);
  }

  async #readOlder() {
    const { messages, older } = await this.#read({ limit: PIECE, before: this.older });
    const rest = this.#before(older);
    this.items = [...this.items.filter(({ seq }) => seq === null || seq >= this.older), ...messages, ...rest];
    this.older = older;
    this.#tell();
  }

  async #readNew() {
    this.wantsNew = false;
    const arrived = [];
    let { messages, next, older } = await this.#read({ limit: PIECE, after: this.next });
    arrived.push(...messages);
    while (older !== null) {
      ({ messages, older } = await this.#read({ limit: PIECE, after: this.next, before: older }));
      arrived.push(...messages);
    }
    this.next = next;
    this.problem = null;
    if (!arrived.length) return;
    // Messages whose reply had not been sent are there already.
    const ids = new Set(arrived.map(({ id }) => id));
    const known = new Set(this.items.filter(({ id }) => ids.has(id)).map(({ id }) => id));
    this.items = [...arrived, ...this.items.filter(({ id }) => !ids.has(id))];
    this.#tell(arrived.filter(({ id }) => !known.has(id)));
  }

  // What is listed and older than a cursor.
  #before(cursor) {
    return cursor === null ? [] : this.items.filter(({ seq }) => seq !== null && seq < cursor);
  }

  #tell(arrived = []) {
    this.dispatchEvent(new CustomEvent('change', { detail: { arrived } }));
  }
}

// ---- a message as a row of the list

export const ROW_HEIGHT = 52;
const MOST_RECIPIENTS = 3;

export function messageRow({ id, subject, envelope, received, size, attachments }, isNew) {
  const { from, recipients } = envelope;
  const shown = recipients.slice(0, MOST_RECIPIENTS).map(recipient);
  const more = recipients.length - shown.length;
  return [
    h('span.check', { 'aria-hidden': 'true', title: 'Select (x)' }),
    h('div.lines', {},
      h('div.line', {},
        h('span.clip.grow', { title: `from ${from.address || '<>'} to ${recipients.map(({ address }) => address).join(', ')}` },
          h('span.from', {}, from.address || '<>'), h('span.arrow', { 'aria-label': 'to' }, ' → '), shown.map((one, index) => [index > 0 && ', ', one]), more > 0 && `, ${more} more`),
        h('span.count', {}, time(received))),
      h('div.line', {},
        isNew && h('span.tag.good', {}, 'new'),
        h('span.subject.clip.grow', {}, subject || h('i.muted', {}, 'no subject')),
        attachments > 0 && h('span.tag', { title: plural(attachments, 'attachment') }, plural(attachments, 'file')),
        h('span.count', { title: `${id}: ${size.toLocaleString('en')} octets` }, octets(size)))),
  ];
}

function recipient({ address, verdict, reply }) {
  return verdict === 'accepted' ? address : h('span.refused', { title: reply }, h('s', {}, address), ' refused');
}

// ---- deletes messages after a question

// Each function gives the numbers of those that are gone.

const AT_ONCE = 5;

export async function deleteById(ids) {
  const gone = new Set();
  const what = ids.length === 1 ? ids[0] : plural(ids.length, 'selected message');
  if (!(await ask(`Delete ${what}?`, 'Also from all mailboxes. Clients that have a mailbox open learn of it. This cannot be undone.', 'Delete'))) return gone;
  const rest = [...ids];
  const some = async () => {
    for (let id = rest.pop(); id; id = rest.pop()) {
      // What is gone already was to be deleted anyway.
      await api.delete(`messages/${id}`).catch((error) => {
        if (error.status !== 404) throw error;
      });
      gone.add(id);
    }
  };
  await attempt(() => Promise.all(Array.from({ length: AT_ONCE }, some)));
  if (gone.size) say(`Deleted ${gone.size === 1 ? [...gone][0] : plural(gone.size, 'message')}`);
  return gone;
}

// Deletes what these filters match; without filters, everything.
export async function deleteFound(filters) {
  const isSearch = Object.keys(filters).length > 0;
  const detail = isSearch
    ? 'Every message that matches the search, also from all mailboxes. This cannot be undone.'
    : 'Every captured message, also from all mailboxes, and with them the journal, and the sessions that have ended with their transcripts. This cannot be undone.';
  if (!(await ask(isSearch ? 'Delete all messages found?' : 'Delete all messages?', detail, 'Delete all'))) return new Set();
  const answer = await attempt(() => api.delete('messages', filters));
  if (!answer) return new Set();
  say(`Deleted ${plural(answer.messages.length, 'message')}`);
  return new Set(answer.messages.map(({ id }) => id));
}

// ---- the text of the search field

// `to:*@example.org subject:"Your code" welcome` are two filters and a word; quotes keep blanks.

// The fields, with what each searches and an example. The names are those of the API.
const FIELDS = {
  to: ['a recipient in the envelope', 'to:*@example.org'],
  from: ['the sender in the envelope', 'from:!*@example.org'],
  subject: ['the subject', 'subject:~^Re:'],
  body: ['the text; also a part of it', 'body:"confirm your address"'],
  attachment: ['the file name of an attachment', 'attachment:*.pdf'],
  header: ['a header field', 'header:X-Campaign=7'],
  user: ['the login of the session', 'user:ann@example.org'],
  listener: ['the listener that received it', 'listener:smtp'],
};

// What stands between blanks: `{ text, name, value }`. `name` is null for a word.
function tokens(text) {
  return (text.match(/(?:[^\s"]|"(?:\\.|[^"\\])*"?)+/g) ?? []).map((token) => {
    const [, field, rest] = /^([a-z]+):([^]*)$/i.exec(token) ?? [];
    const name = field?.toLowerCase();
    return Object.hasOwn(FIELDS, name ?? '') ? { text: token, name, value: unquoted(rest) } : { text: token, name: null, value: unquoted(token) };
  });
}

function unquoted(text) {
  return text.replace(/"((?:\\.|[^"\\])*)"?/g, (_, inside) => inside.replace(/\\(["\\])/g, '$1'));
}

// The parameters for the API. A field that is given twice stays so: the API says that it may occur only once.
export function filtersOf(text) {
  const query = {};
  const words = [];
  for (const { name, value } of tokens(text)) {
    if (!name) words.push(value);
    // A field without a value is not finished yet.
    else if (value) (query[name] ??= []).push(name === 'header' ? headerFilter(value) : value);
  }
  if (words.length) query.search = [words.join(' ')];
  return query;
}

// `X-Campaign=7` as the API writes it. A name alone finds messages with this header field.
function headerFilter(value) {
  return /[=:]/.test(value) ? value.replace(/^([^=:\s]+)=/, '$1:') : `${value}:*`;
}

// What to say about words that look like a field which does not exist, such as `form:ann`; empty if there are none.
export function unknownFields(text) {
  const looks = tokens(text).map(({ name, text: token }) => !name && /^!?-?([a-z][a-z_-]*):(?!\/\/)./i.exec(token)?.[1]);
  const unknown = [...new Set(looks.filter(Boolean))].map((name) => `\`${name}\``);
  if (!unknown.length) return '';
  const what = unknown.length === 1 ? `${unknown[0]} is not a field, and is searched as a word` : `${unknown.join(', ')} are not fields, and are searched as words`;
  const attachment = unknown.includes('`has`') ? ' Mail with attachments: `attachment:*`.' : '';
  return `${what}; the fields are ${Object.keys(FIELDS).join(', ')}.${attachment}`;
}

// The searches for a part in place of the whole value, which a field compares.
const COMPARED = ['to', 'from', 'subject', 'attachment', 'user'];

function widened(text) {
  const all = tokens(text);
  return all.flatMap(({ name, value }, index) => {
    if (!COMPARED.includes(name) || !value || /^[~!]|\*/.test(value)) return [];
    const part = /[\s"]/.test(value) ? `${name}:"*${value.replace(/["\\]/g, '\\$&')}*"` : `${name}:*${value}*`;
    return [{ shown: ['Search for ', h('code', {}, part)], rest: all.map((token, its) => (its === index ? part : token.text)).join(' ') }];
  });
}

// The text without one token.
function without(text, index) {
  return tokens(text).filter((_, its) => its !== index).map((token) => token.text).join(' ');
}

// ---- what stands in place of the list when there is nothing in it, and the hints at the search field

const ENOUGH = 1000;

let isDone = false;

// How to send the first message to this server.
export async function emptyList(place) {
  if (isDone) return;
  isDone = true;
  try {
    const { endpoints } = await api.get('endpoints');
    fill(place, h('h2', {}, 'No mail yet'), ...howToSend(endpoints), h('p', {}, 'All listeners are listed under ', h('a', { href: `${prefix}/servers` }, 'Servers'), '.'));
  } catch (error) {
    isDone = false;
    fill(place, h('p.problem', {}, error.message));
  }
}

function howToSend({ smtp }) {
  if (!smtp) return [h('p', {}, 'This server has no listener smtp. Mail that is sent to one of the others, or delivered over the API, appears here at once.')];
  const { host, port } = smtp;
  const commands = {
    mailjig: `mailjig send --smtp ${host}:${port} --from ann@example.org --to bob@example.org --subject Hello --body 'It works.'`,
    curl: `printf 'Subject: Hello\\n\\nIt works.\\n' | curl smtp://${host}:${port} --mail-from ann@example.org --mail-rcpt bob@example.org --crlf -T -`,
    swaks: `swaks --server ${host}:${port} --from ann@example.org --to bob@example.org --header 'Subject: Hello' --body 'It works.'`,
    Python: `python3 -c "import smtplib; s = smtplib.SMTP('${host}', ${port}); s.sendmail('ann@example.org', 'bob@example.org', 'Subject: Hello\\n\\nIt works.'); s.quit()"`,
  };
  return [
    h('p', {}, 'Point the code under test at ', h('code', {}, `${host}:${port}`), ' (SMTP), or send a first message. It appears here at once.'),
    Object.entries(commands).map(([name, command]) => h('div.command', {}, h('div.line', {}, h('b.grow', {}, name), copyButton(command, `the command for ${name}`)), h('pre.code', { tabindex: 0, role: 'region', 'aria-label': `Command for ${name}` }, command))),
  ];
}

let asked = 0;

// Says which filter leaves out everything: how many messages there are without each.
export async function emptySearch(place, text, search) {
  asked += 1;
  const mine = asked;
  const all = tokens(text);
  fill(place, h('h2', {}, 'No message matches'), h('p', {}, h('code', {}, text)), h('button', { type: 'button', onclick: () => search('') }, 'Clear the search'));
  const narrower = all.length < 2 ? [] : all.map((token, index) => ({ shown: ['Without ', h('code', {}, token.text)], rest: without(text, index) }));
  const others = [...widened(text), ...narrower];
  if (!others.length) return;
  const rows = await Promise.all(others.map(async ({ shown, rest }) => {
    const found = await api.get('messages', { ...filtersOf(rest), order: 'newest', limit: ENOUGH }).catch(() => ({ messages: [] }));
    return { shown, rest, count: found.messages.length, isMore: Boolean(found.older) };
  }));
  if (mine !== asked) return;
  const helpful = rows.filter(({ count }) => count > 0);
  const advice = helpful.length
    ? h('ul.plain', {}, helpful.map(({ shown, rest, count, isMore }) => h('li', {}, h('button', { type: 'button', onclick: () => search(rest) }, shown), ` ${isMore ? 'more than ' : ''}${plural(count, 'message')}`)))
    : narrower.length > 0 && h('p', {}, 'Leaving out one of them does not help: no message matches the others either.');
  if (advice) place.append(advice);
}

// The fields of the search, each of which can be taken into the field.
export function fieldHints(place, take) {
  fill(place,
    h('h2', {}, 'Search'),
    h('p', {}, 'Words are found anywhere in subject, addresses, file names and text, in upper or lower case. Fields compare exactly:'),
    h('ul.hints', {}, Object.entries(FIELDS).map(([, [what, example]]) => h('li', {}, h('button.quiet', { type: 'button', onclick: () => take(example) }, h('code', {}, example)), h('span', {}, what)))),
    h('p', {}, h('code', {}, '*'), ' any characters, ', h('code', {}, '~'), ' a regular expression, ', h('code', {}, '!'), ' all that do not match; quotes keep blanks. These are the filters of ', h('code', {}, 'GET /v1/messages'), '.'));
}
