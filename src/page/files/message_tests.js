// "Copy as test" for messages: code that waits for what the list or an open message shows.

import { api, escaped } from './api.js';
import { plural } from './dom.js';
import { BEGIN, HERE, RUST_HERE, RUST_START, call, expect, keep, query, quoted, rustTest, scripts } from './test_code.js';

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

// A pattern that matches this text alone.
const exactly = (text) => (text && !SPECIAL.test(text) ? text : `~^${escaped(text)}$`);

// The code: the request with these filters waits, and `check(path)` gives the steps that make it. `rust` has the statements.
function code(filters, wait, check, rust, uses) {
  const path = (resource) => `${query(resource, { ...filters, ...wait })}&after={after}`;
  return { ...scripts([BEGIN, HERE, ...check(path)]), rust: rustTest('mail_arrives', [RUST_START, RUST_HERE, ...rust], uses) };
}

function waitForOne(filters) {
  const check = (path) => [call('GET', path('messages'))];
  return code(filters, { wait: WAIT }, check, [`    server.wait_for(${matcher(filters)}).block();`]);
}

function expectCount(filters, count) {
  const found = { jq: '.messages | length', python: 'len(answer["messages"])', javascript: 'answer.messages.length' };
  const check = (path) => [keep('answer', '', 'GET', path('messages')), expect('answer', found, count)];
  return code(filters, { wait: WAIT, count, limit: count + 1 }, check, [
    `    let wanted = ${matcher(filters)};`,
    `    server.wait_for(wanted.clone()).count(${count}).block();`,
    `    assert_eq!(server.find(wanted).len(), ${count});`,
  ]);
}

function expectNone(filters) {
  const check = (path) => [call('GET', path('messages'))];
  return code(filters, { none_within: QUIET }, check, [`    server.none_within(Duration::from_millis(500), ${matcher(filters)}).block();`], 'use std::time::Duration;\n');
}

function checkCode(filters) {
  const check = (path) => [
    keep('message', '.id', 'GET', path('messages/latest')),
    keep('codes', '', 'GET', 'messages/{message}/codes'),
    { curl: `jq -er '.[0]' <<<"$codes"`, python: 'assert codes, "no code"', javascript: 'assert.ok(codes.length, "no code");' },
  ];
  return code(filters, { wait: WAIT }, check, [
    `    let mail = server.wait_for(${matcher(filters)}).block();`,
    '    assert!(!mail.codes().is_empty(), "no code in {}", mail.text());',
  ]);
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
