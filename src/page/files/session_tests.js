// A session as a test: one like it has to have the same transcript.

import { absolute, api } from './api.js';
import { copyAsTest, quoted } from './page.js';
import { CODE, rustServer, rustTest } from './rule_code.js';
import { BAD_ENDINGS } from './session_ending.js';
import { listenersOf, protocolOf } from './session_filters.js';

// A longer transcript is compared with a file.
const MOST_LINES = 400;
// The number of a message, where mailjig writes it.
const NUMBER = '(<|queued as )m[0-9]+';

export async function sessionAsTest(session) {
  const { id, ended } = session;
  if (!ended) throw new Error(`${id} is still open: it can be copied as a test when it has ended.`);
  const [text, server] = await Promise.all([api.text(`sessions/${id}/transcript`), rustServerOf(session)]);
  const lines = numberedAfresh(text).split('\n').slice(0, -1);
  const file = lines.length > MOST_LINES ? `${id}.session` : null;
  const how = file ? ` The lines are compared with the file ${file}, which has to be made once.` : '';
  copyAsTest(`Fails if the next session is not like ${id}. Numbers of messages may differ.${how}`, {
    curl: curl(lines, file, id),
    rust: rust(lines, file, server),
    python: python(lines, file, id),
    javascript: javascript(lines, file, id),
  });
}

// The text with the numbers that a fresh server gives.
function numberedAfresh(text) {
  const numbers = new Map();
  return text.replace(new RegExp(NUMBER, 'g'), (found, before) => {
    if (!numbers.has(found.slice(before.length))) numbers.set(found.slice(before.length), `m${numbers.size + 1}`);
    return before + numbers.get(found.slice(before.length));
  });
}

// Statements that start a server with the rules that fired in the session, as far as they are there.
async function rustServerOf({ rules: fired, listener }) {
  const [{ rules }, { name, seed }, { scenarios }] = await Promise.all([api.get('rules'), api.get('scenario'), api.get('scenarios')]);
  const shipped = scenarios.some((one) => one.name === name) ? name : null;
  const its = rules.filter(({ rule }) => fired.includes(rule.id));
  const gone = fired.filter((id) => !rules.some(({ rule }) => rule.id === id));
  const note = [
    gone.length ? `    // It also needs rules that were removed: ${gone.map((id) => JSON.stringify(id)).join(', ')}.` : null,
    protocolOf(listener) === 'smtp' ? null : '    // What the session read has to be there: server.deliver(…), server.account(…) …',
  ];
  return [rustServer(its, its.some(({ loaded }) => loaded) ? shipped : null, seed), ...note].filter(Boolean).join('\n');
}

const apiUrl = () => absolute('').replace(/\/$/, '');
const array = (lines, quote, indent) => `[\n${lines.map((line) => `${indent}    ${quote(line)},`).join('\n')}\n${indent}]`;

function curl(lines, file, id) {
  const plain = `sed -E 's/${NUMBER}/\\1m#/g'`;
  return [
    '#!/usr/bin/env bash',
    'set -eo pipefail',
    `api=${quoted.curl(apiUrl())}`,
    file ? `# once: curl -sSf "$api/sessions/${id}/transcript" -o ${file}` : null,
    'newest=$(curl -sSf "$api/sessions?order=newest&limit=1" | jq -r \'.sessions[0].id // "s0"\')',
    `# … ${CODE} …`,
    'session=s$((${newest#s} + 1))',
    'curl -sS --fail-with-body "$api/journal?session=$session&kind=ended&wait=10s" >/dev/null',
    `diff <(${plain} ${file ?? `<<'END-OF-SESSION'\n${lines.join('\n')}\nEND-OF-SESSION\n`}) <(curl -sSf "$api/sessions/$session/transcript" | ${plain})`,
    '',
  ].filter((line) => line !== null).join('\n');
}

