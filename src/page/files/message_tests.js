// "Copy as test" for messages: code that waits for what the list or an open message shows.

import { absolute as url, api } from './api.js';
import { quoted } from './page.js';
import { plural } from './dom.js';

const WAIT = '5s';
const QUIET = '500ms';

// From the list, with the filters in force: each gives what it does in a sentence, and the code.
export const listTests = {
  wait: { title: 'Wait for a message …', code: (filters) => [`Waits up to ${WAIT} for a message${matching(filters)}, ${NEW}, and fails with a report if none comes.`, waitForOne(filters)] },
  count: {
    title: 'Expect just as many …',
    code: (filters, count) => (count === 0 ? listTests.none.code(filters)
      : [`Waits up to ${WAIT} for ${plural(count, 'message')}${matching(filters, count)}, ${NEW}, and fails if there are fewer or more.`, expectCount(filters, count)]),
  },
  none: { title: 'Expect none …', code: (filters) => [`Fails if a message${matching(filters)} was ${NEW}, or if one comes within ${QUIET}.`, expectNone(filters)] },
};

const matching = (filters, count = 1) => (Object.keys(filters).length ? ` that ${count === 1 ? 'matches' : 'match'} the search` : '');
// What came before does not count.
const NEW = 'sent after the code began';

// From a message: waits for one to the same recipient, with the same subject and the same first line of text, or with a
// code, which is another one in each run.
export async function messageTest(message) {
  const { id, envelope, subject, codes } = message;
  const { address } = envelope.recipients.find(({ verdict }) => verdict === 'accepted') ?? envelope.recipients[0];
  const query = { to: [exactly(address)], subject: [exactly(subject)] };
  const about = `Waits up to ${WAIT} for a message to ${address} with this subject, ${NEW}`;
  if (codes.length) return [`${about}, and fails if it has no one-time code.`, checkCode(query)];
  const text = await api.text(`messages/${id}/text`);
  const line = text.split('\n').map((one) => one.trim()).find(Boolean);
  if (!line) return [`${about}.`, waitForOne(query)];
  return [`${about}, and with the first line of its text.`, waitForOne({ ...query, body: [SPECIAL.test(line) ? `~${escaped(line)}` : line] })];
}

