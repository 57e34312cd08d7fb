// The text of the search field as filters of the API. `to:*@example.org subject:"Your code" welcome` are two filters and a
// word; quotes keep blanks. What stands in place of an empty list.

import { api, prefix } from './api.js';
import { h, fill, plural } from './dom.js';
import { copyButton } from './page.js';

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
export function filters(text) {
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
    const found = await api.get('messages', { ...filters(rest), order: 'newest', limit: ENOUGH }).catch(() => ({ messages: [] }));
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
