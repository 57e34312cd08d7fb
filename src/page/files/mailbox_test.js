// Copy as test: the entries of a mailbox, as they are listed.

import { v1, mailboxOf } from './api.js';
import { copyAsTest, quoted } from './page.js';
import { plural } from './dom.js';

// With more entries, only their number is compared.
const MOST = 20;

export function copyMailboxAsTest(entries) {
  const { login, name } = entries.place;
  const listed = [...entries.list.items].reverse();
  const url = new URL(v1(mailboxOf(login, name), { ...entries.filters, wait: '5s', count: listed.length }), location.href).href;
  const seen = listed.length > MOST ? null : listed.map(({ uid, flags }) => [uid, [...flags].sort()]);
  const what = seen ? 'UIDs and flags' : 'number';
  copyAsTest(`Waits up to 5 s for ${plural(listed.length, 'entry', 'entries')} in ${name} of ${login}, and compares their ${what}.`, {
    curl: curl(url, seen, listed.length),
    rust: rust(login, name, listed, seen),
    python: python(url, seen, listed.length),
    javascript: javascript(url, seen, listed.length),
  });
}

function curl(url, seen, count) {
  const check = seen ? `[.entries[] | [.uid, (.flags | sort)]] == ${JSON.stringify(seen)}` : `.entries | length == ${count}`;
  return `curl -fsS ${quoted.curl(url)} |\n  jq -e ${quoted.curl(check)}\n`;
}

function python(url, seen, count) {
  const check = seen
    ? `assert [[entry["uid"], sorted(entry["flags"])] for entry in entries] == ${JSON.stringify(seen)}, entries`
    : `assert len(entries) == ${count}, len(entries)`;
  return `import json
import urllib.request

with urllib.request.urlopen(${quoted.python(url)}) as answer:
    entries = json.load(answer)["entries"]
${check}
`;
}

function javascript(url, seen, count) {
  const found = seen ? 'entries.map(({ uid, flags }) => [uid, flags.sort()])' : 'entries.length';
  return `import assert from 'node:assert/strict';

const answer = await fetch(${quoted.javascript(url)});
assert.equal(answer.status, 200, await answer.clone().text());
const { entries } = await answer.json();
assert.deepEqual(${found}, ${JSON.stringify(seen ?? count)});
`;
}

// The harness has a server of its own, so the test puts the entries there first.
function rust(login, name, listed, seen) {
  const literal = (flags) => `vec![${flags.map((flag) => quoted.rust(flag)).join(', ')}]`;
  const put = ({ flags }) => `    mailbox.add(Mail::new("Subject: hello\\r\\n\\r\\nHello.\\r\\n")${flags.map((flag) => `.flag(${quoted.rust(flag)})`).join('')});`;
  const setUp = seen ? listed.map(put).join('\n') : `    mailbox.generate(${listed.length});`;
  const check = seen
    ? `    let flags: Vec<Vec<String>> = mailbox.entries().into_iter().map(|entry| entry.flags).collect();
    let expected: Vec<Vec<&str>> = vec![${listed.map(({ flags }) => literal(flags)).join(', ')}];
    assert_eq!(flags, expected);`
    : `    assert_eq!(mailbox.entries().len(), ${listed.length});`;
  return `${seen && listed.length ? 'use mailjig::Mail;\n' : ''}use mailjig::prelude::*;

#[test]
fn the_mailbox_has_these_entries() {
    let server = MailServer::start();
    let mailbox = server.account(${quoted.rust(login)}).mailbox(${quoted.rust(name)});
${setUp || '    mailbox.create();'}

    // Here, run the code under test: it connects to server.imap().

${check}
}
`;
}
