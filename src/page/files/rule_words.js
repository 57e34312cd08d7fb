// A rule in words, and as code for tests.

import { HERE, RUST_HERE, RUST_START, attempt, call, quoted, rustTest, scripts } from './test_code.js';
import { tomlStep, tomlValue } from './toml.js';

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

// ---- rules, scenarios and verifications as code for tests

const MODULES = { smtp: ['smtp', 'smtp'], lmtp: ['lmtp', 'smtp'], imap: ['imap', 'imap'], pop3: ['pop3', 'pop3'], tcp: ['tcp', 'tcp'], tls: ['tls', 'tcp'], '*': ['any_protocol', 'any'] };
const SPEAKING = ['smtp', 'imap', 'pop3', 'any'];
const OTHERS = { 'mail.delivered': 'rules::mail::delivered()', 'state.changed': 'rules::state::changed()', timer: 'rules::timer()' };

// An event as a point of the builder, and its kind: all points of a rule are of one kind.
function point(event) {
  if (event in OTHERS) return { code: OTHERS[event], kind: event };
  const [first, ...rest] = event.split('.');
  if (!rest.length || !(first in MODULES)) return null;
  const [module, kind] = MODULES[first];
  return { code: `rules::${module}::event(${quoted.rust(rest.join('.'))})`, kind: event === 'tls.hello' ? event : kind };
}

const EXPECTED = [
  [/^=?(\d+)$/, (n) => n],
  [/^>=(\d+)$/, (n) => `${n}..`],
  [/^<=(\d+)$/, (n) => `..=${n}`],
  [/^(\d+)-(\d+)$/, (least, most) => `${least}..=${most}`],
];

// What the first pattern that fits makes of the text.
function read(text, forms) {
  for (const [pattern, code] of forms) {
    const found = pattern.exec(text);
    if (found) return code(...found.slice(1));
  }
  return null;
}

// The rule with the builder, one call in a line, or null if the builder cannot express it.
export function rustRule(rule, indent = '') {
  const points = eventsOf(rule).map(point);
  if (points.some((one) => !one || one.kind !== points[0].kind)) return null;
  const isOdd = conditions(rule.when).some(([, value]) => typeof value === 'object');
  const times = rule.expect === undefined ? '' : read(rule.expect, EXPECTED);
  if (isOdd || times === null) return null;
  const calls = points.slice(1).map(({ code }) => `or(${code})`);
  for (const [field, value] of conditions(rule.when)) calls.push(`when(${quoted.rust(field)}, ${quoted.rust(String(value))})`);
  if (rule.times !== undefined) calls.push(`times(${rule.times})`);
  if (rule.nth !== undefined) calls.push(`nth(${quoted.rust(String(rule.nth))})`);
  if (rule.per !== undefined) calls.push(`per(${quoted.rust(rule.per)})`);
  if (rule.chance !== undefined) calls.push(`chance(${Number.isInteger(rule.chance) ? `${rule.chance}.0` : rule.chance})`);
  for (const step of [rule.do].flat()) calls.push(rustStep(step, points[0].kind));
  if (times) calls.push(`expect(${times})`);
  calls.push(`named(${quoted.rust(rule.id)})`);
  return `on(${points[0].code})${calls.map((call) => `\n${indent}    .${call}`).join('')}`;
}

function rustStep(step, kind) {
  const isReply = Object.keys(step).length === 1 && typeof step.reply === 'string' && SPEAKING.includes(kind);
  return isReply ? `reply(${quoted.rust(step.reply)})` : `step(${quoted.rust(tomlStep(step))})`;
}

