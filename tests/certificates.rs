//! The certificates of a server: what OpenSSL and GnuTLS say of each, how to get them, and the server's own.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use clients::api_client::{ApiClient, NONE};
use clients::running::Running;
use clients::served::{Served, mailjig};
use clients::support::{is_there, output};
use clients::tls_client::{TlsClient, strict};
use mailjig::{Certificate, Listener, MailServer};
use serde_json::{Value, json};

#[path = "clients/mod.rs"]
mod clients;

/// A tool in this folder: whether it succeeded, and what it says.
fn tool(folder: &Path, command: &str) -> (bool, String) {
    let mut words = command.split(' ');
    let mut command = std::process::Command::new(words.next().unwrap());
    let done = output(command.args(words).current_dir(folder), "");
    let said = [done.stdout, done.stderr].concat();
    (done.status.success(), String::from_utf8_lossy(&said).into_owned())
}

/// What `openssl verify` says of a certificate for `localhost`, with these options.
fn openssl(folder: &Path, name: &str, options: &str) -> String {
    let verify = "openssl verify -CAfile ca.pem -purpose sslserver -verify_hostname localhost";
    let (is_valid, said) = tool(folder, &format!("{verify} -untrusted {name}.pem{options} {name}.der"));
    let reason = said.lines().find_map(|line| line.split_once(" lookup: ")).map(|(_, reason)| reason);
    if is_valid { "ok".to_owned() } else { reason.unwrap_or("cannot be read").to_owned() }
}

/// What `certtool --verify` says of it.
fn gnutls(folder: &Path, name: &str) -> String {
    let verify = "certtool --verify --load-ca-certificate ca.pem --verify-hostname localhost";
    let (is_valid, said) = tool(folder, &format!("{verify} --verify-purpose 1.3.6.1.5.5.7.3.1 --infile {name}.pem"));
    let reason = said.lines().filter_map(|line| line.split_once("The certificate is NOT trusted. ")).next_back();
    if is_valid { "ok".to_owned() } else { reason.map_or("cannot be read", |(_, reason)| reason.trim_end()).to_owned() }
}

#[test]
fn openssl_and_gnutls_give_each_certificate_its_verdict() {
    let has_gnutls = is_there("certtool");
    let (server, folder) = (Served::start(&[]), tempfile::tempdir().unwrap());
    let folder = folder.path();
    assert_eq!(server.told(&["certs", "--output", folder.to_str().unwrap()]), "");
    let mut table = format!("{:<20} {:<48} {}\n", "", "OpenSSL", "GnuTLS");
    for certificate in Certificate::ALL.iter().copied().filter(|its| *its != Certificate::Own) {
        let name = certificate.name();
        let verdicts = [openssl(folder, name, ""), if has_gnutls { gnutls(folder, name) } else { String::new() }];
        for verdict in verdicts.iter().filter(|its| !its.is_empty()) {
            assert!(!certificate.must_be_accepted() || verdict == "ok", "{name}: {verdict}");
            // A wrong key is not to be seen in the certificate.
            let is_visible = certificate != Certificate::WrongKey;
            assert!(!(certificate.must_be_refused() && is_visible) || verdict != "ok", "{name}: {verdict}");
        }
        table += &format!("{name:<20} {:<48} {}\n", verdicts[0], verdicts[1]);
        let (is_parsed, said) = tool(folder, &format!("openssl x509 -inform DER -in {name}.der -noout -subject"));
        assert_eq!(is_parsed, certificate != Certificate::Garbage, "{name}: {said}");
        assert!(tool(folder, &format!("openssl pkey -in {name}.key -noout")).0, "{name}");
    }
    for options in [" -CRLfile crl.pem -crl_check", " -CRLfile crl.pem -crl_check_all"] {
        assert_eq!(openssl(folder, "good", options), "ok", "{options}");
        assert_eq!(openssl(folder, "revoked", options), "certificate revoked", "{options}");
    }
    if has_gnutls {
        insta::assert_snapshot!(table);
    }
}

