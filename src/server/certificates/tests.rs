//! Every certificate, as a strict client of the TLS library sees it.

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::ring;
use rustls::pki_types::{CertificateRevocationListDer, ServerName, UnixTime};
use rustls::{CertificateError, Error, RootCertStore};

use super::*;

/// What a client that trusts the root says about a certificate for this name.
fn verdict(certificates: &Certificates, certificate: Certificate, name: &str, checks_revocation: bool) -> String {
    let mut roots = RootCertStore::empty();
    roots.add(certificates.authority_der()).unwrap();
    let mut verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::new(ring::default_provider()));
    if checks_revocation {
        verifier = verifier.with_crls(certificates.crls().map(CertificateRevocationListDer::from));
    }
    let issued = certificates.issued(certificate).unwrap();
    let certified = issued.certified();
    let (first, rest) = certified.cert.split_first().unwrap();
    let name = ServerName::try_from(name.to_owned()).unwrap();
    match verifier.build().unwrap().verify_server_cert(first, rest, &name, &[], UnixTime::now()) {
        Ok(_) => "ok".to_owned(),
        Err(Error::InvalidCertificate(CertificateError::Other(other))) => format!("{other:?}"),
        Err(Error::InvalidCertificate(error)) => format!("{error:?}").split([' ', '(', '{']).next().unwrap().to_owned(),
        Err(error) => error.to_string(),
    }
}

/// What the client says if it connects to `localhost`, and if it connects to `127.0.0.1`.
fn wanted(certificate: Certificate) -> [&'static str; 2] {
    match certificate {
        Certificate::Good
        | Certificate::Renewed
        | Certificate::Rsa
        | Certificate::Ed25519
        | Certificate::ManyNames
        | Certificate::Unordered
        | Certificate::Own
        | Certificate::NeedsSni
        | Certificate::Revoked
        // The signature of the handshake is wrong, not the certificate.
        | Certificate::WrongKey => ["ok"; 2],
        Certificate::NoIp => ["ok", "NotValidForNameContext"],
        Certificate::WrongHost
        | Certificate::CnOnly
        | Certificate::Wildcard
        | Certificate::WildcardBare
        | Certificate::WildcardPartial => ["NotValidForNameContext"; 2],
        Certificate::LongChain => ["OtherError(MaximumPathDepthExceeded)"; 2],
        Certificate::CaAsLeaf => ["OtherError(CaUsedAsEndEntity)"; 2],
        Certificate::Expired => ["ExpiredContext"; 2],
        Certificate::NotYetValid => ["NotValidYetContext"; 2],
        Certificate::SelfSigned | Certificate::UnknownCa | Certificate::MissingIntermediate => ["UnknownIssuer"; 2],
        Certificate::WrongOrder => ["OtherError(CaUsedAsEndEntity)"; 2],
        Certificate::WrongUsage => ["InvalidPurposeContext"; 2],
        Certificate::Garbage => ["BadEncoding"; 2],
    }
}