// Text that may have quotes and hashes as a raw string of Rust.
function raw(text) {
  const hashes = '#'.repeat(1 + Math.max(0, ...[...text.matchAll(/"(#*)/g)].map(([, its]) => its.length)));
  return `r${hashes}"${text}"${hashes}`;
}

// `used` is a scenario inside of these rules.
function scenarioOf(rules, used) {
  const use = used ? `use = ["${used}"]\n` : '';
  return `Scenario::text("scenario.toml", ${raw(`mailjig = 1\n${use}\n${rules.map(({ text }) => text).join('\n')}`)})`;
}

const startWith = (scenario) => `    let server = MailServer::builder()\n        .scenario(${scenario})\n        .start();`;

// How a Rust test has these rules, the outermost first: statements. `shipped` is the scenario in force, if it comes with
// mailjig.
export function rustServer(rules, shipped, seed) {
  const added = rules.filter((its) => !(shipped && its.loaded));
  const mounts = added.map(({ rule }) => rustRule(rule, '    ')).reverse();
  if (mounts.includes(null)) return [startWith(`${scenarioOf(added, shipped)}.seed(${seed})`)];
  const start = shipped ? startWith(`Scenario::named(${quoted.rust(shipped)}).seed(${seed})`) : RUST_START;
  return [start, ...mounts.map((mount) => `    server.mount(${mount});`)];
}

const MATCHED = /^(to|from|subject|body) ("(?:[^"\\]|\\.)*")$/;
const TIMES = [
  [/^exactly (\d+)$/, (n) => n],
  [/^none$/, () => '0'],
  [/^at least (\d+)$/, (n) => `${n}..`],
  [/^at most (\d+)$/, (n) => `..=${n}`],
  [/^(\d+) to (\d+)$/, (least, most) => `${least}..=${most}`],
];

// An expectation of messages as a statement; as a comment if it has filters without a short name.
function rustExpectation({ matcher, times }) {
  const parts = matcher.split(/ and (?=(?:to|from|subject|body) ")/).map((part) => MATCHED.exec(part));
  const count = read(times, TIMES);
  if (count === null || parts.includes(null)) return `    // expected as well: ${times} ${matcher.replaceAll('\n', ' ')}`;
  const [first, ...others] = parts.map(([, name, text]) => `${name}(${text})`);
  return `    server.expect(${count}, ${first}${others.map((other) => `.and(${other})`).join('')});`;
}

// A test that mounts the rule, and fails if it does not fire.
export function ruleTest({ rule, text }) {
  const mount = rustRule(rule, '    ');
  const mounted = mount ? [RUST_START, `    let rule = server.mount(${mount});`] : [startWith(scenarioOf([{ text }])), `    let rule = server.rule(${quoted.rust(rule.id)});`];
  const path = `rules/${encodeURIComponent(rule.id)}`;
  return {
    // One may be there from before.
    ...scripts([attempt('DELETE', path), call('POST', 'rules', text, 'application/toml'), HERE, call('GET', `${path}?fired=1&wait=5s`)]),
    rust: rustTest('the_rule_fires', [...mounted, RUST_HERE, '    rule.wait(1).within(Duration::from_secs(5)).block();'], 'use std::time::Duration;\n'),
  };
}

// A test under a scenario of the catalogue.
export function scenarioTest(name, params) {
  const body = JSON.stringify(Object.keys(params).length ? { name, params } : { name });
  const sets = Object.entries(params).map(([param, value]) => `.set(${quoted.rust(param)}, ${quoted.rust(value)})`);
  return verified([call('PUT', 'scenario', body), HERE], [startWith(`Scenario::named(${quoted.rust(name)})${sets.join('')}`)]);
}

// A test that verifies the server as it is now. `shipped` is the scenario in force, if it comes with mailjig.
export function verifyTest(rules, shipped, seed, expectations) {
  return verified([HERE], [...rustServer(rules, shipped, seed), ...expectations.map(rustExpectation)]);
}

function verified(steps, statements) {
  return {
    ...scripts([...steps, call('POST', 'verify?wait=5s')]),
    rust: rustTest('what_is_expected_happens', [...statements, RUST_HERE, '    server.verify().block();']),
  };
}
