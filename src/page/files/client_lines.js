// Texts about a server for programs: lines for clients that send or read mail through an endpoint, the environment, the CA, a
// test. They run as they are; `ca` is the name of the file with the certificate of the CA.

import { copyAsTest } from './page.js';
import { HERE, call, expect, keep, quoted, rustTest, scripts } from './test_code.js';

const MAIL = 'Subject: hello\\r\\n\\r\\nHello.\\r\\n';

const sh = quoted.curl;
const js = quoted.javascript;
const py = quoted.python;
const rs = quoted.rust;

// The lines by the name of the client. `endpoint` is `{ listener, host, port, implicit_tls }`; `options` is `{ ca,
// starttls, login, password }`, where an empty login stands for none.
export function clientLines(endpoint, options) {
  const tls = endpoint.implicit_tls ? 'implicit' : options.starttls ? 'starttls' : 'none';
  const its = { ...endpoint, ...options, tls, authority: `${endpoint.host.includes(':') ? `[${endpoint.host}]` : endpoint.host}:${endpoint.port}` };
  const { listener } = endpoint;
  if (listener === 'lmtp') return { swaks: swaks(its), smtplib: smtplib(its), nodemailer: nodemailer(its) };
  if (listener.startsWith('imap')) return { curl: curlReads(its, 'imap'), imaplib: imaplib(its), imapflow: imapflow(its), 'Jakarta Mail': jakarta(its, 'imap') };
  if (listener.startsWith('pop3')) return { curl: curlReads(its, 'pop3'), poplib: poplib(its), 'Jakarta Mail': jakarta(its, 'pop3') };
  return { curl: curlSends(its), swaks: swaks(its), lettre: lettre(its), smtplib: smtplib(its), nodemailer: nodemailer(its), 'Jakarta Mail': jakarta(its, 'smtp') };
}

const continued = (flags) => flags.filter(Boolean).map((flag) => ` \\\n  ${flag}`).join('');

function curlFlags({ ca, tls, login, password }) {
  return continued([tls !== 'none' && `--cacert ${ca}`, tls === 'starttls' && '--ssl-reqd', login && `--user ${sh(`${login}:${password}`)}`]);
}

function curlSends(its) {
  const url = `${its.tls === 'implicit' ? 'smtps' : 'smtp'}://${its.authority}`;
  return `printf '${MAIL}' | curl -sS --url '${url}' --upload-file - \\\n  --mail-from ann@example.org --mail-rcpt bob@example.org${curlFlags(its)}\n`;
}

function curlReads(its, protocol) {
  return `curl -sS --url '${protocol}${its.tls === 'implicit' ? 's' : ''}://${its.authority}/'${curlFlags(its)}\n`;
}

function swaks({ ca, listener, host, port, tls, login, password }) {
  const flags = continued([
    listener === 'lmtp' && '--protocol LMTP',
    tls === 'starttls' && '--tls',
    tls === 'implicit' && '--tls-on-connect',
    tls !== 'none' && `--tls-verify --tls-ca-path ${ca}`,
    login && `--auth PLAIN --auth-user ${sh(login)} --auth-password ${sh(password)}`,
  ]);
  return `swaks --server ${sh(host)} --port ${port} --from ann@example.org --to bob@example.org${flags}\n`;
}

function lettre({ ca, host, port, tls, login, password }) {
  const trust = tls === 'none' ? '' : `
    let ca = Certificate::from_pem(&std::fs::read("${ca}").unwrap()).unwrap();
    let tls = TlsParameters::builder(${rs(host)}.to_owned()).add_root_certificate(ca).build().unwrap();`;
  const uses = [
    login && 'use lettre::transport::smtp::authentication::Credentials;',
    tls !== 'none' && 'use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};',
    'use lettre::{Message, SmtpTransport, Transport};',
  ];
  const calls = [
    `.port(${port})`,
    tls !== 'none' && `.tls(Tls::${tls === 'implicit' ? 'Wrapper' : 'Required'}(tls))`,
    login && `.credentials(Credentials::new(${rs(login)}.to_owned(), ${rs(password)}.to_owned()))`,
    '.build();',
  ];
  return `${uses.filter(Boolean).join('\n')}

fn main() {${trust}
    let client = SmtpTransport::builder_dangerous(${rs(host)})
        ${calls.filter(Boolean).join('\n        ')}
    let mail = Message::builder()
        .from("ann@example.org".parse().unwrap())
        .to("bob@example.org".parse().unwrap())
        .subject("hello")
        .body("Hello.".to_owned())
        .unwrap();
    client.send(&mail).unwrap();
}
`;
}

