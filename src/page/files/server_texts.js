// The environment of a server, and how clients trust its CA, as text.

const LISTENERS = ['smtp', 'submission', 'smtps', 'lmtp', 'imap', 'imaps', 'pop3', 'pop3s'];
// Programs often read where these are from variables without a prefix.
const USUAL = new Set(['smtp', 'imap', 'pop3']);
const CA = 'mailjig-ca.pem';

// The names of the listeners that a server has, in their order.
export const listenersOf = (endpoints) => LISTENERS.filter((name) => name in endpoints);
export { LISTENERS };

// The variables that `mailjig run` sets, one in a line.
export function environment(endpoints) {
  const lines = [...listenersOf(endpoints), 'http'].flatMap((name) => {
    const { host, port, url } = endpoints[name];
    const facts = [['HOST', host], ['PORT', port], ['URL', url]];
    const prefixes = USUAL.has(name) ? ['MAILJIG_', ''] : ['MAILJIG_'];
    return facts.flatMap(([fact, value]) => prefixes.map((prefix) => `${prefix}${name.toUpperCase()}_${fact}=${value}`));
  });
  return [...lines, `MAILJIG_URL=${endpoints.http.url}`, `MAILJIG_CA_FILE=${CA}`].join('\n');
}

// How to trust the CA, by the name of what trusts it. `url` is where the certificate is.
export function trust(url) {
  return {
    'the file': `curl -sS -o ${CA} '${url}'\n`,
    curl: `curl --cacert ${CA} …\n`,
    Python: `import ssl

tls = ssl.create_default_context(cafile="${CA}")

# or, for a program that uses the defaults:
#   SSL_CERT_FILE=${CA} python program.py
`,
    'Node.js': `// in the options of the client:
tls: { ca: readFileSync('${CA}') }

// or, for a program that you do not change:
//   NODE_EXTRA_CA_CERTS=${CA} node program.js
`,
    'Rust, lettre': `use lettre::transport::smtp::client::{Certificate, TlsParameters};

let ca = Certificate::from_pem(&std::fs::read("${CA}").unwrap()).unwrap();
let tls = TlsParameters::builder("127.0.0.1".to_owned()).add_root_certificate(ca).build().unwrap();
`,
    Java: `keytool -importcert -noprompt -alias mailjig -file ${CA} \\
  -keystore mailjig.p12 -storetype PKCS12 -storepass changeit
java -Djavax.net.ssl.trustStore=mailjig.p12 -Djavax.net.ssl.trustStorePassword=changeit …
`,
    Go: `pem, err := os.ReadFile("${CA}")
if err != nil {
\tlog.Fatal(err)
}
pool := x509.NewCertPool()
pool.AppendCertsFromPEM(pem)
config := &tls.Config{RootCAs: pool, ServerName: "127.0.0.1"}
`,
    Debian: `sudo cp ${CA} /usr/local/share/ca-certificates/mailjig.crt
sudo update-ca-certificates
`,
  };
}

export function tlsOf({ implicit_tls: isImplicit, starttls }) {
  if (isImplicit) return 'from the start';
  return { never: 'no', offered: 'STARTTLS, offered', 'before-login': 'STARTTLS before a login', 'before-anything': 'STARTTLS before anything' }[starttls];
}
