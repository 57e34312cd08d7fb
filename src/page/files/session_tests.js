// A session as a test: its transcript has to be the same.

import { absolute, api } from './api.js';
import { copyAsTest, quoted } from './page.js';
import { listenersOf } from './session_filters.js';

// A longer transcript is compared with a file that is downloaded with it.
const MOST_LINES = 400;

export async function sessionAsTest(session) {
  const url = absolute(`sessions/${session.id}/transcript`);
  const text = await api.text(`sessions/${session.id}/transcript`);
  const lines = text.split('\n').slice(0, -1);
  const code = lines.length <= MOST_LINES ? inline(url, lines) : fromFile(url, session.id);
  const about = session.ended ? `Fails if session ${session.id} was not as it is shown here.` : `Fails if session ${session.id}, which is still open, has other lines than these.`;
  const how = lines.length > MOST_LINES ? `The lines are compared with a file, which has to be made once: ${session.id}.session.` : 'The Rust code belongs in a test that starts its own server.';
  copyAsTest(`${about} ${how}`, code);
}

const inline = (url, lines) => ({
  curl: `# bash; exits with 1 and shows the difference if there is one\ndiff <(curl -sSf ${quoted.curl(url)}) - <<'END-OF-SESSION'\n${lines.join('\n')}\nEND-OF-SESSION\n`,
  rust: `use mailjig::prelude::*;\n\nlet server = MailServer::start();\n// … the code under test talks to server.smtp(), server.imap() or server.pop3() …\nserver.wait_for_no_session().block();\nlet expected = [\n${lines.map((line) => `    ${quoted.rust(line)},`).join('\n')}\n];\n// The same with insta: insta::assert_snapshot!(server.transcript());\nassert_eq!(server.transcript().to_string().lines().collect::<Vec<_>>(), expected);\n`,
  python: `from urllib.request import urlopen\n\nexpected = [\n${lines.map((line) => `    ${quoted.python(line)},`).join('\n')}\n]\nwith urlopen(${quoted.python(url)}) as answer:\n    lines = answer.read().decode().split("\\n")[:-1]\nassert lines == expected, "\\n".join(lines)\n`,
  javascript: `import assert from 'node:assert/strict';\n\nconst expected = [\n${lines.map((line) => `  ${quoted.javascript(line)},`).join('\n')}\n];\nconst answer = await fetch(${quoted.javascript(url)});\nassert.equal(answer.status, 200);\nassert.deepEqual((await answer.text()).split('\\n').slice(0, -1), expected);\n`,
});

function fromFile(url, id) {
  const file = `${id}.session`;
  return {
    curl: `# once: curl -sSf ${quoted.curl(url)} -o ${file}\ncurl -sSf ${quoted.curl(url)} | diff ${file} -\n`,
    rust: `use mailjig::prelude::*;\n\nlet server = MailServer::start();\n// … the code under test talks to server.smtp(), server.imap() or server.pop3() …\nserver.wait_for_no_session().block();\n// once: curl -sSf ${quoted.curl(url)} -o ${file}\nassert_eq!(server.transcript().to_string(), std::fs::read_to_string(${quoted.rust(file)}).unwrap());\n`,
    python: `from pathlib import Path\nfrom urllib.request import urlopen\n\n# once: curl -sSf ${quoted.curl(url)} -o ${file}\nwith urlopen(${quoted.python(url)}) as answer:\n    assert answer.read() == Path(${quoted.python(file)}).read_bytes()\n`,
    javascript: `import assert from 'node:assert/strict';\nimport { readFile } from 'node:fs/promises';\n\n// once: curl -sSf ${quoted.curl(url)} -o ${file}\nconst answer = await fetch(${quoted.javascript(url)});\nassert.equal(answer.status, 200);\nassert.equal(await answer.text(), await readFile(${quoted.javascript(file)}, 'utf8'));\n`,
  };
}

// The list with its filters as a test: as many sessions as are shown. Words that are searched are left out.
export function listAsTest(filters, count) {
  const url = absolute('sessions');
  const wanted = Object.entries(filters).filter(([name]) => name in CONDITIONS).map(([name, value]) => CONDITIONS[name](value));
  // `around` the conditions, if there are any.
  const all = (language, and, around, otherwise = '') => (wanted.length ? around(wanted.map((its) => its[language]).join(and)) : otherwise);
  copyAsTest(`Fails unless ${count === 1 ? 'one session is' : `${count} sessions are`} as in the list. The Rust code belongs in a test that starts its own server.`, {
    curl: `curl -sSf ${quoted.curl(url)} | jq -e ${quoted.curl(`${all('jq', ' and ', (its) => `[.sessions[] | select(${its})]`, '.sessions')} | length == ${count}`)}\n`,
    rust: `use mailjig::prelude::*;\n\nlet server = MailServer::start();\n// … the code under test …\nlet ${all('rust', '', () => 'mut ')}sessions = server.sessions();\n${all('rust', ' && ', (its) => `sessions.retain(|its| ${its});\n`)}assert_eq!(sessions.len(), ${count}, "{sessions:#?}");\n`,
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
    refused: { jq: '.refused > 0', rust: 'its.refused > 0', python: 'its["refused"] > 0', javascript: 'its.refused > 0' },
    rule: { jq: '.rules != []', rust: '!its.rules.is_empty()', python: 'its["rules"]', javascript: 'its.rules.length > 0' },
    unclean: { jq: '.ended != null and .ended.ending != "clean"', rust: 'its.ended.is_some_and(|(_, ending)| ending.name() != "clean")', python: 'its["ended"] and its["ended"]["ending"] != "clean"', javascript: "its.ended && its.ended.ending !== 'clean'" },
  })[value],
};

// Whether a member has no value, or that it has one.
const is = (isNull, { jq, rust, python, javascript }) => (isNull
  ? { jq: `${jq} == null`, rust: `${rust}.is_none()`, python: `${python} is None`, javascript: `${javascript} === null` }
  : { jq: `${jq} != null`, rust: `${rust}.is_some()`, python: `${python} is not None`, javascript: `${javascript} !== null` });