function python(module, { ca, tls }, lines) {
  const imports = tls === 'none' ? `import ${module}` : `import ${module}\nimport ssl`;
  const trust = tls !== 'none' && `tls = ssl.create_default_context(cafile="${ca}")`;
  return `${imports}\n\n${[trust, ...lines].filter(Boolean).join('\n')}\n`;
}

function smtplib(its) {
  const { listener, host, port, tls, login, password } = its;
  const name = listener === 'lmtp' ? 'LMTP' : tls === 'implicit' ? 'SMTP_SSL' : 'SMTP';
  return python('smtplib', its, [
    `with smtplib.${name}(${py(host)}, ${port}${tls === 'implicit' ? ', context=tls' : ''}) as client:`,
    tls === 'starttls' && '    client.starttls(context=tls)',
    login && `    client.login(${py(login)}, ${py(password)})`,
    `    client.sendmail("ann@example.org", ["bob@example.org"], "${MAIL}")`,
  ]);
}

function imaplib(its) {
  const { host, port, tls, login, password } = its;
  return python('imaplib', its, [
    `with imaplib.IMAP4${tls === 'implicit' ? '_SSL' : ''}(${py(host)}, ${port}${tls === 'implicit' ? ', ssl_context=tls' : ''}) as client:`,
    tls === 'starttls' && '    client.starttls(tls)',
    login && `    client.login(${py(login)}, ${py(password)})`,
    '    print(client.select("INBOX"))',
    '    print(client.search(None, "ALL"))',
  ]);
}

function poplib(its) {
  const { host, port, tls, login, password } = its;
  return python('poplib', its, [
    `client = poplib.POP3${tls === 'implicit' ? '_SSL' : ''}(${py(host)}, ${port}${tls === 'implicit' ? ', context=tls' : ''})`,
    tls === 'starttls' && 'client.stls(context=tls)',
    login && `client.user(${py(login)})`,
    login && `client.pass_(${py(password)})`,
    'print(client.stat())',
    'client.quit()',
  ]);
}

const readsCa = (tls) => (tls === 'none' ? '' : "import { readFileSync } from 'node:fs';\n");
const auth = ({ login, password }) => login && `  auth: { user: ${js(login)}, pass: ${js(password)} },`;

function nodemailer(its) {
  const { ca, listener, host, port, tls } = its;
  const lines = [
    `  host: ${js(host)},`,
    `  port: ${port},`,
    listener === 'lmtp' && '  lmtp: true,',
    tls === 'none' && '  ignoreTLS: true,',
    tls === 'starttls' && '  requireTLS: true,',
    tls === 'implicit' && '  secure: true,',
    tls !== 'none' && `  tls: { ca: readFileSync('${ca}') },`,
    auth(its),
  ];
  return `${readsCa(tls)}import nodemailer from 'nodemailer';

const client = nodemailer.createTransport({
${lines.filter(Boolean).join('\n')}
});
await client.sendMail({ from: 'ann@example.org', to: 'bob@example.org', subject: 'hello', text: 'Hello.' });
`;
}

function imapflow(its) {
  const { ca, host, port, tls } = its;
  const lines = [
    `  host: ${js(host)},`,
    `  port: ${port},`,
    `  secure: ${tls === 'implicit'},`,
    tls !== 'implicit' && `  doSTARTTLS: ${tls === 'starttls'},`,
    tls !== 'none' && `  tls: { ca: readFileSync('${ca}') },`,
    auth(its),
    '  logger: false,',
  ];
  return `${readsCa(tls)}import { ImapFlow } from 'imapflow';

const client = new ImapFlow({
${lines.filter(Boolean).join('\n')}
});
await client.connect();
console.log(await client.mailboxOpen('INBOX'));
await client.logout();
`;
}