#[test]
fn certificates_are_listed_and_written_by_name() {
    let (server, folder) = (Served::start(&[]), tempfile::tempdir().unwrap());
    let written = folder.path().join("new");

    let list = server.told(&["certs"]);
    let row: Vec<&str> = list.lines().find(|row| row.starts_with("expired ")).unwrap().split_whitespace().collect();
    assert_eq!(row, ["expired", "refuse", "expired", "a", "week", "ago"]);
    let json: Value = serde_json::from_str(&server.told(&["certs", "--json"])).unwrap();
    assert_eq!(json, server.api().ok("/tls/certificates"));

    server.told(&["certs", "expired", "--output", written.to_str().unwrap()]);
    let mut files: Vec<_> = fs::read_dir(&written).unwrap().map(|its| its.unwrap().file_name()).collect();
    files.sort();
    assert_eq!(files, ["ca.pem", "crl.pem", "expired.der", "expired.key", "expired.pem"]);
    assert_eq!(fs::read_to_string(written.join("ca.pem")).unwrap(), server.told(&["ca"]));
    assert!(fs::read_to_string(written.join("expired.key")).unwrap().starts_with("-----BEGIN PRIVATE KEY-----"));
    let mode =
        std::os::unix::fs::PermissionsExt::mode(&fs::metadata(written.join("expired.key")).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600, "only the owner can read a key");

    for (arguments, status, wanted) in [
        (&["certs", "expird", "--output", "."][..], 2, "unknown certificate `expird`: did you mean `expired`?"),
        (&["certs", "expired"], 2, "--output <DIR>"),
        (&["certs", "own", "--output", written.to_str().unwrap()], 1, "the server was given no certificate of its own"),
    ] {
        let refused = server.ask(arguments);
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(refused.status.code() == Some(status) && said.contains(wanted), "{arguments:?}: {said}");
    }
}

#[test]
fn the_manual_has_the_table_of_all_certificates() {
    let manual = include_str!("../src/manual/tls.md");
    let rows = Certificate::ALL.iter().map(|its| {
        let must = match (its.must_be_accepted(), its.must_be_refused()) {
            (true, _) => "accept",
            (false, true) => "refuse",
            (false, false) => "either",
        };
        format!("| `{its}` | {must} | {} |\n", its.about())
    });
    let table = rows.collect::<String>();
    assert!(manual.contains(&table), "the table is to be:\n{table}");
}

#[test]
fn certificates_are_listed_and_returned_in_every_form() {
    let server = MailServer::start();
    let api = ApiClient::of(&server);

    let list = api.ok("/tls/certificates")["certificates"].take();
    assert_eq!(list.as_array().map(Vec::len), Some(Certificate::ALL.len() - 1), "all but `own`");
    let text = |row: &Value, member: &str| row[member].as_str().unwrap().to_owned();
    for row in list.as_array().unwrap() {
        let name = text(row, "name");
        let (certificate, path) = (Certificate::named(&name).unwrap(), format!("/tls/certificates/{name}"));
        let issued = server.certificate(certificate);
        assert_eq!(row["about"], certificate.about());
        assert_eq!(text(row, "client_must") == "refuse", certificate.must_be_refused(), "{name}");
        assert_eq!(text(row, "client_must") == "accept", certificate.must_be_accepted(), "{name}");
        assert_eq!(api.get(format!("{path}/chain.pem")).text(), issued.chain_pem());
        assert_eq!(api.get(format!("{path}/key.pem")).text(), issued.key_pem());
        let leaf = api.get(format!("{path}/leaf.der"));
        assert_eq!(
            (leaf.octets.as_slice(), leaf.header("content-type")),
            (issued.leaf_der(), vec!["application/pkix-cert"])
        );
        let digest = ring::digest::digest(&ring::digest::SHA256, issued.leaf_der());
        assert_eq!(text(row, "sha256"), data_encoding::HEXLOWER.encode(digest.as_ref()));
    }
    assert_eq!(api.get("/tls/ca.der").octets, pem_der(server.ca()));
    assert_eq!(api.get("/tls/crl").header("content-type"), ["application/pkix-crl"]);
    let crls = api.get("/tls/crl.pem").text();
    assert_eq!(crls.matches("BEGIN X509 CRL").count(), 2);
    let none = api.get("/tls/certificates/splendid/chain.pem").detail(404);
    assert_eq!(none, "there is no certificate splendid");
    let own = api.get("/tls/certificates/own/chain.pem").detail(404);
    assert_eq!(own, "the server was given no certificate of its own");
    let reload = api.post("/tls/reload", &NONE).detail(409);
    assert!(reload.contains("`--tls-cert` and `--tls-key`"), "{reload}");
}

/// The octets of the first block of a text.
fn pem_der(pem: &str) -> Vec<u8> {
    let base64: String = pem.lines().skip(1).take_while(|line| !line.starts_with("-----")).collect();
    data_encoding::BASE64.decode(base64.as_bytes()).unwrap()
}

#[test]
fn the_certificate_that_a_server_is_given_is_its_default() {
    let other = MailServer::start();
    let given = other.certificate(Certificate::Good);
    let server = MailServer::builder().own_certificate(&given.chain_pem(), &given.key_pem()).start();

    for listener in [Listener::Smtp, Listener::Imaps] {
        let client = TlsClient::connect(&server, listener, strict(&other), "localhost").unwrap();
        assert_eq!(client.tls.peer_certificates().unwrap()[0].as_ref(), given.leaf_der());
    }
    let api = ApiClient::of(&server);
    let list = api.ok("/tls/certificates");
    assert!(list["certificates"].as_array().unwrap().iter().any(|row| row["name"] == "own"));
    let key = api.get("/tls/certificates/own/key.pem").detail(404);
    assert_eq!(key, "the key of the certificate `own` is not given away");
}

