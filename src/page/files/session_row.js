// A line of a session as a row: when, how long after the line before, who, what, and what rules did.

import { view } from './api.js';
import { h } from './dom.js';
import { duration } from './format.js';
import { pieces, visible } from './octet_text.js';
import { WROTE, marked, rulesOf } from './session_lines.js';

const CLIPPED = 400;
// Delays are drawn on a logarithmic scale, from 0.1 ms to one minute.
const SHORTEST = Math.log10(100);
const LONGEST = Math.log10(60_000_000);
export const LONG = 1_000_000;

const MARKS = {
  written: 'A rule wrote these octets',
  unsent: 'These octets never left',
  label: 'A label; Enter shows what it stands for',
  escape: 'Written out: it cannot be seen, or is not UTF-8',
};

// The time since the start: `0.462 ms` would dance; seconds with fixed digits do not.
export const since = (us) => `${(us / 1_000_000).toFixed(us < 100_000_000 ? 4 : 2)}`;

export function bar(us) {
  if (us < 100) return null;
  const share = (Math.log10(us) - SHORTEST) / (LONGEST - SHORTEST);
  return h('span.delay-bar', { style: { width: `${Math.round(Math.min(1, Math.max(0.03, share)) * 100)}%` } });
}

// The text of a line, with marks; a long one is clipped.
export function textOf(line, limit = CLIPPED) {
  if (line.side === 'event') return [visible(line.text)];
  const { octets, marks } = marked(line);
  const found = pieces(octets, marks, limit);
  const nodes = found.pieces.map(piece);
  if (line.message) nodes.splice(0, nodes.length, h('a', { href: view('messages', line.message), tabIndex: -1 }, line.text), ` ${line.turn.octets} octets`);
  if (found.rest) nodes.push(h('span.more', {}, ` … ${found.rest.toLocaleString('en')} more`));
  return nodes;
}

function piece({ text, names }) {
  if (!names.length) return text;
  const attributes = { class: names.map((name) => `is-${name}`).join(' '), title: names.map((name) => MARKS[name]).join('; ') };
  const message = names.includes('label') ? /^<(m\d+)/.exec(text)?.[1] : null;
  return message ? h('a', { ...attributes, href: view('messages', message), tabIndex: -1 }, text) : h('span', attributes, text);
}

export function ruleTag({ rule, what }, attributes = { tabIndex: -1 }) {
  return h('a.tag.rule', { href: view('rules', rule), title: what ? `Rule ${visible(rule)}: ${visible(what)}` : `Rule ${visible(rule)} fired`, ...attributes }, visible(rule), what && what !== WROTE ? h('span.what', {}, ` ${visible(what)}`) : null);
}

// What is wrong with a line, in a word.
export function verdict(line) {
  if (line.isRefusal) return h('span.tag.bad.sign-only', { title: 'Refused' }, '✗', h('span.what', {}, ' refused'));
  if (line.isProblem) return h('span.tag.bad.sign-only', { title: 'A problem' }, '!', h('span.what', {}, ' problem'));
  return null;
}

export function tagsOf(line, findings) {
  const tags = rulesOf(line).map((its) => ruleTag(its));
  const its = line.side === 'client' ? (findings?.get(line.seq) ?? []) : [];
  if (line.side === 'client' && line.turn?.early && !its.some(({ kind }) => kind === 'sent-too-early')) tags.unshift(h('span.tag', { title: 'The client sent this before it had the reply to what it sent before' }, 'early'));
  if (line.unsent) tags.push(h('span.tag.bad', {}, h('s', {}, `${line.unsent} unsent`)));
  for (const { kind, text } of its) tags.push(h('span.tag.bad', { title: text }, `⚑ ${kind}`));
  if (!line.unsent) tags.push(verdict(line));
  return tags;
}

export function renderLine(line, delay, findings) {
  const isLong = delay >= LONG;
  return [
    h('span.at', { role: 'gridcell', title: `${since(line.at)} s after the start` }, since(line.at)),
    h('span.delay', { role: 'gridcell', class: isLong ? 'long' : null, title: `${duration(delay)} after the line before` }, h('span.delay-track', {}, bar(delay)), h('span.delay-text', {}, delay >= 1000 ? duration(delay) : '')),
    h('span.who', { role: 'gridcell', class: line.side }, line.who),
    h('span.content', { role: 'gridcell' }, h('span.line', { class: line.side, dir: 'ltr' }, textOf(line)), h('span.tags', {}, tagsOf(line, findings))),
    h('span.event-name', { role: 'gridcell' }, line.turn?.event && line.side !== 'event' && line === firstOf(line) ? line.turn.event : ''),
  ];
}

// An event is named once, at its first line.
const firstOf = (line) => (line.side === 'client' ? line : line.turn.lines[0] === line && line.from === 0 && isAlone(line.turn) ? line : null);
const isAlone = (turn) => !turn.hasRequest;
