// The mailboxes: accounts, their mailboxes, the entries of one, changed under connected clients.

import { api, isStep, pathOf, placeIn, onUpdate } from './api.js';
import { $, $$, h, throttle, showProblem, fillChanged } from './dom.js';
import * as changes from './mailbox_changes.js';
import { Clients, forgetMessage, showAccount, showEntry, showMailboxFacts, keyOf, treeRow, treeRows } from './mailbox_panels.js';
import { Entries, SYSTEM } from './mailbox_entries.js';
import { followLinks, shortcut, showTitle } from './page.js';
import { WindowedList } from './windowed_list.js';

let accounts = null;
let delimiter = '/';
let place = placeIn(location.pathname);

const entries = new Entries();
const clients = new Clients();
const tree = new WindowedList($('#tree'), { rowHeight: 30, render: treeRow, key: (row) => row.key, label: 'Accounts and their mailboxes' });

const account = () => accounts?.find(({ login }) => login.toLowerCase() === place.login?.toLowerCase());
const box = () => account()?.mailboxes.find(({ name }) => name === place.name || (name === 'INBOX' && place.name?.toUpperCase() === 'INBOX'));

// ---- where we are

function go(next, { replace = false } = {}) {
  place = next;
  const path = pathOf(next);
  // A browser would change such a path.
  const hasStep = [next.login, next.name].some((segment) => segment !== null && isStep(segment));
  if (path !== location.pathname && !hasStep) history[replace ? 'replaceState' : 'pushState'](null, '', path);
  show();
  // What was just made may not be in the list yet.
  if (next.login !== null && !(next.name === null ? account() : box())) readSoon();
}

addEventListener('popstate', () => {
  place = placeIn(location.pathname);
  show();
});

followLinks(pathOf({}), ({ pathname }) => {
  go(placeIn(pathname));
  // A link that closes what it is in is hidden now.
  if (!document.activeElement.checkVisibility()) (entries.place ? entries.list : tree).element.focus();
});

// ---- reading

async function read() {
  try {
    ({ accounts, delimiter } = await api.get('accounts'));
    showProblem($('#list-problem'));
  } catch (error) {
    showProblem($('#list-problem'), error.message);
    return;
  }
  show();
}

const readSoon = throttle(200, read);

onUpdate((update) => {
  if (update.reset || update.all) entries.forget();
  if (update.reset) {
    forgetMessage();
    entries.list.selectAll(false);
  }
  if (update.mailboxes || update.reset) readSoon();
  clients.update(update);
});

// ---- showing

function show() {
  if (!accounts) return;
  showTree();
  const its = account();
  const open = box();
  const isThere = place.name === null ? Boolean(its) : Boolean(open);
  $('#split').classList.toggle('open', place.login !== null);
  $('#nothing').hidden = place.login !== null;
  $('#box').hidden = !isThere;
  $('#missing').hidden = isThere || place.login === null;
  showTitle(place.name, place.login);
  if (!isThere) {
    entries.close();
    clients.show(null, null);
    if (place.login !== null) showMissing(its);
    return;
  }
  $('#box').classList.toggle('is-account', !open);
  $('#box').classList.toggle('has-entry', place.uid !== null);
  fillChanged($('#box-name'), [its.login, open?.name], () => [h('bdi', {}, open?.name ?? its.login), ' ', open && h('a.owner', { href: pathOf({ login: its.login }) }, h('bdi', {}, its.login))]);
  for (const id of ['account-actions', 'account-panel']) document.getElementById(id).hidden = Boolean(open);
  for (const id of ['mailbox-actions', 'mailbox-panel']) document.getElementById(id).hidden = !open;
  clients.show(its.login, open?.name ?? null);
  if (!open) {
    entries.close();
    $('#entry').hidden = true;
    showAccount(its);
    return;
  }
  showMailboxFacts(open, its.subscriptions.includes(open.name));
  entries.show({ login: its.login, name: open.name }, open);
  showOpenEntry();
}

function showTree() {
  const rows = treeRows(accounts, delimiter, $('#search').value);
  const its = account();
  tree.update(rows, its && keyOf(its.login, box()?.name ?? null));
  tree.element.hidden = !rows.length;
  $('#no-accounts').hidden = accounts.length > 0;
  $('#none-found').hidden = !accounts.length || rows.length > 0;
}

function showMissing(its) {
  $('#missing h2').textContent = place.name === null ? `There is no account ${place.login}` : `${its?.login ?? place.login} has no mailbox ${place.name}`;
  $('#missing p').textContent = 'It may have been deleted or renamed, or the server was reset.';
  const make = $('#missing button');
  make.hidden = false;
  make.textContent = place.name === null ? 'Create an account…' : 'Create it…';
  make.onclick = () => {
    if (place.name === null) changes.newAccount(go);
    else changes.newMailbox(place.login, delimiter, go);
    const field = $(place.name === null ? '#account-form [name=login]' : '#mailbox-form [name=name]');
    field.value = place.name ?? place.login;
  };
}

function showOpenEntry() {
  if (place.uid === null) {
    $('#entry').hidden = true;
    return;
  }
  const { list } = entries;
  const index = list.indexOf(place.uid);
  if (index >= 0 && list.cursor !== index) list.moveTo(index);
  showEntry({ ...entries.place, uid: place.uid }, list.items[index], entries);
}

