// Accounts with their mailboxes, as rows of a tree.

import { h } from './dom.js';
import { plural } from './format.js';

// The rows of the accounts, each followed by its mailboxes: `{ key, login, name, depth, label, … }`. `words` must all be
// in the names; the name of an account is null.
export function treeRows(accounts, delimiter, words) {
  const wanted = words.toLowerCase().split(/\s+/).filter(Boolean);
  const has = (text) => wanted.every((word) => text.toLowerCase().includes(word));
  return accounts.flatMap((account) => {
    const { login } = account;
    const shown = account.mailboxes.filter(({ name }) => has(`${login} ${name}`));
    if (!shown.length && !has(login)) return [];
    const unseen = account.mailboxes.reduce((sum, box) => sum + box.unseen, 0);
    const entries = account.mailboxes.reduce((sum, box) => sum + box.entries, 0);
    const subscribed = new Set(account.subscriptions);
    return [
      { key: keyOf(login, null), login, name: null, depth: 0, label: login, unseen, entries },
      ...nested(shown, delimiter).map(({ box, depth, label }) => {
        const { name, unseen: its, entries: all } = box;
        return { key: keyOf(login, name), login, name, depth, label, box, isSubscribed: subscribed.has(name), unseen: its, entries: all };
      }),
    ];
  });
}

export const keyOf = (login, name) => JSON.stringify([login, name]);

// Mailboxes behind the ones that they are below.
function nested(boxes, delimiter) {
  const sorted = boxes.map((box) => ({ box, levels: box.name.split(delimiter) })).sort((a, b) => compare(a.levels, b.levels));
  const above = [];
  return sorted.map(({ box }) => {
    while (above.length && !box.name.startsWith(above.at(-1) + delimiter)) above.pop();
    const depth = above.length + 1;
    const label = above.length ? box.name.slice(above.at(-1).length + delimiter.length) : box.name;
    above.push(box.name);
    return { box, depth, label };
  });
}

function compare(a, b) {
  for (let level = 0; level < Math.min(a.length, b.length); level += 1) {
    if (a[level] === b[level]) continue;
    if (level === 0 && (a[0] === 'INBOX') !== (b[0] === 'INBOX')) return a[0] === 'INBOX' ? -1 : 1;
    return a[level] < b[level] ? -1 : 1;
  }
  return a.length - b.length;
}

export function treeRow(row) {
  const counts = `${row.unseen.toLocaleString('en')} unseen of ${plural(row.entries, 'entry', 'entries')}`;
  return [
    h(`span.label.clip`, { class: row.name === null ? 'account' : '', title: row.name ?? row.login, style: { '--depth': Math.min(row.depth, 8) } }, h('bdi', {}, row.label)),
    row.box?.special_use && h('span.tag', { title: 'Special use' }, row.box.special_use),
    row.isSubscribed && h('span.count', { title: 'Subscribed' }, '✓', h('span.hidden', {}, ' subscribed')),
    h('span.count.end', { title: counts },
      row.unseen > 0 && [h('b', {}, row.unseen.toLocaleString('en')), ' / '], row.entries.toLocaleString('en'),
      h('span.hidden', {}, row.unseen > 0 ? ' unseen of all entries' : ' entries')),
  ];
}
