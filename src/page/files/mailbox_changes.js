// Changes of accounts and mailboxes, with their dialogs; copy as test.

import { api, accountOf, mailboxOf, resource } from './api.js';
import { $, h, fill, plural } from './dom.js';
import { wordsOf, openForm, ask, attempt, say, copyAsTest } from './page.js';
import { HERE, RUST_HERE, RUST_START, expect, keep, query, quoted, rustTest, scripts } from './test_code.js';

const SPECIAL_USES = ['\\All', '\\Archive', '\\Drafts', '\\Flagged', '\\Junk', '\\Sent', '\\Trash'];

// `go` opens a place.
export function newAccount(go) {
  const submit = async ({ login, ...account }) => {
    await api.put(accountOf(login), bodyOf(account));
    go({ login, name: null, uid: null });
  };
  title(openForm('account-form', {}, submit), 'Create an account', 'Create').elements.login.readOnly = false;
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
  const flags = listed.length > MOST ? null : listed.map(({ uid, flags: its }) => [uid, [...its].sort()]);
  const path = query(mailboxOf(login, name), { ...entries.filters, wait: '5s', count: listed.length });
  copyAsTest(`Waits up to 5 s for ${plural(listed.length, 'entry', 'entries')} in ${name} of ${login}, and compares their ${flags ? 'UIDs and flags' : 'number'}.`, {
    ...scripts([HERE, keep('entries', '.entries', 'GET', path), expect('entries', flags ? FLAGS : NUMBER, flags ?? listed.length)]),
    rust: rust(login, name, listed),
  });
}

const FLAGS = {
  jq: '[.[] | [.uid, (.flags | sort)]]',
  python: '[[its["uid"], sorted(its["flags"])] for its in entries]',
  javascript: 'entries.map(({ uid, flags }) => [uid, flags.sort()])',
};
const NUMBER = { jq: 'length', python: 'len(entries)', javascript: 'entries.length' };

// The harness has a server of its own, so the test puts the entries there first.
function rust(login, name, listed) {
  const mailbox = `    let mailbox = server.account(${quoted.rust(login)}).mailbox(${quoted.rust(name)});`;
  const test = (setUp, ...check) => rustTest('the_mailbox_has_these_entries', [RUST_START, mailbox, ...setUp, RUST_HERE, ...check]);
  if (!listed.length || listed.length > MOST) {
    const setUp = listed.length ? `    mailbox.generate(${listed.length});` : '    mailbox.create();';
    return test([setUp], `    assert_eq!(mailbox.entries().len(), ${listed.length});`);
  }
  const put = ({ flags }) => `    mailbox.add(mailjig::Mail::new("Subject: hello\\r\\n\\r\\nHello.\\r\\n")${flags.map((flag) => `.flag(${quoted.rust(flag)})`).join('')});`;
  const literal = ({ flags }) => `vec![${flags.map(quoted.rust).join(', ')}]`;
  return test(listed.map(put),
    '    let flags: Vec<Vec<String>> = mailbox.entries().into_iter().map(|entry| entry.flags).collect();',
    `    let expected: Vec<Vec<&str>> = vec![${listed.map(literal).join(', ')}];`,
    '    assert_eq!(flags, expected);');
}
