// Changes of accounts and mailboxes, with their dialogs; copy as test.

import { api, accountOf, mailboxOf, resource, absolute } from './api.js';
import { $, h, fill, plural } from './dom.js';
import { wordsOf, openForm, ask, attempt, say, copyAsTest, quoted } from './page.js';

const SPECIAL_USES = ['\\All', '\\Archive', '\\Drafts', '\\Flagged', '\\Junk', '\\Sent', '\\Trash'];

// `go` opens a place.
export function newAccount(go) {
  const submit = async ({ login, ...account }) => {
    await api.put(accountOf(login), bodyOf(account));
    go({ login, name: null, uid: null });
  };
  title(openForm('account-form', {}, submit), 'Make an account', 'Make').elements.login.readOnly = false;
}

export function changeAccount({ login, addresses }) {
  const submit = ({ password, addresses: its }) => api.put(accountOf(login), bodyOf({ password, addresses: its }));
  title(openForm('account-form', { login, addresses: addresses.join(', ') }, submit), 'Change password and addresses', 'Change').elements.login.readOnly = true;
}

const bodyOf = ({ password, addresses }) => ({ ...(password && { password }), addresses: wordsOf(addresses) });

function title(dialog, text, yes) {
  $('h2', dialog).textContent = text;
  $('.buttons button', dialog).textContent = yes;
  return $('form', dialog);
}

export async function deleteAccount(login, go) {
  const detail = 'Its mailboxes go with it, and its sessions end with 421, BYE or -ERR. If the server accepts every login, the next login or message makes it again.';
  if (!(await ask(`Delete the account ${login}?`, detail, 'Delete'))) return;
  await attempt(async () => {
    await api.delete(accountOf(login));
    go({ login: null, name: null, uid: null });
  }, 'Deleted the account');
}

export async function clearAccount(login) {
  if (!(await ask(`Expunge all mail of ${login}?`, 'Its mailboxes stay, and captured messages too. Clients in IDLE are told at once.', 'Expunge'))) return;
  await attempt(async () => {
    const { entries } = await api.delete(`${accountOf(login)}/entries`);
    say(`Expunged ${entries}`);
  });
}

function specialUses(dialog, delimiter, chosen) {
  const names = chosen && !SPECIAL_USES.includes(chosen) ? [...SPECIAL_USES, chosen] : SPECIAL_USES;
  fill($('select', dialog), h('option', { value: '' }, 'none'), names.map((value) => h('option', { value }, value)));
  $('select', dialog).value = chosen ?? '';
  $('.delimiter', dialog).textContent = delimiter;
}

export function newMailbox(login, delimiter, go) {
  const dialog = openForm('mailbox-form', {}, async ({ name, special_use: use }) => {
    const made = await api.put(mailboxOf(login, name), use ? { special_use: use } : {});
    go({ login, name: made.name, uid: null });
  });
  title(dialog, 'Create a mailbox', 'Create');
  specialUses(dialog, delimiter, null);
}

export function changeMailbox(login, box, delimiter, go) {
  const dialog = openForm('mailbox-form', { name: box.name }, async ({ name, special_use: use }) => {
    const change = { special_use: use || null, ...(name !== box.name && { name }) };
    const changed = await api.patch(mailboxOf(login, box.name), change);
    if (changed.name !== box.name) go({ login, name: changed.name, uid: null });
  });
  title(dialog, 'Rename the mailbox, or change its special use', 'Change');
  specialUses(dialog, delimiter, box.special_use);
}

export async function deleteMailbox(login, name, go) {
  if (!(await ask(`Delete the mailbox ${name}?`, 'Its entries go with it. Clients that have selected it get BYE.', 'Delete'))) return;
  await attempt(async () => {
    await api.delete(mailboxOf(login, name));
    go({ login, name: null, uid: null });
  }, 'Deleted the mailbox');
}

export function subscribe(login, name, isSubscribed) {
  return attempt(() => {
    const path = resource('accounts', login, 'subscriptions', name);
    return isSubscribed ? api.delete(path) : api.put(path, {});
  });
}

export function putMessageIn(login, name, go) {
  openForm('put-form', {}, async ({ file, raw, flags, date }) => {
    const query = { flag: wordsOf(flags), date };
    // A line of a text area ends with LF, a line of a message with CRLF.
    const message = file.size ? await file.arrayBuffer() : raw.replace(/\r?\n/g, '\r\n');
    const entry = await api.post(mailboxOf(login, name), message, { query, type: 'message/rfc822' });
    go({ login, name, uid: entry.uid });
  });
  const form = $('#put-form form');
  form.elements.raw.value = 'From: ann@example.org\nSubject: hello\n\nHello.\n';
}

export function changeUidValidity(login, name) {
  openForm('uid-form', {}, ({ uid_validity: validity, renumber }) =>
    api.put(mailboxOf(login, name, 'uidvalidity'), { ...(validity && { uid_validity: Number(validity) }), ...(renumber && { renumber }) }));
}

// ---- copy as test: the entries of a mailbox, as they are listed

// With more entries, only their number is compared.
const MOST = 20;

export function copyMailboxAsTest(entries) {
  const { login, name } = entries.place;
  const listed = [...entries.list.items].reverse();
  const url = absolute(mailboxOf(login, name), { ...entries.filters, wait: '5s', count: listed.length });
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
