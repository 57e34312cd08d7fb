// The view of the sessions: the list, and the session that the URL names beside it.

import { view, withQuery, onUpdate, segmentsOf } from './api.js';
import { $ } from './dom.js';
import { shortcut, showTitle } from './page.js';
import { SessionList, filters, readFilters } from './session_list.js';
import { SessionView } from './session_view.js';

const list = new SessionList({ open: (id) => go(id), changed: () => highlight() });
const session = new SessionView();
const openId = () => segmentsOf(location.pathname)[1] ?? null;

function go(id) {
  if (id === openId()) return;
  history.pushState(null, '', withQuery(id ? view('sessions', id) : view('sessions'), filters()));
  show();
}

function show() {
  const id = openId();
  $('#split').classList.toggle('open', id !== null);
  if (!id) showTitle();
  list.layOut();
  session.show(id);
  highlight();
}

// The cursor of the list is at the session that is open.
function highlight() {
  const id = openId();
  const at = id ? list.list.indexOf(id) : -1;
  if (at >= 0 && at !== list.list.cursor) list.list.moveTo(at);
}

addEventListener('popstate', () => {
  readFilters();
  show();
});
addEventListener('resize', () => list.layOut());
addEventListener('hashchange', () => {
  const seq = Number(/^#r(\d+)$/.exec(location.hash)?.[1]);
  const index = session.reader?.lines.lines.findIndex((line) => line.seq === seq) ?? -1;
  if (index >= 0) session.timeline.goTo(index);
});

const isOpen = () => openId() !== null && session.session !== null;
const step = (by) => () => (isOpen() ? session.timeline.move(by) : list.list.moveTo(list.list.cursor + by, { focus: true }));
const neighbour = (by) => () => {
  const at = list.list.cursor + by;
  if (!list.list.items[at]) return;
  list.list.moveTo(at);
  if (openId()) go(list.list.items[at].id);
};
const marked = () => (openId() && document.activeElement !== list.list.element ? openId() : list.list.items[list.list.cursor]?.id);

shortcut('j', 'Next line, or next session in the list', step(1));
shortcut('k', 'Previous line, or previous session in the list', step(-1));
shortcut(']', 'Next session of the list', neighbour(1));
shortcut('[', 'Previous session of the list', neighbour(-1));
shortcut('n', 'Next problem', () => isOpen() && session.timeline.problem(1));
shortcut('p', 'Previous problem', () => isOpen() && session.timeline.problem(-1));
shortcut('f', 'Follow the session: stay at the end', () => isOpen() && session.timeline.follow(!session.timeline.follows));
shortcut('i', 'Show or hide the facts', () => isOpen() && session.toggleFacts());
shortcut('e', 'End the session', () => isOpen() && !session.session.ended && session.end());
shortcut('y', 'Copy as test', () => (isOpen() ? $('#test') : $('#list-test')).click());
shortcut('x', 'Mark the session to compare it', () => marked() && list.mark(marked()));
shortcut('c', 'Compare the two marked sessions', () => (list.marks.length === 2 ? list.compare() : isOpen() && pickFor(openId())));
shortcut('/', 'Search the lines, or the sessions', () => (isOpen() ? $('#line-search') : $('#filters').elements.q).focus());
shortcut('Escape', 'Close the line, then the session', () => list.stopPicking() || session.timeline.close({ focus: true }) || back());

function back() {
  if (!openId()) return;
  go(null);
  list.list.element.focus();
}

function pickFor(id) {
  list.pick(id);
  // A narrow window shows the list only without a session.
  if (!$('#picking').checkVisibility()) go(null);
}

$('#back').addEventListener('click', back);
$('#compare-with').addEventListener('click', () => pickFor(openId()));
$('#stop-picking').addEventListener('click', () => list.stopPicking());
$('#previous-problem').addEventListener('click', () => session.timeline.problem(-1));
$('#next-problem').addEventListener('click', () => session.timeline.problem(1));

show();
onUpdate((update) => {
  list.update(update);
  session.update(update);
});
