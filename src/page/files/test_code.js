// What the code of "Copy as test" has in common in all views. Code for curl, Python and JavaScript is a list of steps, each
// `{ curl, python, javascript }`; in a path, `{name}` stands for a variable. A test in Rust starts a server of its own.

import { absolute, withQuery } from './api.js';

// Text as a literal: in a shell, in Rust, in Python or JavaScript.
export const quoted = {
  curl: (text) => `'${text.replaceAll("'", "'\\''")}'`,
  rust: (text) => JSON.stringify(text).replace(/\\u([0-9a-f]{4})/g, '\\u{$1}').replaceAll('\\b', '\\u{8}').replaceAll('\\f', '\\u{c}'),
  python: (text) => JSON.stringify(text),
  javascript: (text) => JSON.stringify(text),
};

// A path with parameters, as people write it.
export const query = (path, parameters) => withQuery(path, parameters).replace(/%(40|3A|2F|2C|7E|28|29)/g, decodeURIComponent);

const comment = (text) => ({ curl: `# ${text}`, python: `# ${text}`, javascript: `// ${text}` });

// Where the code under test runs.
export const HERE = comment('Here, run the code under test.');
export const RUST_HERE = '    // Here, run the code under test: it connects to server.smtp().url(), server.imap().url() …';

// A request as an expression.
export function request(method, path, body, type) {
  const isFormatted = path.includes('{');
  const filled = path.replaceAll('{', '${');
  const texts = [body, type].filter(Boolean);
  const list = ['', ...texts.map(quoted.python)].join(', ');
  return {
    curl: ['call', method, `"${filled}"`, ...texts.map(quoted.curl)].join(' '),
    python: `call("${method}", ${isFormatted ? 'f' : ''}"${path}"${list})`,
    javascript: `await call("${method}", ${isFormatted ? `\`${filled}\`` : `"${path}"`}${list})`,
  };
}

// A request whose answer is not needed.
export function call(...its) {
  const { curl, python, javascript } = request(...its);
  return { curl, python, javascript: `${javascript};` };
}

// A request that may fail.
export function attempt(...its) {
  const { curl, python, javascript } = request(...its);
  return {
    curl: `${curl} 2>/dev/null || true`,
    python: `try:\n    ${python}\nexcept AssertionError:\n    pass`,
    javascript: `${javascript}.catch(() => {});`,
  };
}

// A request, and a variable with its answer, or with what `member` names in it, such as `.records[0].session`.
export function keep(name, member, ...its) {
  const { curl, python, javascript } = request(...its);
  return {
    curl: `${name}=$(${curl}${member && ` | jq -er '${member}'`})`,
    python: `${name} = ${python}${member.replace(/\.(\w+)/g, '["$1"]')}`,
    javascript: `const ${name} = ${member ? `(${javascript})${member}` : javascript};`,
  };
}

// Fails unless that is found in the variable. `found` has an expression in each language.
export function expect(name, { jq, python, javascript }, value) {
  const expected = JSON.stringify(value);
  return {
    curl: `jq -e ${quoted.curl(`${jq} == ${expected}`)} <<<"$${name}"`,
    python: `assert ${python} == ${expected}, ${name}`,
    javascript: `assert.deepEqual(${javascript}, ${expected});`,
  };
}

// What was sent or opened before the test does not count.
export const BEGIN = keep('after', '.next', 'GET', 'messages?order=newest&limit=1');

// The code with these steps. `api` is where the resources of the server are.
export function scripts(steps, api = absolute('').replace(/\/$/, '')) {
  const code = (language) => [BEGINNING[language](api), ...steps.map((step) => step[language]), ''].join('\n');
  return { curl: code('curl'), python: code('python'), javascript: code('javascript') };
}

const BEGINNING = {
  curl: (api) => `#!/usr/bin/env bash
set -eo pipefail
api=${quoted.curl(api)}

call() { # METHOD PATH [BODY [TYPE]]
  local answer
  answer=$(curl -sS --fail-with-body -X "$1" "$api/$2" \${3:+-H "Content-Type: \${4:-application/json}" --data-binary "$3"}) ||
    { jq -r .detail <<<"$answer" >&2; return 1; }
  printf '%s\\n' "$answer"
}
`,
  python: (api) => `import json
import urllib.error
import urllib.request

API = ${quoted.python(api)}

def call(method, path, body=None, type="application/json"):
    request = urllib.request.Request(f"{API}/{path}", body and body.encode(), {"Content-Type": type}, method=method)
    try:
        with urllib.request.urlopen(request) as answer:
            is_json = answer.headers.get_content_type() == "application/json"
            return json.load(answer) if is_json else answer.read().decode()
    except urllib.error.HTTPError as error:
        raise AssertionError(json.load(error)["detail"]) from None
`,
  javascript: (api) => `import assert from "node:assert/strict";

const api = ${quoted.javascript(api)};

async function call(method, path, body, type = "application/json") {
  const answer = await fetch(\`\${api}/\${path}\`, { method, body, headers: body && { "Content-Type": type } });
  const isJson = answer.headers.get("content-type")?.includes("json");
  const its = isJson ? await answer.json() : await answer.text();
  assert.ok(answer.ok, its.detail);
  return its;
}
`,
};

// A test in Rust: statements, the first of which start the server.
export function rustTest(name, statements, uses = '') {
  return `use mailjig::prelude::*;\n${uses}\n#[test]\nfn ${name}() {\n${statements.join('\n')}\n}\n`;
}

export const RUST_START = '    let server = MailServer::start();';
