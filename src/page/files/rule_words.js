// What a rule does, in words, and the rulebook as a list.

import { $, h } from './dom.js';
import { tomlStep, tomlValue } from './toml.js';
import { WindowedList } from './windowed_list.js';

const list = (value) => [value].flat();
const quote = (text) => `“${text}”`;
const texts = (value) => list(value).map(quote).join(', then ');

export const eventsOf = (rule) => list(rule.on);

// What a rule changes, in one line: `452 4.2.2 …` after 1 s.
export const doing = (rule) => list(rule.do).map(stepWords).join(', then ');

// One step. A step that this does not know is shown as it is written.
function stepWords(step) {
  const { after, ...bare } = step;
  const [[name, value]] = Object.entries(bare);
  const words = (name in STEPS && STEPS[name](value)) || tomlStep(bare);
  return after === undefined ? words : `${words} after ${after}`;
}

const END = { fin: 'close the connection', rst: 'reset the connection', half: 'close the sending side', 'tls-no-notify': 'close the connection without close_notify' };
const NEWLINES = { lf: 'end lines with LF only', cr: 'end lines with CR only', none: 'send lines without ends' };

const STEPS = {
  pass: (value) => {
    if (value === true) return 'behave correctly';
    if (value === 'silent') return 'execute the command silently';
    return value.status && `execute the command, but answer ${quote(value.status)}`;
  },
  reply: (value) => `reply ${texts(value)}`,
  raw: (value) => `send the octets ${quote(value)}`,
  wait: (value) => (typeof value === 'string' ? `wait ${value}` : value.min && `wait ${value.min} to ${value.max}`),
  stall: (value) => (value === 'conn' ? 'never send anything again' : 'never answer'),
  await: (value) => typeof value === 'string' && `read a line ${quote(value)}`,
  pace: ({ chunk, gap }) => `send ${chunk === 1 ? 'one octet' : `${chunk} octets`} every ${gap}`,
  split: (value) => `split the output after octet ${list(value).join(', ')}`,
  hold: () => 'send everything in one write',
  cut: ({ at, before, close }) => `cut the output ${at === undefined ? `before ${quote(before)}` : `after ${at} octets`} and ${END[close] ?? 'end the connection'}`,
  eol: (value) => NEWLINES[value],
  edit: ({ find, replace, line, drop, below, insert }) => {
    if (replace !== undefined) return `replace ${quote(find)} by ${quote(replace)}`;
    if (drop) return line === undefined ? `drop the lines ${quote(find)}` : `drop line ${line}`;
    return insert === undefined ? `send line ${line} twice` : `insert ${quote(insert)} below line ${below}`;
  },
  pad: ({ line, to }) => `extend line ${line} to ${to} octets`,
  data: (value) => {
    const [[part, which]] = Object.entries(value);
    if (value.drop) return `leave out ${part} ${which}`;
    if (part === 'literal') return `announce literals with the wrong size (${which})`;
    return value.value !== undefined && `answer ${value.value} as ${which}`;
  },
  close: (value) => END[value],
  read: (value) => (value === 'stop' ? 'stop reading' : 'read slowly'),
  tls: ({ cert, alert }) => (cert ? `present the ${cert} certificate` : alert && `refuse the handshake with the alert ${alert}`),
  listen: ({ down }) => `close all listeners for ${down}`,
  set: (value) => `set ${assignments(value)}`,
  deliver: (value) => {
    if (value === false) return 'lose the message';
    return `deliver ${value.message ? `the message ${value.message}` : 'the message'} to ${value.mailbox ?? 'INBOX'}`;
  },
  kick: ({ user, proto }) => `end the sessions of ${[user, proto].filter(Boolean).join(' in ') || 'everybody'}`,
  note: (value) => `note ${quote(value)}`,
  fail: (value) => `report the failure ${quote(value)}`,
};

const assignments = (table, before = '') => Object.entries(table).map(([name, value]) => (value !== null && typeof value === 'object' ? assignments(value, `${before}${name}.`) : `${before}${name} to ${value}`)).join(', ');

// The conditions, one by one: `[field, value]`, with fields as `header.Subject`.
export function conditions(when, before = '') {
  return Object.entries(when ?? {}).flatMap(([field, value]) => {
    const isTable = value !== null && typeof value === 'object' && !Array.isArray(value);
    const isTest = isTable && Object.keys(value).every((name) => ['any', 'all', 'not', 'eq'].includes(name));
    return isTable && !isTest ? conditions(value, `${before}${field}.`) : [[`${before}${field}`, value]];
  });
}

