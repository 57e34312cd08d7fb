// The view of messages: the list, the search, the selection, and which message is open.

import { $, clockTime, debounce, h, throttle, plural, showProblem } from './dom.js';
import { view, onUpdate, segmentsOf } from './api.js';
import { attempt, copyAsTest, shortcut, showTitle } from './page.js';
import { MessageList, ROW_HEIGHT, deleteById, deleteFound, emptyList, emptySearch, fieldHints, filtersOf, messageRow, unknownFields } from './message_list.js';
import { listTests, messageTest } from './message_tests.js';
import { MessageView } from './message_view.js';
import { WindowedList } from './windowed_list.js';

const split = $('#split');
const field = $('#search');
// What came since the page was opened and was not opened itself.
const unseen = new Set();

const messages = new MessageList();
const list = new WindowedList($('#list'), { rowHeight: ROW_HEIGHT, key: ({ id }) => id, label: 'Messages, newest first', multiple: true, render: (item) => messageRow(item, unseen.has(item.id)) });
const opened = new MessageView($('#detail'), { chosen: (tab) => history.replaceState(null, '', `${location.pathname}${location.search}#${tab}`) });

// ---- the list

messages.addEventListener('change', ({ detail: { arrived } }) => {
  for (const { id } of arrived) if (id !== opened.id) unseen.add(id);
  const { selected, cursor } = list;
  const before = selected.size;
  // A list that is hidden cannot be scrolled.
  $('#list').hidden = !messages.items.length;
  list.set(messages.items);
  // The cursor stays in its place if its message is gone.
  if (list.cursor < 0) list.cursor = Math.min(cursor, messages.items.length - 1);
  list.draw();
  // A message that was opened by its URL may be far down.
  const index = list.cursor < 0 && opened.id ? list.indexOf(opened.id) : -1;
  if (index >= 0) list.moveTo(index);
  if (selected.size !== before) showSelection();
  showState();
  showPosition();
});

function showState() {
  const { items, problem, isRead, isComplete } = messages;
  const isWrongFilter = problem?.status === 400;
  showProblem($('#search-problem'), isWrongFilter ? problem.message : '');
  field.setAttribute('aria-invalid', String(isWrongFilter));
  $('#list-problem').hidden = !problem || isWrongFilter;
  $('#list-problem span').textContent = problem?.message ?? '';
  const unknown = unknownFields(field.value);
  showProblem($('#search-note'), unknown);
  const isSearch = Object.keys(messages.filters).length > 0;
  const count = items.length.toLocaleString('en');
  const what = isSearch ? `${count} found` : plural(items.length, 'message');
  $('#count').textContent = isRead ? (isComplete ? what : `${what}, and more`) : '';
  showUnseen();
  const isEmpty = isRead && !items.length && !problem;
  $('#list').hidden = !items.length;
  $('#empty').hidden = !isEmpty || isSearch;
  $('#nothing-found').hidden = !isEmpty || !isSearch;
  if (isEmpty && isSearch) emptySearch($('#nothing-found'), field.value, search);
  else if (isEmpty) emptyList($('#empty'));
  for (const id of ['#delete', '#select-all']) $(id).disabled = !items.length;
}

function showUnseen() {
  // Those that are gone are not counted, nor those that the search leaves out.
  const count = unseen.size ? messages.items.filter(({ id }) => unseen.has(id)).length : 0;
  $('#seen').hidden = !count;
  $('#seen').textContent = `${count.toLocaleString('en')} new`;
}

function markSeen(ids) {
  for (const id of ids) unseen.delete(id);
  list.drawn.clear();
  list.draw();
  showUnseen();
}

function showSelection() {
  const { size } = list.selected;
  $('#select-all').textContent = size ? 'Select none' : 'Select all';
  $('#delete').textContent = size ? `Delete ${size.toLocaleString('en')} selected` : Object.keys(messages.filters).length ? 'Delete found' : 'Delete all';
}

list.addEventListener('select', showSelection);
list.addEventListener('open', ({ detail: { item } }) => go(item.id));
list.addEventListener('cursor', ({ detail: { item } }) => {
  // Whoever moves on with a message open reads the next one; held keys skip over the others.
  if (opened.id && item.id !== opened.id) follow(item.id);
});
const follow = debounce(60, (id) => opened.id && opened.id !== id && go(id, { replace: true }));

$('#list').addEventListener('keydown', (event) => {
  if ((event.ctrlKey || event.metaKey) && event.key === 'a') {
    event.preventDefault();
    list.selectAll(true);
  }
});

// ---- live

const reload = throttle(3000, () => messages.reload());
let isFirst = true;

onUpdate((update) => {
  if (update.restarted) showProblem($('#restarted'), `The server was started anew, which this page noticed at ${clockTime(Date.now())}. What it had captured before is gone.`);
  if (update.reset) {
    unseen.clear();
    list.selectAll(false);
    messages.reset();
    if (opened.message) opened.deleted();
  } else if (update.all && !isFirst) {
    messages.reload();
    opened.check();
  } else if (update.removed && !update.all) {
    reload();
    opened.check();
  }
  if (update.messages) messages.update();
  isFirst = false;
});

// ---- the search

function search(text) {
  field.value = text;
  const url = new URL(location.href);
  if (text) url.searchParams.set('q', text);
  else url.searchParams.delete('q');
  history.replaceState(null, '', url);
  find();
}

function find() {
  const wanted = filtersOf(field.value);
  if (messages.isRead && !messages.problem && JSON.stringify(wanted) === JSON.stringify(messages.filters)) return showState();
  list.selected.clear();
  messages.search(wanted);
  showSelection();
}