/// Writes a certificate and its key into files.
fn write(folder: &Path, of: &MailServer, certificate: Certificate) {
    let issued = of.certificate(certificate);
    fs::write(folder.join("tls.pem"), issued.chain_pem()).unwrap();
    fs::write(folder.join("tls.key"), issued.key_pem()).unwrap();
}

#[test]
fn the_files_of_a_certificate_are_read_again_at_a_request_and_at_a_signal() {
    let (other, folder) = (MailServer::start(), tempfile::tempdir().unwrap());
    let folder = folder.path();
    write(folder, &other, Certificate::Good);
    let files = ["tls.pem", "tls.key"].map(|name| folder.join(name).display().to_string());
    let arguments = ["serve", "--ports", "auto", "--json", "--tls-cert", &files[0], "--tls-key", &files[1]];
    let mut command = mailjig(&arguments);
    let mut server = Running::start(command.stderr(Stdio::piped()));
    let ready: Value = serde_json::from_str(&server.line()).unwrap();
    let api = ApiClient::at(format!("{}/v1", ready["endpoints"]["http"]["url"].as_str().unwrap()));
    let presented = || api.get("/tls/certificates/own/leaf.der").octets;
    let leaf = |certificate| other.certificate(certificate).leaf_der().to_vec();
    assert_eq!(presented(), leaf(Certificate::Good));

    write(folder, &other, Certificate::Renewed);
    assert_eq!(presented(), leaf(Certificate::Good), "not before it is told to");
    assert_eq!(api.post("/tls/reload", &NONE).status, 204);
    assert_eq!(presented(), leaf(Certificate::Renewed));
    api.post("/servers", &json!({ "name": "further" })).expect(201);
    assert_eq!(api.post("/servers/further/tls/reload", &NONE).status, 204);

    fs::write(&files[1], "no key").unwrap();
    let why = format!("{}: there is no private key in PEM", files[1]);
    assert_eq!(api.post("/tls/reload", &NONE).detail(422), why);
    let mut stderr = std::io::BufReader::new(server.process.stderr.take().unwrap());
    let mut said = || {
        let mut line = String::new();
        std::io::BufRead::read_line(&mut stderr, &mut line).unwrap();
        line
    };
    server.signal("HUP");
    assert_eq!(said(), format!("mailjig: the certificate stays as it is: {why}\n"));
    assert_eq!(presented(), leaf(Certificate::Renewed));

    write(folder, &other, Certificate::Good);
    server.signal("HUP");
    assert_eq!(said(), "mailjig: the certificate was read again\n");
    assert_eq!(presented(), leaf(Certificate::Good));
}

#[test]
fn a_server_says_why_the_certificate_that_it_is_given_cannot_be_used() {
    let (other, folder) = (MailServer::start(), tempfile::tempdir().unwrap());
    let folder = folder.path();
    write(folder, &other, Certificate::Good);
    fs::write(folder.join("other.key"), other.certificate(Certificate::Renewed).key_pem()).unwrap();
    fs::write(folder.join("text"), "a text").unwrap();
    fs::write(folder.join("mailjig.toml"), "tls-cert = 'tls.pem'\n").unwrap();
    for (options, wanted) in [
        (&["--tls-cert", "tls.pem"][..], "`--tls-cert` needs `--tls-key`"),
        (&["--config", "mailjig.toml"], "`--tls-cert` needs `--tls-key`"),
        (&["--config", "mailjig.toml", "--tls-key", "text"], "text: there is no private key in PEM"),
        (&["--tls-key", "tls.key"], "`--tls-key` needs `--tls-cert`"),
        (&["--tls-cert", "none", "--tls-key", "tls.key"], "none cannot be read: No such file"),
        (&["--tls-cert", "text", "--tls-key", "tls.key"], "text: there is no certificate in PEM"),
        (&["--tls-cert", "tls.pem", "--tls-key", "text"], "text: there is no private key in PEM"),
        (
            &["--tls-cert", "tls.pem", "--tls-key", "other.key"],
            "other.key: the private key does not belong to the certificate",
        ),
    ] {
        let mut command = mailjig(&[&["serve", "--ports", "auto"], options].concat());
        let refused = output(command.current_dir(folder), "");
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(!refused.status.success() && said.contains(wanted), "{options:?}: {said}");
    }
}