#[test]
fn every_certificate_has_its_defect_and_no_other() {
    let certificates = Certificates::new("localhost", &[]);
    let good = certificates.issued(Certificate::Good).unwrap();
    certificates.set_own(&OwnCertificate::Pem { chain: good.chain_pem(), key: good.key_pem() }).unwrap();
    let mut wrong = Vec::new();
    for certificate in Certificate::ALL {
        let said = ["localhost", "127.0.0.1"].map(|name| verdict(&certificates, *certificate, name, false));
        if said != wanted(*certificate) {
            wrong.push(format!("{certificate}: {said:?}, not {:?}", wanted(*certificate)));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(verdict(&certificates, Certificate::Revoked, "localhost", true), "Revoked");
    assert_eq!(verdict(&certificates, Certificate::Good, "localhost", true), "ok");
    // Clients want two labels behind a wildcard.
    let certificates = Certificates::new("example.org", &[]);
    assert_eq!(verdict(&certificates, Certificate::Wildcard, "mail.example.org", false), "ok");
    assert_eq!(verdict(&certificates, Certificate::Wildcard, "a.mail.example.org", false), "NotValidForNameContext");
    // A wildcard for what is below the one would be valid for the other.
    let certificates = Certificates::new("mail.example.org", &["example.org".to_owned()]);
    assert_eq!(verdict(&certificates, Certificate::Wildcard, "mail.example.org", false), "NotValidForNameContext");
    assert_eq!(verdict(&certificates, Certificate::Wildcard, "a.mail.example.org", false), "ok");
}

#[test]
#[cfg(feature = "api")]
fn certificates_say_where_the_crl_is_as_soon_as_that_is_known() {
    let certificates = Certificates::new("localhost", &[]);
    let url = "http://127.0.0.1:8025/v1/tls/crl";
    let says = |certificate| {
        let issued = certificates.issued(certificate).unwrap();
        issued.leaf().windows(url.len()).any(|its| its == url.as_bytes())
    };

    assert!(!says(Certificate::Good));
    certificates.set_crl_url(url.to_owned());
    assert!(says(Certificate::Revoked) && says(Certificate::Renewed));
    assert_eq!(verdict(&certificates, Certificate::Revoked, "localhost", true), "Revoked");
    assert_eq!(verdict(&certificates, Certificate::Renewed, "localhost", true), "ok");
}

#[test]
fn the_key_belongs_to_the_certificate_except_where_it_must_not() {
    let certificates = Certificates::new("localhost", &[]);
    for certificate in Certificate::ALL.iter().filter(|its| **its != Certificate::Own) {
        let matches = certificates.certified(*certificate, Some("localhost")).unwrap().keys_match();
        let has_own_key =
            !matches!(certificate, Certificate::WrongKey | Certificate::Garbage | Certificate::WrongOrder);
        assert_eq!(matches.is_ok(), has_own_key, "{certificate}");
    }
}

#[test]
fn certificates_are_made_once_and_a_renewed_one_is_another() {
    let certificates = Certificates::new("localhost", &[]);
    let of = |certificate, sni| certificates.certified(certificate, sni).unwrap();
    let good = of(Certificate::Good, None);

    assert!(Arc::ptr_eq(&good, &of(Certificate::Good, Some("localhost"))));
    assert_ne!(good.cert[0], of(Certificate::Renewed, None).cert[0]);
    assert_ne!(of(Certificate::NeedsSni, None).cert[0], of(Certificate::NeedsSni, Some("localhost")).cert[0]);
    assert_eq!(of(Certificate::NeedsSni, None).cert.len(), 1);
}

#[test]
fn a_certificate_of_the_servers_own_is_checked() {
    let certificates = Certificates::new("localhost", &[]);
    let pair = |certificate| {
        let issued = certificates.issued(certificate).unwrap();
        (issued.chain_pem(), issued.key_pem())
    };
    let ((good, key), (_, other)) = (pair(Certificate::Good), pair(Certificate::Expired));
    let garbage = pem("CERTIFICATE", b"garbage");
    for (chain, key, wanted) in [
        (&*good, &*key, Ok(())),
        ("", &*key, Err("there is no certificate in PEM")),
        (&*good, "", Err("there is no private key in PEM")),
        (&*good, &*other, Err("the private key does not belong to the certificate")),
        (&*garbage, &*key, Err("the certificate cannot be read: ")),
    ] {
        let set = certificates.set_own(&OwnCertificate::Pem { chain: chain.to_owned(), key: key.to_owned() });
        let is_wanted = match (&set, wanted) {
            (Ok(()), Ok(())) => true,
            (Err(error), Err(wanted)) => error.starts_with(wanted),
            (Ok(()), Err(_)) | (Err(_), Ok(())) => false,
        };
        assert!(is_wanted, "{set:?}, not {wanted:?}");
    }
    assert_eq!(certificates.issued(Certificate::Own).unwrap().chain_pem(), good, "the last valid one stays");
}

#[test]
fn a_wildcard_that_is_a_whole_label_is_not_a_partial_one() {
    let certificates = Certificates::new("a.example.org", &[]);
    let said = verdict(&certificates, Certificate::WildcardPartial, "a.example.org", false);
    assert_eq!(said, "NotValidForNameContext");
}
