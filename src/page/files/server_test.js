// Copy as test: a server like the one that is open, for one test.

import { copyAsTest, quoted } from './page.js';
import { LISTENERS, listenersOf } from './client_lines.js';

const RUST = { smtp: 'Smtp', submission: 'Submission', smtps: 'Smtps', lmtp: 'Lmtp', imap: 'Imap', imaps: 'Imaps', pop3: 'Pop3', pop3s: 'Pop3s' };
const STARTTLS = { never: 'Never', offered: 'Offered', 'before-login': 'BeforeLogin', 'before-anything': 'BeforeAnything' };

// `api` is the URL of the main server's resources.
export function copyServerAsTest(server, api) {
  const listeners = listenersOf(server.endpoints);
  const starttls = Object.fromEntries(listeners.map((name) => [name, server.endpoints[name].starttls]).filter(([, when]) => when !== null));
  const submission = server.endpoints.submission ?? server.endpoints.smtps;
  const body = {
    listeners,
    starttls,
    ...(submission && { require_auth: submission.login_required }),
    ...(server.accounts?.length && { accounts: server.accounts }),
    ...(server.scenario && { scenario: server.scenario }),
  };
  copyAsTest('Starts a server like this one for a test, checks that it has the same listeners, and verifies its rules when it is removed.', {
    curl: curl(api, body),
    rust: rust(body),
    python: python(api, body),
    javascript: javascript(api, body),
  });
}

function curl(api, body) {
  const listeners = JSON.stringify([...body.listeners].sort());
  return `set -e
server=$(curl -sS --fail-with-body -X POST ${quoted.curl(`${api}/servers`)} --json ${quoted.curl(JSON.stringify(body))}) || { echo "$server" >&2; exit 1; }
echo "$server" | jq -e ${quoted.curl(`(.endpoints | keys - ["http"]) == ${listeners}`)}

# Here, run the code under test: it connects to the ports in .endpoints.

curl -sS --fail-with-body -X DELETE "$(echo "$server" | jq -r .url)"
`;
}

function python(api, body) {
  const listeners = JSON.stringify([...body.listeners].sort());
  return `import json
import urllib.error
import urllib.request

def ask(method, url, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"}, method=method)
    try:
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        raise AssertionError(json.load(error)["detail"]) from None

body = json.loads(${quoted.python(JSON.stringify(body))})
server = ask("POST", ${quoted.python(`${api}/servers`)}, body)
assert sorted(set(server["endpoints"]) - {"http"}) == ${listeners}

# Here, run the code under test: it connects to the ports in server["endpoints"].

ask("DELETE", server["url"])  # an error, with a report, if a rule or an expectation is not met
`;
}

function javascript(api, body) {
  const listeners = JSON.stringify([...body.listeners].sort());
  return `import assert from 'node:assert/strict';

async function ask(method, url, body) {
  const answer = await fetch(url, { method, headers: { 'Content-Type': 'application/json' }, body: body && JSON.stringify(body) });
  const its = await answer.json();
  assert.ok(answer.ok, its.detail);
  return its;
}

const server = await ask('POST', ${quoted.javascript(`${api}/servers`)}, ${JSON.stringify(body)});
assert.deepEqual(Object.keys(server.endpoints).filter((name) => name !== 'http').sort(), ${listeners});

// Here, run the code under test: it connects to the ports in server.endpoints.

await ask('DELETE', server.url); // an error, with a report, if a rule or an expectation is not met
`;
}

function rust({ listeners, starttls, require_auth: requiresLogin, accounts = [], scenario }) {
  const calls = [
    ...LISTENERS.filter((name) => !listeners.includes(name)).map((name) => `.without(Listener::${RUST[name]})`),
    ...Object.entries(starttls).map(([name, when]) => `.starttls(Listener::${RUST[name]}, StartTls::${STARTTLS[when]})`),
    requiresLogin !== undefined && `.submission_requires_auth(${requiresLogin})`,
    ...accounts.map(({ login, password }) => `.account(${quoted.rust(login)}, ${quoted.rust(password)})`),
    scenario && `.scenario(Scenario::named(${quoted.rust(scenario)}))`,
    '.start();',
  ].filter(Boolean);
  const urls = listeners.map((name) => `server.${name}().url()`).join(', ');
  return `use mailjig::prelude::*;
use mailjig::{Listener, StartTls};

#[test]
fn the_code_under_test_uses_a_server_like_this_one() {
    let server = MailServer::builder()
        ${calls.join('\n        ')}
    let urls = [${urls}];

    // Here, run the code under test: it connects to these URLs.
    println!("{urls:?}");

    server.verify().block(); // panics with a report if a rule or an expectation is not met
}
`;
}