function rust(lines, file, server) {
  const compared = file
    ? `    // once: std::fs::write(${quoted.rust(file)}, server.transcript().to_string()).unwrap();\n    assert_eq!(server.transcript().to_string(), std::fs::read_to_string(${quoted.rust(file)}).unwrap());`
    : `    let expected = ${array(lines, quoted.rust, '    ')};\n    assert_eq!(server.transcript().to_string().lines().collect::<Vec<_>>(), expected);`;
  return `${rustTest('the_session_is_as_before', `${server}\n    // … ${CODE}: server.smtp().url(), server.imap().url() …\n    server.wait_for_no_session().block();\n${compared}`)}\n`;
}

function python(lines, file, id) {
  return `import json, re
from urllib.request import urlopen

api = ${quoted.python(apiUrl())}

def get(path):
    with urlopen(api + path) as answer:
        return answer.read().decode()

def plain(text):
    return re.sub(r"${NUMBER}", r"\\1m#", text).split("\\n")

${file ? `# once: curl -sSf ${quoted.curl(absolute(`sessions/${id}/transcript`))} -o ${file}\nwith open(${quoted.python(file)}, newline="") as file:\n    expected = file.read()` : `expected = "\\n".join(${array([...lines, ''], quoted.python, '')})`}
newest = json.loads(get("/sessions?order=newest&limit=1"))["sessions"]
session = f"s{int(newest[0]['id'][1:]) + 1 if newest else 1}"
# … ${CODE} …
get(f"/journal?session={session}&kind=ended&wait=10s")
lines = plain(get(f"/sessions/{session}/transcript"))
assert lines == plain(expected), "\\n".join(lines)
`;
}

function javascript(lines, file, id) {
  return `import assert from 'node:assert/strict';
${file ? "import { readFile } from 'node:fs/promises';\n" : ''}
const api = ${quoted.javascript(apiUrl())};
const get = async (path) => {
  const answer = await fetch(api + path);
  assert.equal(answer.status, 200, path);
  return answer.text();
};
const plain = (text) => text.replace(/${NUMBER}/g, '$1m#').split('\\n');
${file ? `// once: curl -sSf ${quoted.curl(absolute(`sessions/${id}/transcript`))} -o ${file}\nconst expected = await readFile(${quoted.javascript(file)}, 'utf8');` : `const expected = ${array([...lines, ''], quoted.javascript, '')}.join('\\n');`}
const [newest] = JSON.parse(await get('/sessions?order=newest&limit=1')).sessions;
const session = \`s\${Number(newest?.id.slice(1) ?? 0) + 1}\`;
// … ${CODE} …
await get(\`/journal?session=\${session}&kind=ended&wait=10s\`);
assert.deepEqual(plain(await get(\`/sessions/\${session}/transcript\`)), plain(expected));
`;
}

// The list with its filters as a test: as many sessions as are shown. Words that are searched are left out.
export function listAsTest(filters, count) {
  const url = absolute('sessions');
  const wanted = Object.entries(filters).filter(([name]) => name in CONDITIONS).map(([name, value]) => CONDITIONS[name](value));
  // `around` the conditions, if there are any.
  const all = (language, and, around, otherwise = '') => (wanted.length ? around(wanted.map((its) => its[language]).join(and)) : otherwise);
  copyAsTest(`Fails unless ${count === 1 ? 'one session is' : `${count} sessions are`} as in the list. The Rust code belongs in a test that starts its own server.`, {
    curl: `curl -sSf ${quoted.curl(url)} | jq -e ${quoted.curl(`${all('jq', ' and ', (its) => `[.sessions[] | select(${its})]`, '.sessions')} | length == ${count}`)}\n`,
    rust: `${rustTest('the_sessions_are_as_many', `    let server = MailServer::start();\n    // … ${CODE}: server.smtp().url(), server.imap().url() …\n    let ${all('rust', '', () => 'mut ')}sessions = server.sessions();\n${all('rust', ' && ', (its) => `    sessions.retain(|its| ${its});\n`)}    assert_eq!(sessions.len(), ${count}, "{sessions:#?}");`)}\n`,
    python: `import json\nfrom urllib.request import urlopen\n\nwith urlopen(${quoted.python(url)}) as answer:\n    sessions = json.load(answer)["sessions"]\n${all('python', ' and ', (its) => `sessions = [its for its in sessions if ${its}]\n`)}assert len(sessions) == ${count}, sessions\n`,
    javascript: `import assert from 'node:assert/strict';\n\nconst answer = await (await fetch(${quoted.javascript(url)})).json();\nconst sessions = answer.sessions${all('javascript', ' && ', (its) => `.filter((its) => ${its})`)};\nassert.equal(sessions.length, ${count});\n`,
  });
}