export const conditionWords = ([field, value]) => `${field} = ${typeof value === 'string' ? value : tomlValue(value)}`;

// For which matches it fires: `the first 2 of each {ip}`.
export function often({ times, nth, per, chance }) {
  const of = per === undefined ? '' : ` for each ${per}`;
  const which = times !== undefined ? (times === 1 ? 'the first match' : `the first ${times} matches`) : nth !== undefined ? `match ${nth}` : 'every match';
  const drawn = chance === undefined ? '' : `, with probability ${chance}`;
  return `${which}${of}${drawn}`;
}

// The last match for which it fires, if that is a number.
const most = ({ times, nth, per }) => (per === undefined ? (times ?? (/^\d+$/.test(nth ?? '') ? 1 : null)) : null);

// Whether it can fire, in words.
export function statusWords({ status, fired, rule, shadowed_by: by }) {
  const of = most(rule);
  const count = of === null ? `fired ${fired}` : `fired ${fired} of ${of}`;
  if (status === 'disabled') return 'disabled';
  if (status === 'used-up') return `used up · ${count}`;
  if (status === 'shadowed') return `shadowed by ${by}`;
  return fired ? count : 'armed';
}

export const STATUS = { armed: 'It fires at the next match.', disabled: 'It was disabled, and does not fire.', 'used-up': 'Its matches are over: it does not fire again.', shadowed: 'A rule outside of it takes all of its events.' };

// Why a rule did not fire.
export const REASONS = {
  'no-effect': 'It fired, but changed nothing',
  'used-up': 'It was used up',
  chance: 'It was not drawn',
  disabled: 'It was disabled',
  shadowed: 'Another rule answered first',
  'one-condition': 'One condition did not hold',
  state: 'A variable had another value',
  conditions: 'Several conditions did not hold',
  never: 'The event never came',
};

// The name of a rule's origin.
export const originWords = ({ origin, loaded }) => (loaded ? `scenario, ${origin}` : origin === 'added over HTTP' ? 'added over HTTP or on the page' : `Rust, ${origin}`);

// ---- the rulebook as a list, the outermost rule first

const MARKS = { armed: '●', disabled: '○', 'used-up': '◌', shadowed: '◐' };

export class RuleList {
  // `open(rule)` opens a rule, `isDraft(number)` says whether its text was changed and not applied.
  constructor({ open, isDraft }) {
    this.list = new WindowedList($('#rule-list'), {
      rowHeight: 58,
      label: 'Rules, the outermost first',
      key: ({ number }) => number,
      render: (rule) => row(rule, isDraft(rule.number)),
    });
    this.list.addEventListener('open', ({ detail }) => open(detail.item));
  }

  // Shows the rules that have all of these words, and says how many. `current` is the open one.
  show(rules, words, current) {
    const text = (rule) => `${rule.number} ${rule.text} ${rule.status} ${rule.origin}`.toLowerCase();
    const found = words.length ? rules.filter((rule) => words.every((word) => text(rule).includes(word))) : rules;
    this.list.set(found);
    const at = current ? found.indexOf(current) : -1;
    if (at >= 0 && current.number !== this.current) this.list.moveTo(at);
    this.current = current?.number ?? null;
    return found.length;
  }

  redraw() {
    this.list.set(this.list.items);
  }

  step(by) {
    this.list.moveTo(this.list.cursor + by, { focus: true });
  }
}

function row(rule, isDraft) {
  const { rule: its, status, fired, asked, without_effect: without } = rule;
  const when = conditions(its.when).map(conditionWords).join(', ');
  const counts = [`asked ${asked}`, without ? `${without} without effect` : null].filter(Boolean).join(' · ');
  return [
    h('span.state', { class: status, 'aria-hidden': 'true' }, MARKS[status]),
    h('span.words', {}, h('span.clip', {}, h('b.mono', {}, its.id), ' ', h('span.muted.mono', {}, eventsOf(its).join(', '))), h('span.clip.muted', { title: doing(its) }, when ? `${when} → ${doing(its)}` : doing(its))),
    h('span.numbers-of', {}, h('span.tag', { class: fired && status === 'armed' ? 'rule' : status }, statusWords(rule)), h('span.count', {}, isDraft ? 'edited · ' : '', rule.loaded ? 'scenario · ' : '', counts)),
  ];
}
