// Everything about one line of a session: the whole text, times, rules, labels, findings.

import { view } from './api.js';
import { h } from './dom.js';
import { duration, octets as size, plural } from './format.js';
import { copyButton } from './page.js';
import { octetsOf, pieces, visible } from './octet_text.js';
import { marked, rulesOf } from './session_lines.js';
import { ruleTag, since, textOf } from './session_row.js';

const SIDES = { client: 'The client sent', server: 'The server sent', event: 'What happened' };
// More than this is not laid out at once.
const LIMIT = 200_000;

// `labels` are those of its turn.
export function linePanel(line, lines, labels, findings, close) {
  const { turn } = line;
  const whole = line.side === 'event' ? line.text : pieces(marked(line).octets).pieces.map(({ text }) => text).join('');
  return [
    h('div.line-head', {},
      h('h3', {}, `${SIDES[line.side]}, record ${line.seq}`),
      turn?.event ? h('span.tag', {}, turn.event) : null,
      h('span.grow'),
      copyButton(whole, 'the line'),
      h('button.quiet', { type: 'button', 'aria-label': 'Close the line', title: 'Close (Esc)', onclick: close }, '×')),
    h('pre.whole', { class: line.side, tabIndex: 0, 'aria-label': 'The whole line' }, textOf(line, LIMIT)),
    h('dl.facts', {}, facts(line, lines, labels, findings).map(([name, what]) => [h('dt', {}, name), h('dd', {}, what)])),
  ];
}

function facts(line, lines, labels, findings) {
  const { turn } = line;
  const its = [['Time', `${since(line.at)} s after the start, ${duration(lines.delay(line))} after the line before`]];
  if (line.side !== 'event') its.push(['Size', size(octetsOf(line.text, line.isBinary).length)]);
  if (!turn || line.side === 'event') return [...its, ...rules(line)];
  if (turn.closedAt !== null) its.push(['Answered', `${duration(turn.closedAt - turn.at)} after the request was read; then all of the answer had left`]);
  else if (turn.lines.length) its.push(['Answered', 'more of the answer followed, or it has not left yet']);
  if (turn.status) its.push(['Answer', turn.status]);
  if (line.who.endsWith('|')) its.push(['Line end', 'not CRLF: the octets are shown with their end, if any']);
  if (turn.early) its.push(['Early', 'sent before the reply to what was sent before']);
  if (turn.changes) its.push(['Mail', plural(turn.changes, 'change')]);
  if (turn.captured) its.push(['Message', h('a', { href: view('messages', turn.captured) }, turn.captured)]);
  const here = labels.filter(({ side, label }) => side === (line.side === 'client' ? 'heard' : 'said') && line.text.includes(label));
  for (const { label, octets } of here) its.push([visible(label), h('pre.whole', { tabIndex: 0, 'aria-label': `What ${visible(label)} stands for` }, pieces(octets, [], LIMIT).pieces.map(({ text }) => text).join('').replaceAll('\\r\\n', '\n'))]);
  for (const { kind, text, reference } of findings?.get(line.seq) ?? []) its.push(['Finding', `${kind}: ${text} (${reference})`]);
  return [...its, ...rules(line)];
}

const rules = (line) => rulesOf(line).map((its) => [['Rule', ruleTag(its, {})]]).flat();
