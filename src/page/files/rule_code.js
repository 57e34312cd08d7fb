// Rules, scenarios and verifications as code for tests.

import { conditions, eventsOf } from './rule_words.js';
import { HERE, RUST_HERE, RUST_START, attempt, call, quoted, rustTest, scripts } from './test_code.js';
import { tomlStep } from './toml.js';

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