async function showCommand() {
  const { endpoints } = await api.get('endpoints');
  const { smtp, imap } = endpoints;
  const lines = [smtp && `swaks --server ${smtp.host}:${smtp.port} --from ann@example.org --to bob@example.org`, imap && `curl -u bob@example.org:any '${imap.url}'`];
  $('#first-mail').textContent = lines.filter(Boolean).join('\n');
  const address = smtp ? `swaks --server ${smtp.host}:${smtp.port} --from ann@example.org --to ` : '';
  noEntries = (login) => address && `${address}'${login.replaceAll("'", "'\\''")}'`;
}

let noEntries = () => '';

entries.addEventListener('read', () => {
  const { flag, uid } = entries.filters;
  const isFiltered = Boolean(flag || uid);
  const [title, text, command] = ['h2', 'p', '.copied'].map((part) => $(`#no-entries ${part}`));
  title.textContent = isFiltered ? 'No entry matches' : 'No entries';
  text.textContent = isFiltered
    ? `The mailbox has ${entries.state.entries.toLocaleString('en')}. Clear the filters to see them.`
    : 'Put a message in (n), or send mail to the account, which goes to its INBOX:';
  const line = isFiltered ? '' : noEntries(entries.place.login);
  $('pre', command).textContent = line;
  command.hidden = !line;
  showOpenEntry();
});
entries.addEventListener('open', ({ detail }) => {
  go({ ...entries.place, uid: detail.uid });
  if (!entries.list.element.offsetParent) $('#entry a').focus();
});
entries.addEventListener('cursor', ({ detail }) => {
  if (place.uid !== null && place.uid !== detail.uid && entries.place) go({ ...entries.place, uid: detail.uid }, { replace: true });
});
tree.addEventListener('open', ({ detail: { item } }) => {
  go({ login: item.login, name: item.name, uid: null });
  if (!tree.element.offsetParent) $('#box-name').focus();
});
$('#search').addEventListener('input', showTree);

// With little room, controls are folded. What is open beside the entries takes their place then.
for (const fold of $$('.fold')) {
  fold.addEventListener('click', () => fold.setAttribute('aria-expanded', String(fold.getAttribute('aria-expanded') === 'false')));
}

// ---- changes

const actions = {
  'new-mailbox': () => changes.newMailbox(account().login, delimiter, go),
  'change-account': () => changes.changeAccount(account()),
  'clear-account': () => changes.clearAccount(account().login),
  'delete-account': () => changes.deleteAccount(account().login, go),
  'put-in': () => changes.putMessageIn(account().login, box().name, go),
  uidvalidity: () => changes.changeUidValidity(account().login, box().name),
  'change-mailbox': () => changes.changeMailbox(account().login, box(), delimiter, go),
  subscribe: () => changes.subscribe(account().login, box().name, account().subscriptions.includes(box().name)),
  'delete-mailbox': () => changes.deleteMailbox(account().login, box().name, go),
  'copy-test': () => changes.copyMailboxAsTest(entries),
  keyword: setKeyword,
  expunge: () => entries.expunge(),
  'expunge-deleted': () => entries.expungeDeleted(),
};
for (const button of document.querySelectorAll('[data-do]')) button.addEventListener('click', () => actions[button.dataset.do]());
for (const id of ['new-account', 'first-account']) document.getElementById(id).addEventListener('click', () => changes.newAccount(go));

function setKeyword() {
  const keyword = $('#keyword').value.trim();
  if (keyword) entries.toggle(keyword);
  else $('#keyword').focus();
}
$('#keyword').addEventListener('keydown', (event) => {
  if (event.key === 'Enter') setKeyword();
});

// ---- keyboard

const inMailbox = (action) => () => entries.place && action();
const step = (by) => () => {
  const list = entries.place && !tree.element.contains(document.activeElement) ? entries.list : tree;
  list.moveTo(list.cursor + by, { focus: true });
};
shortcut('j', 'Down', step(1));
shortcut('k', 'Up', step(-1));
shortcut('/', 'Find a mailbox', () => $('#search').focus());
shortcut('e', 'Go to the entries', inMailbox(() => entries.list.moveTo(Math.max(0, entries.list.cursor), { focus: true })));
shortcut('t', 'Go to the tree of mailboxes', () => tree.moveTo(Math.max(0, tree.cursor), { focus: true }));
shortcut('x', 'Select the entry, or not', inMailbox(() => entries.toggleSelection()));
shortcut('A', 'Select all entries that are listed', inMailbox(() => entries.list.selectAll(true)));
for (const [key, flag] of SYSTEM) shortcut(key, `Set or unset ${flag}`, inMailbox(() => entries.toggle(flag)));
shortcut('l', 'Set or unset a keyword', inMailbox(() => $('#keyword').focus()));
shortcut('Delete', 'Expunge the entries', inMailbox(() => entries.expunge()));
shortcut('D', 'Expunge the entries with \\Deleted', inMailbox(() => entries.expungeDeleted()));
shortcut('n', 'Put a message in', inMailbox(actions['put-in']));
shortcut('u', 'Change UIDVALIDITY', inMailbox(actions.uidvalidity));
shortcut('y', 'Copy as test', inMailbox(actions['copy-test']));
shortcut('Escape', 'Unselect, close the entry, close the mailbox', () => {
  if (entries.place && entries.list.selected.size) return entries.list.selectAll(false);
  if (place.uid !== null) return go({ ...place, uid: null });
  if (place.login === null) return undefined;
  go({ login: null, name: null, uid: null });
  return tree.element.focus();
});

showCommand().catch(() => {});
