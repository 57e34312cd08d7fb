//! DKIM signatures made by other implementations.

use std::process::Command;

use clients::support::{folder, interpreter, is_there, run};
use mailjig::matchers::dkim_valid;
use mailjig::{DkimFailureKind, DkimKeys, DkimSignature, MailServer};

#[path = "clients/mod.rs"]
mod clients;

/// The key of RFC 8463 appendix A.2.
const ED25519: &str = "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";
const ED25519_SEED: &str = "nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=";

/// A new RSA key: in PEM, and as the text of a TXT record.
fn rsa() -> (String, String) {
    let secret = run(Command::new("openssl").args(["genrsa", "-traditional", "2048"]), "");
    let public = run(Command::new("openssl").args(["rsa", "-pubout"]), &secret);
    let octets: String = public.lines().filter(|line| !line.starts_with('-')).collect();
    (secret, format!("v=DKIM1; k=rsa; p={octets}"))
}

#[test]
fn signatures_of_dkimpy_are_valid() {
    if !is_there("PyPI dkimpy") || !is_there("openssl") {
        return;
    }
    let server = MailServer::start();
    let (secret, public) = rsa();
    let keys = DkimKeys::of("rsa._domainkey.example.org", &public).and("ed25519._domainkey.example.org", ED25519);

    let mut python = interpreter("venv");
    python.env("MAIL_PORT", server.smtp().port().to_string()).env("RSA_KEY", &secret);
    run(python.env("ED25519_SEED", ED25519_SEED).arg(folder().join("dkim_sign.py")), "");

    let messages = server.messages();
    assert_eq!(messages.len(), 16);
    for mail in &messages {
        let signatures = mail.dkim(&keys);
        let valid: Vec<bool> = signatures.iter().map(DkimSignature::is_valid).collect();
        assert_eq!(valid, [true], "{signatures:?}\n{}", String::from_utf8_lossy(mail.raw()));
    }
}

#[test]
fn signatures_of_nodemailer_are_valid() {
    if !is_there("nodemailer") || !is_there("openssl") {
        return;
    }
    let server = MailServer::start();
    let (secret, public) = rsa();
    let script = "
        const transport = require('nodemailer').createTransport({
          host: '127.0.0.1', port: process.env.MAIL_PORT, ignoreTLS: true,
          dkim: { domainName: 'example.org', keySelector: 'may', privateKey: process.env.RSA_KEY },
        });
        transport.sendMail({
          from: 'Ann <ann@example.org>', to: 'bob@example.org', subject: 'Grüße  aus Köln', text: 'häll  o \\n\\n',
          attachments: [{ filename: 'bill.pdf', content: 'x'.repeat(5000) }],
        }).then(() => transport.close());";

    let port = server.smtp().port().to_string();
    run(interpreter("node").env("MAIL_PORT", port).env("RSA_KEY", &secret).args(["-e", script]), "");

    let signed = server.only(dkim_valid(DkimKeys::of("may._domainkey.example.org", &public)));
    assert!(signed.dkim(&DkimKeys::any(&public))[0].signed.iter().any(|name| name.eq_ignore_ascii_case("subject")));
    let (_, other) = rsa();
    let failure = signed.dkim(&DkimKeys::any(&other))[0].failure.clone().unwrap();
    assert_eq!(failure.kind, DkimFailureKind::Signature);
}
