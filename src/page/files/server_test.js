// Copy as test: a server like the one that is open, for one test.

import { LISTENERS, listenersOf } from './client_lines.js';
import { copyAsTest } from './page.js';
import { HERE, call, expect, keep, quoted, rustTest, scripts } from './test_code.js';

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
  const found = { jq: 'keys - ["http"]', python: 'sorted(set(endpoints) - {"http"})', javascript: 'Object.keys(endpoints).filter((name) => name !== "http").sort()' };
  copyAsTest('Starts a server like this one for a test, checks that it has the same listeners, and verifies its rules when it is removed.', {
    ...scripts([
      keep('server', '.id', 'POST', 'servers', JSON.stringify(body)),
      keep('endpoints', '.endpoints', 'GET', 'servers/{server}/endpoints'),
      expect('endpoints', found, [...listeners].sort()),
      HERE,
      call('DELETE', 'servers/{server}'),
    ], api),
    rust: rust(body),
  });
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
  return rustTest('the_code_under_test_uses_a_server_like_this_one', [
    `    let server = MailServer::builder()\n        ${calls.join('\n        ')}`,
    `    // Here, run the code under test: it connects to ${listeners.map((name) => `server.${name}().url()`).join(', ')}.`,
    '    server.verify().block();',
  ], 'use mailjig::{Listener, StartTls};\n');
}