// Text that would be read as a pattern.
const SPECIAL = /^[~!]|\*/;
const escaped = (text) => text.replace(/[\\^$.*+?()[\]{}|#&~-]/g, '\\$&');

// A pattern that matches this text alone.
const exactly = (text) => (text && !SPECIAL.test(text) ? text : `~^${escaped(text)}$`);

const pairs = (filters, more) => [...Object.entries(filters).flatMap(([name, values]) => values.map((value) => [name, value])), ...Object.entries(more)];

function waitForOne(filters) {
  const query = pairs(filters, { wait: WAIT });
  return {
    curl: `${CURSOR.curl}${curl('messages', query)}`,
    rust: rust(filters, (matcher) => `let mail = server.wait_for(${matcher}).block();\n    assert!(!mail.raw().is_empty());`),
    python: `${python('messages', query)}\nassert answer["messages"]\n`,
    javascript: `${javascript('messages', query)}if (!answer.messages.length) throw new Error("no message");\n`,
  };
}

function expectCount(filters, count) {
  const query = pairs(filters, { wait: WAIT, count, limit: count + 1 });
  return {
    curl: `${CURSOR.curl}${counted(curl('messages', query))}test "$count" -eq ${count}\n`,
    rust: rust(filters, (matcher) => `let wanted = ${matcher};\n    server.wait_for(wanted.clone()).count(${count}).block();\n    assert_eq!(server.find(wanted).len(), ${count});`),
    python: `${python('messages', query)}\nassert len(answer["messages"]) == ${count}\n`,
    javascript: `${javascript('messages', query)}if (answer.messages.length !== ${count}) throw new Error(\`\${answer.messages.length} messages\`);\n`,
  };
}

function expectNone(filters) {
  const query = pairs(filters, { none_within: QUIET });
  return {
    curl: `${CURSOR.curl}${curl('messages', query)}`,
    rust: rust(filters, (matcher) => `server.none_within(Duration::from_millis(500), ${matcher}).block();`, 'use std::time::Duration;\n'),
    python: `${python('messages', query)}\nassert answer["messages"] == []\n`,
    javascript: `${javascript('messages', query)}if (answer.messages.length) throw new Error("a message came");\n`,
  };
}

function checkCode(filters) {
  const query = pairs(filters, { wait: WAIT });
  return {
    curl: `${CURSOR.curl}id=$(${curl('messages/latest', query).trimEnd()} | jq -er .id) &&\ncurl -sS --fail-with-body ${quoted.curl(url('messages/'))}"$id/codes" | jq -er '.[0]'\n`,
    rust: rust(filters, (matcher) => `let mail = server.wait_for(${matcher}).block();\n    assert!(!mail.codes().is_empty(), "no code in {}", mail.text());`),
    python: `${python('messages/latest', query)}\nwith urllib.request.urlopen(${quoted.python(url('messages/'))} + answer["id"] + "/codes") as reply:\n    codes = json.load(reply)\nassert codes, "no code"\n`,
    javascript: `${javascript('messages/latest', query)}const codes = await (await fetch(\`${url('messages/')}\${answer.id}/codes\`)).json();\nif (!codes.length) throw new Error("no code");\n`,
  };
}

// Where the mail of the test begins: what was there before would let it pass.
const BEGIN = url('messages', { order: 'newest', limit: 1 });
const HERE = 'Here, the code under test sends.';
const CURSOR = {
  curl: `after=$(curl -sS --fail-with-body ${quoted.curl(BEGIN)} | jq -e .next) || exit 1\n# ${HERE}\n`,
  python: `with urllib.request.urlopen(${quoted.python(BEGIN)}) as reply:\n    after = json.load(reply)["next"]\n# ${HERE}\n`,
  javascript: `const { next: after } = await (await fetch(${quoted.javascript(BEGIN)})).json();\n// ${HERE}\n`,
};

function curl(path, query) {
  const data = query.map(([name, value]) => ` \\\n  --data-urlencode ${quoted.curl(`${name}=${value}`)}`);
  return `curl -sS --fail-with-body --get ${quoted.curl(url(path))}${data.join('')} \\\n  --data-urlencode "after=$after"\n`;
}

const counted = (command) => `count=$(${command.trimEnd()} | jq '.messages | length')\n`;

function python(path, query) {
  const list = query.map(([name, value]) => `    (${quoted.python(name)}, ${quoted.python(String(value))}),\n`).join('');
  return `import json
import urllib.parse
import urllib.request

${CURSOR.python}query = urllib.parse.urlencode([
${list}    ("after", after),
])
with urllib.request.urlopen(${quoted.python(`${url(path)}?`)} + query) as reply:  # HTTPError if the wait fails
    answer = json.load(reply)`;
}

function javascript(path, query) {
  const list = query.map(([name, value]) => `  [${quoted.javascript(name)}, ${quoted.javascript(String(value))}],\n`).join('');
  return `${CURSOR.javascript}const query = new URLSearchParams([
${list}  ["after", after],
]);
const reply = await fetch(${quoted.javascript(`${url(path)}?`)} + query);
const answer = await reply.json();
if (!reply.ok) throw new Error(answer.detail);
`;
}

// The harness has a server of its own, to which the code under test sends.
function rust(filters, check, uses = '') {
  return `${uses}use mailjig::prelude::*;

#[test]
fn mail_arrives() {
    let server = MailServer::start();
    // Here, the code under test sends to server.smtp().url().
    ${check(matcher(filters))}
}
`;
}

const MATCHERS = { user: 'matchers::session::user', listener: 'matchers::session::listener', attachment: 'matchers::attachment', search: 'matchers::search' };

function matcher(filters) {
  const all = Object.entries(filters).flatMap(([name, values]) => values.map((value) => {
    if (name !== 'header') return `${MATCHERS[name] ?? name}(${quoted.rust(value)})`;
    const [, field, rest] = /^([^:]*):?\s*([^]*)$/.exec(value);
    return `matchers::header(${quoted.rust(field)}, ${quoted.rust(rest)})`;
  }));
  if (!all.length) return 'matchers::any()';
  const separator = all.length > 2 ? '\n        ' : '';
  return all[0] + all.slice(1).map((one) => `${separator}.and(${one})`).join('');
}
