// Sessions as tests: the next one has to have the same transcript, the next two have to be alike, or as many have to match.

import { api, escaped } from './api.js';
import { copyAsTest } from './page.js';
import { rustServer } from './rule_words.js';
import { BAD_ENDINGS, listenersOf, protocolOf } from './session_lines.js';
import { BEGIN, HERE, RUST_HERE, RUST_START, query, quoted, request, rustTest, scripts } from './test_code.js';

// A longer transcript is compared with a file.
const MOST_LINES = 400;
// The number of a message, where mailjig writes it.
const NUMBER = '(<|queued as )m[0-9]+';
const ALL_ENDED = '    server.wait_for_no_session().block();';

export async function sessionAsTest(session) {
  const { id, ended } = session;
  if (!ended) throw new Error(`${id} is still open: it can be copied as a test when it has ended.`);
  const [text, server] = await Promise.all([api.text(`sessions/${id}/transcript`), rustServerOf(session)]);
  const lines = numberedAfresh(text).split('\n').slice(0, -1);
  const isLong = lines.length > MOST_LINES;
  const { rust, ...expected } = isLong ? inFile(`${id}.session`, id) : inCode(lines);
  const how = isLong ? ` The lines are compared with the file ${id}.session, which has to be made once.` : '';
  copyAsTest(`Fails if the next session is not like ${id}. Numbers of messages may differ.${how}`, {
    ...scripts([PLAIN, expected, BEGIN, HERE, opened(1, 1), EACH_ENDED, alike({ curl: 'expected', python: 'expected', javascript: 'expected' }, transcript(0))]),
    rust: rustTest('the_session_is_as_before', [...server, RUST_HERE, ALL_ENDED, ...rust]),
  });
}

export function pairAsTest() {
  copyAsTest('Fails if the next two sessions are not alike. Numbers of messages may differ.', {
    ...scripts([PLAIN, BEGIN, HERE, opened(2, 2), EACH_ENDED, alike(transcript(0), transcript(1))]),
    rust: rustTest('both_sessions_are_alike', [RUST_START, RUST_HERE, ALL_ENDED, `    let lines = |session: usize| {
        let text = server.transcript_of(server.sessions()[session].no).to_string();
        server.messages().iter().rev().fold(text, |text, mail| text.replace(&mail.no().to_string(), "m#"))
    };
    assert_eq!(lines(0), lines(1));`]),
  });
}

// As many sessions match the filters as these. Words that are searched are left out.
export function listAsTest(filters, sessions) {
  const count = sessions.length;
  const isAnyOpen = sessions.some(({ ended }) => !ended);
  const conditions = Object.entries(filters).map(([name, value]) => CONDITIONS[name](value));
  const each = (language, write) => conditions.map((its) => its[language]).filter(Boolean).map(write).join('');
  const all = request('GET', query('sessions', Object.assign({}, ...conditions.map(({ parameters }) => parameters))));
  copyAsTest(`Fails unless ${count === 1 ? 'one session' : `${count} sessions`} as in the list ${count === 1 ? 'is' : 'are'} opened after the code began.`, {
    ...scripts([BEGIN, HERE, opened(count, MOST), ...(isAnyOpen ? [] : [EACH_ENDED]), {
      curl: `${all.curl} | jq -e ${quoted.curl(`[.sessions[] | select(.id | IN($ARGS.positional[]))${each('jq', (its) => ` | select(${its})`)}] | length == ${count}`)} --args "\${opened[@]}"`,
      python: `sessions = [its for its in ${all.python}["sessions"] if its["id"] in opened]\n${each('python', (its) => `sessions = [its for its in sessions if ${its}]\n`)}assert len(sessions) == ${count}, sessions`,
      javascript: `const sessions = (${all.javascript}).sessions.filter((its) => opened.includes(its.id))${each('javascript', (its) => `\n  .filter((its) => ${its})`)};\nassert.equal(sessions.length, ${count});`,
    }]),
    rust: rustTest('the_sessions_are_as_many', [
      RUST_START,
      RUST_HERE,
      ...(isAnyOpen ? [] : [ALL_ENDED]),
      `    let ${conditions.length ? 'mut ' : ''}sessions = server.sessions();`,
      `${each('rust', (its) => `    sessions.retain(|its| ${its});\n`)}    assert_eq!(sessions.len(), ${count}, "{sessions:#?}");`,
    ]),
  });
}

// ---- steps

// Keeps the sessions that were opened after the test began, when they are so many; no more than `most`.
function opened(count, most) {
  const { curl, python, javascript } = request('GET', `journal?after={after}&kind=opened&limit=${most}${count ? `&wait=10s&count=${count}` : ''}`);
  return {
    curl: `opened=($(${curl} | jq -r '.records[].session'))`,
    python: `opened = [its["session"] for its in ${python}["records"]]`,
    javascript: `const opened = (${javascript}).records.map((its) => its.session);`,
  };
}
const MOST = 1_000_000;

const END = request('GET', 'journal?session={session}&kind=ended&wait=10s');
const EACH_ENDED = {
  curl: `for session in "\${opened[@]}"; do ${END.curl} >/dev/null; done`,
  python: `for session in opened:\n    ${END.python}`,
  javascript: `for (const session of opened) ${END.javascript};`,
};

