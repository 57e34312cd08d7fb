//! Every certificate against clients of OpenSSL and GnuTLS, over every way to TLS: each accepts or refuses it, with its
//! reason. A tool that is not installed is skipped, unless `MAILJIG_ALL_CLIENTS` is set.

use std::process::Command;

use clients::support::{is_there, output};
use clients::tls_client::WAYS;
use mailjig::matchers::session;
use mailjig::{Certificate, Listener, MailServer, Protocol, TlsProfile};

#[path = "clients/mod.rs"]
mod clients;

/// What OpenSSL and GnuTLS say about a certificate. Empty if they accept it.
fn wanted(certificate: Certificate) -> [&'static str; 2] {
    let unknown = ["unable to get local issuer certificate", "The certificate issuer is unknown"];
    let other_name = ["hostname mismatch", "The name in the certificate does not match"];
    match certificate {
        Certificate::Good
        | Certificate::Renewed
        | Certificate::Rsa
        | Certificate::Ed25519
        | Certificate::ManyNames
        | Certificate::Unordered
        | Certificate::NeedsSni
        | Certificate::CaAsLeaf
        // Both look at the common name if there are no other names.
        | Certificate::CnOnly
        // Neither was given the CRL.
        | Certificate::Revoked
        // Both connect to `localhost`.
        | Certificate::NoIp => ["", ""],
        Certificate::WildcardPartial | Certificate::WildcardBare | Certificate::Wildcard | Certificate::WrongHost => {
            other_name
        }
        Certificate::LongChain => ["certificate chain too long", "Error in the certificate"],
        Certificate::Expired => ["certificate has expired", "uses expired certificate"],
        Certificate::NotYetValid => ["certificate is not yet valid", "uses not yet valid certificate"],
        Certificate::SelfSigned => ["self-signed certificate", "The certificate issuer is unknown"],
        Certificate::UnknownCa | Certificate::MissingIntermediate => unknown,
        Certificate::WrongOrder => ["unsuitable certificate purpose", "Key usage violation"],
        Certificate::WrongUsage => ["unsuitable certificate purpose", "does not match the intended purpose"],
        Certificate::WrongKey => ["bad signature", "Public key signature verification has failed"],
        Certificate::Garbage => ["asn1 encoding routines", "Error in DER parsing"],
        other => panic!("what do clients say about {other}?"),
    }
}

fn openssl(server: &MailServer, listener: Listener) -> Command {
    let mut command = Command::new("openssl");
    let port = server.endpoint(listener).port();
    command.args(["s_client", "-brief", "-servername", "localhost", "-verify_hostname", "localhost"]);
    command.args(["-verify_return_error", "-connect", &format!("127.0.0.1:{port}"), "-CAfile"]).arg(server.ca_file());
    if !listener.implicit_tls() {
        command.args(["-starttls", starttls(listener)]);
    }
    command
}

fn gnutls(server: &MailServer, listener: Listener) -> Command {
    let mut command = Command::new("gnutls-cli");
    let port = server.endpoint(listener).port();
    command.args(["localhost", "-p", &port.to_string(), "--x509cafile"]).arg(server.ca_file());
    if !listener.implicit_tls() {
        command.arg(format!("--starttls-proto={}", starttls(listener)));
    }
    command
}

fn starttls(listener: Listener) -> &'static str {
    match listener.protocol() {
        Protocol::Smtp => "smtp",
        Protocol::Lmtp => "lmtp",
        Protocol::Imap => "imap",
        Protocol::Pop3 => "pop3",
        other => panic!("{other:?} has no TLS"),
    }
}

type Tool = (&'static str, fn(&MailServer, Listener) -> Command);

/// The verdicts of a tool that are not as wanted.
fn wrong((name, tool): Tool, index: usize) -> Vec<String> {
    if !is_there(name) {
        return Vec::new();
    }
    let mut wrong = Vec::new();
    for certificate in Certificate::ALL.iter().filter(|its| **its != Certificate::Own) {
        let server = MailServer::builder().tls(TlsProfile::new().certificate(*certificate)).start();
        let wanted = wanted(*certificate)[index];
        for listener in WAYS {
            let output = output(&mut tool(&server, listener), "QUIT\r\na LOGOUT\r\n");
            let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
            if output.status.success() != wanted.is_empty() || !text.contains(wanted) {
                wrong.push(format!("{certificate} over {listener}: not {wanted:?}, but {}: {text}", output.status));
            }
        }
        assert!(certificate.must_be_refused() <= !wanted.is_empty(), "{certificate} must be refused");
        assert!(certificate.must_be_accepted() <= wanted.is_empty(), "{certificate} must be accepted");
    }
    wrong
}

#[test]
fn openssl_accepts_and_refuses_as_it_must() {
    let wrong = wrong(("openssl", openssl), 0);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_client_that_accepts_an_old_version_is_told_from_one_that_does_not() {
    if !is_there("openssl") {
        return;
    }
    let old = ["-min_protocol", "TLSv1", "-cipher", "ALL:@SECLEVEL=0"];
    for (version, words, options) in [
        ("1.0", "the client accepted TLS 1.0", &old[..]),
        ("1.1", "the client accepted TLS 1.1", &old[..]),
        ("1.0", "the client refused with the TLS alert protocol_version", &["-min_protocol", "TLSv1.2"][..]),
    ] {
        let server = MailServer::builder().tls(TlsProfile::new().max(version)).start();
        output(openssl(&server, Listener::Imaps).args(options), "");
        let failed = server.wait_for_session(session::tls_failed()).block().tls_failure.unwrap();
        assert!(failed.reason.starts_with(words), "{}", failed.reason);
    }
}

#[test]
fn gnutls_accepts_and_refuses_as_it_must() {
    let wrong = wrong(("gnutls-cli", gnutls), 1);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