// The filters of the list as conditions. Rust compares typed values.
const CONDITIONS = {
  listener: (value) => {
    const names = listenersOf(value);
    const list = JSON.stringify(names);
    return { jq: `(.listener | IN(${names.map((name) => JSON.stringify(name)).join(', ')}))`, rust: `${list}.contains(&its.listener.name())`, python: `its["listener"] in ${list}`, javascript: `${list}.includes(its.listener)` };
  },
  user: (value) => {
    const name = value.toLowerCase();
    return { jq: `(.user // "" | ascii_downcase | contains(${JSON.stringify(name)}))`, rust: `its.user.as_deref().is_some_and(|user| user.to_lowercase().contains(${quoted.rust(name)}))`, python: `${quoted.python(name)} in (its["user"] or "").lower()`, javascript: `(its.user ?? '').toLowerCase().includes(${quoted.javascript(name)})` };
  },
  state: (value) => is(value === 'open', { jq: '.ended', rust: 'its.ended', python: 'its["ended"]', javascript: 'its.ended' }),
  tls: (value) => is(value === 'no', { jq: '.tls', rust: 'its.tls', python: 'its["tls"]', javascript: 'its.tls' }),
  outcome: (value) => ({
    wrong: wrong(),
    refused: { jq: '.refused > 0', rust: 'its.refused > 0', python: 'its["refused"] > 0', javascript: 'its.refused > 0' },
    rule: { jq: '.rules != []', rust: '!its.rules.is_empty()', python: 'its["rules"]', javascript: 'its.rules.length > 0' },
    unclean: { jq: '.ended != null and .ended.ending != "clean"', rust: 'its.ended.is_some_and(|(_, ending)| ending.name() != "clean")', python: 'its["ended"] and its["ended"]["ending"] != "clean"', javascript: "its.ended && its.ended.ending !== 'clean'" },
  })[value],
};

function wrong() {
  const bad = JSON.stringify(BAD_ENDINGS);
  return {
    jq: `(.refused > 0 or .ended.unfinished != null or (.ended.ending | IN(${bad.slice(1, -1)})))`,
    rust: `(its.refused > 0\n        || its.ended.is_some_and(|(_, ending)| ${bad}.contains(&ending.name()))\n        || server.findings().iter().any(|found| found.kind() == mailjig::FindingKind::IncompleteRequest && found.session() == its.no))`,
    python: `(its["refused"] or its["ended"] and (its["ended"]["unfinished"] or its["ended"]["ending"] in ${bad}))`,
    javascript: `(its.refused > 0 || its.ended?.unfinished || ${bad}.includes(its.ended?.ending))`,
  };
}

// Whether a member has no value, or that it has one.
const is = (isNull, { jq, rust, python, javascript }) => (isNull
  ? { jq: `${jq} == null`, rust: `${rust}.is_none()`, python: `${python} is None`, javascript: `${javascript} === null` }
  : { jq: `${jq} != null`, rust: `${rust}.is_some()`, python: `${python} is not None`, javascript: `${javascript} !== null` });