const transcript = (index) => request('GET', `sessions/{opened[${index}]}/transcript`);

// A transcript without the numbers of messages.
const PLAIN = {
  curl: `plain() { sed -E 's/${NUMBER}/\\1m#/g'; }`,
  python: `import re\n\ndef plain(text):\n    return re.sub(r"${NUMBER}", r"\\1m#", text)\n`,
  javascript: `const plain = (text) => text.replace(/${NUMBER}/g, "$1m#");`,
};

const alike = (first, second) => ({
  curl: `diff <(${first.curl} | plain) <(${second.curl} | plain)`,
  python: `first, second = plain(${first.python}), plain(${second.python})\nassert first == second, f"{first}\\n{second}"`,
  javascript: `assert.equal(plain(${second.javascript}), plain(${first.javascript}));`,
});

// What is expected, as lines in the code, or in a file.
function inCode(lines) {
  const array = (quote, its, indent = '') => `[\n${its.map((line) => `${indent}    ${quote(line)},`).join('\n')}\n${indent}]`;
  const joined = array(quoted.python, [...lines, '']);
  return {
    curl: `expected() {\n  cat <<'END-OF-SESSION'\n${lines.join('\n')}\nEND-OF-SESSION\n}`,
    python: `expected = "\\n".join(${joined})`,
    javascript: `const expected = ${joined}.join("\\n");`,
    rust: [`    let expected = ${array(quoted.rust, lines, '    ')};`, '    assert_eq!(server.transcript().to_string().lines().collect::<Vec<_>>(), expected);'],
  };
}

function inFile(file, id) {
  return {
    curl: `# once: curl -sSf "$api/sessions/${id}/transcript" -o ${file}\nexpected() { cat ${file}; }`,
    python: `# once, before the code under test: open("${file}", "w", newline="").write(call("GET", "sessions/${id}/transcript"))\nwith open("${file}", newline="") as file:\n    expected = file.read()`,
    javascript: `import { readFile } from "node:fs/promises";\n// once: await writeFile("${file}", await call("GET", "sessions/${id}/transcript"));\nconst expected = await readFile("${file}", "utf8");`,
    rust: [`    // once: std::fs::write("${file}", server.transcript().to_string()).unwrap();`, `    assert_eq!(server.transcript().to_string(), std::fs::read_to_string("${file}").unwrap());`],
  };
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
  return [...rustServer(its, its.some(({ loaded }) => loaded) ? shipped : null, seed), ...note].filter(Boolean);
}

// The filters of the list, as parameters of the request, or as a condition in each language. Rust compares typed values.
const CONDITIONS = {
  listener: (value) => {
    const names = listenersOf(value);
    return { parameters: { listener: names.length === 1 ? value : `~^(${names.join('|')})$` }, rust: `${JSON.stringify(names)}.contains(&its.listener.name())` };
  },
  user: (value) => ({
    parameters: { user: `~(?i)${escaped(value)}` },
    rust: `its.user.as_deref().is_some_and(|user| user.to_lowercase().contains(${quoted.rust(value.toLowerCase())}))`,
  }),
  state: (value) => ({ parameters: { open: value === 'open' }, rust: `its.ended.${value === 'open' ? 'is_none' : 'is_some'}()` }),
  tls: (value) => TLS[value],
  outcome: (value) => OUTCOMES[value],
};

const TLS = {
  yes: { parameters: { tls: true }, rust: 'its.tls.is_some()' },
  no: { parameters: { tls: false }, rust: 'its.tls.is_none()' },
  failed: { parameters: { tls_failed: true }, rust: 'its.tls_failure.is_some()' },
};

const BAD = JSON.stringify(BAD_ENDINGS);
const OUTCOMES = {
  wrong: {
    jq: `.refused > 0 or .ended.unfinished != null or (.ended.ending | IN(${BAD.slice(1, -1)}))`,
    rust: `its.refused > 0
        || its.ended.is_some_and(|(_, ending)| ${BAD}.contains(&ending.name()))
        || server.findings().iter().any(|found| found.kind() == mailjig::FindingKind::IncompleteRequest && found.session() == its.no)`,
    python: `its["refused"] or its["ended"] and (its["ended"]["unfinished"] or its["ended"]["ending"] in ${BAD})`,
    javascript: `its.refused > 0 || its.ended?.unfinished || ${BAD}.includes(its.ended?.ending)`,
  },
  refused: { jq: '.refused > 0', rust: 'its.refused > 0', python: 'its["refused"] > 0', javascript: 'its.refused > 0' },
  rule: { jq: '.rules != []', rust: '!its.rules.is_empty()', python: 'its["rules"]', javascript: 'its.rules.length > 0' },
  unclean: {
    jq: '.ended != null and .ended.ending != "clean"',
    rust: 'its.ended.is_some_and(|(_, ending)| ending.name() != "clean")',
    python: 'its["ended"] and its["ended"]["ending"] != "clean"',
    javascript: 'its.ended && its.ended.ending !== "clean"',
  },
};