const searchSoon = debounce(150, () => search(field.value));
field.addEventListener('input', searchSoon);
field.addEventListener('keydown', (event) => {
  if (event.key === 'Escape' && field.value) {
    event.preventDefault();
    search('');
  } else if (['Enter', 'ArrowDown'].includes(event.key)) {
    event.preventDefault();
    search(field.value);
    $('#list').focus();
    if (list.cursor < 0) list.moveTo(0);
  }
});
fieldHints($('#fields'), (token) => {
  $('#fields').hidePopover();
  field.value = `${field.value.trimEnd()} ${token}`.trimStart();
  field.focus();
  const value = field.value.length - token.length + token.indexOf(':') + 1;
  field.setSelectionRange(value, field.value.length);
});

// ---- which message is open

const path = () => segmentsOf(location.pathname)[1] ?? null;

function go(id, { replace = false } = {}) {
  history[replace ? 'replaceState' : 'pushState'](null, '', `${view('messages', id)}${location.search}${location.hash}`);
  // With little room the list is not there to keep the focus.
  show(id).then(() => opened.message && !$('#list').offsetParent && $('#subject').focus());
}

async function show(id) {
  split.classList.add('open');
  const index = list.indexOf(id);
  if (index >= 0 && index !== list.cursor) list.moveTo(index);
  markSeen([id]);
  await opened.open(id, location.hash.slice(1));
  if (!opened.message) return;
  showTitle(opened.message.subject || opened.id);
  // `latest` is now known by its number.
  if (path() === 'latest') go(opened.id, { replace: true });
  showPosition();
}

function showPosition() {
  const index = opened.id ? list.indexOf(opened.id) : -1;
  $('#position').textContent = index >= 0 ? `${(index + 1).toLocaleString('en')} of ${messages.items.length.toLocaleString('en')}` : '';
}

function close() {
  if (!path()) return;
  history.pushState(null, '', `${view('messages')}${location.search}`);
  route();
  $('#list').focus();
}

function route() {
  const text = new URL(location.href).searchParams.get('q') ?? '';
  if (text !== field.value || !messages.isRead) {
    field.value = text;
    find();
  }
  const id = path();
  const tab = location.hash.slice(1);
  if (id && id === opened.id) return opened.show(tab);
  if (id) return show(id);
  split.classList.remove('open');
  showTitle();
  opened.close();
}

window.addEventListener('popstate', route);

function step(by) {
  if (!messages.items.length) return;
  list.moveTo(list.cursor < 0 ? 0 : list.cursor + by);
  if (!opened.id) $('#list').focus();
}

// ---- deleting

function deleteMessages() {
  const ids = list.selected.size ? [...list.selected] : opened.id ? [opened.id].filter(() => opened.isThere) : messages.items[list.cursor] ? [messages.items[list.cursor].id] : [];
  if (ids.length) deleteThese(ids);
}

const deleteThese = async (ids) => forget(await deleteById(ids));
const deleteAll = async () => forget(await deleteFound(messages.filters));

// Takes deleted messages out of the list, and opens the next one in place of one that was open.
function forget(gone) {
  if (!gone.size) return;
  const wasOpen = opened.id && gone.has(opened.id);
  const following = messages.items.slice(Math.max(0, list.cursor)).find(({ id }) => !gone.has(id)) ?? messages.items.findLast(({ id }) => !gone.has(id));
  for (const id of gone) {
    list.selected.delete(id);
    unseen.delete(id);
  }
  messages.drop(gone);
  showSelection();
  if (!wasOpen) return;
  if (following) go(following.id, { replace: true });
  else close();
}

// ---- buttons and keys

$('#delete').addEventListener('click', () => (list.selected.size ? deleteThese([...list.selected]) : deleteAll()));
$('#select-all').addEventListener('click', () => list.selectAll(!list.selected.size));
$('#delete-open').addEventListener('click', () => deleteThese([opened.id]));
$('#seen').addEventListener('click', () => markSeen([...unseen]));
$('#back').addEventListener('click', close);
$('#previous').addEventListener('click', () => step(-1));
$('#following').addEventListener('click', () => step(1));
$('#retry').addEventListener('click', () => messages.reset());
$('#copy-message').addEventListener('click', async () => {
  if (!opened.message) return;
  const test = await attempt(() => messageTest(opened.message));
  if (test) copyAsTest(...test);
});
for (const [kind, test] of Object.entries(listTests)) {
  $('#tests').append(h('button.quiet', { type: 'button', onclick: () => {
    $('#tests').hidePopover();
    copyAsTest(...test.code(messages.filters, messages.items.length));
  }, data: { kind } }, test.title));
}

shortcut('/', 'Search', () => field.select());
shortcut('j', 'Next message', () => step(1));
shortcut('k', 'Previous message', () => step(-1));
shortcut('ArrowRight', 'Next message', () => step(1));
shortcut('ArrowLeft', 'Previous message', () => step(-1));
shortcut('x', 'Select or deselect the message', () => list.cursor >= 0 && list.toggle(list.cursor));
shortcut('y', 'Copy as test', () => (opened.message ? $('#copy-message') : $('[popovertarget=tests]')).click());
shortcut('m', 'Mark all as seen', () => markSeen([...unseen]));
shortcut('Delete', 'Delete the selected messages, or the one that is open', deleteMessages);
shortcut('t', 'Next tab', () => opened.message && opened.tabs.step(1));
shortcut('T', 'Previous tab', () => opened.message && opened.tabs.step(-1));
shortcut('Escape', 'Deselect, or close the message', () => (list.selected.size ? list.selectAll(false) : close()));

showSelection();
route();