// Properties of `jakarta.mail.Session`; a backslash starts an escape in a file of properties.
function jakarta({ host, port, tls, login }, protocol) {
  const lines = [
    protocol === 'smtp' ? 'mail.transport.protocol=smtp' : `mail.store.protocol=${protocol}`,
    `mail.${protocol}.host=${host}`,
    `mail.${protocol}.port=${port}`,
    tls === 'starttls' && `mail.${protocol}.starttls.enable=true\nmail.${protocol}.starttls.required=true`,
    tls === 'implicit' && `mail.${protocol}.ssl.enable=true`,
    protocol === 'smtp' && login && 'mail.smtp.auth=true',
    login && `mail.${protocol}.user=${login.replaceAll('\\', '\\\\')}`,
  ];
  return `${lines.filter(Boolean).join('\n')}\n`;
}

// ---- the environment of a server, and how clients trust its CA, as text

const LISTENERS = ['smtp', 'submission', 'smtps', 'lmtp', 'imap', 'imaps', 'pop3', 'pop3s'];
// Programs often read where these are from variables without a prefix.
const USUAL = new Set(['smtp', 'imap', 'pop3']);

// The names of the listeners that a server has, in their order.
export const listenersOf = (endpoints) => LISTENERS.filter((name) => name in endpoints);
export { LISTENERS };

// The variables that `mailjig run` sets, one in a line.
export function environment(endpoints, ca) {
  const lines = [...listenersOf(endpoints), 'http'].flatMap((name) => {
    const { host, port, url } = endpoints[name];
    const facts = [['HOST', host], ['PORT', port], ['URL', url]];
    const prefixes = USUAL.has(name) ? ['MAILJIG_', ''] : ['MAILJIG_'];
    return facts.flatMap(([fact, value]) => prefixes.map((prefix) => `${prefix}${name.toUpperCase()}_${fact}=${value}`));
  });
  return [...lines, `MAILJIG_URL=${endpoints.http.url}`, `MAILJIG_CA_FILE=${ca}`].join('\n');
}

// How to trust the CA, by the name of what trusts it. `url` is where the certificate is.
export function trust(url, ca) {
  return {
    'the file': `curl -sS -o ${ca} '${url}'\n`,
    curl: `curl --cacert ${ca} …\n`,
    Python: `import ssl

tls = ssl.create_default_context(cafile="${ca}")

# or, for a program that uses the defaults:
#   SSL_CERT_FILE=${ca} python program.py
`,
    'Node.js': `// in the options of the client:
tls: { ca: readFileSync('${ca}') }

// or, for a program that you do not change:
//   NODE_EXTRA_CA_CERTS=${ca} node program.js
`,
    'Rust, lettre': `use lettre::transport::smtp::client::{Certificate, TlsParameters};

let ca = Certificate::from_pem(&std::fs::read("${ca}").unwrap()).unwrap();
let tls = TlsParameters::builder("127.0.0.1".to_owned()).add_root_certificate(ca).build().unwrap();
`,
    Java: `keytool -importcert -noprompt -alias ${ca.replace(/\.pem$/, '')} -file ${ca} \\
  -keystore mailjig.p12 -storetype PKCS12 -storepass changeit
java -Djavax.net.ssl.trustStore=mailjig.p12 -Djavax.net.ssl.trustStorePassword=changeit …
`,
    Go: `pem, err := os.ReadFile("${ca}")
if err != nil {
\tlog.Fatal(err)
}
pool := x509.NewCertPool()
pool.AppendCertsFromPEM(pem)
config := &tls.Config{RootCAs: pool, ServerName: "127.0.0.1"}
`,
    Debian: `sudo cp ${ca} /usr/local/share/ca-certificates/${ca.replace(/pem$/, 'crt')}
sudo update-ca-certificates
`,
  };
}

export function tlsOf({ implicit_tls: isImplicit, starttls }) {
  if (isImplicit) return 'from the start';
  return { never: 'no', offered: 'STARTTLS, offered', 'before-login': 'STARTTLS before a login', 'before-anything': 'STARTTLS before anything' }[starttls];
}

// ---- copy as test: a server like the one that is open

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
