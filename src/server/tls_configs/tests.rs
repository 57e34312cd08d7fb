//! Configurations, by their handshakes with a client of the same library.

use rustls::client::ResolvesClientCert;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, ClientConnection, HandshakeKind, ServerConnection};

use super::*;
use crate::base::Certificate;
use crate::rule::profile::{GROUPS, SUITES};
use crate::scenario::fragments;

fn configs() -> TlsConfigs {
    TlsConfigs::new(Certificates::new("mail.example.org", &[]))
}

/// A client that offers these versions and application protocols, and a certificate if it has one.
fn client(
    configs: &TlsConfigs,
    versions: &[&'static SupportedProtocolVersion],
    alpn: &[&str],
    certificate: Option<Arc<dyn ResolvesClientCert>>,
) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(configs.certificates.authority_der()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::clone(&configs.provider));
    let config = config.with_protocol_versions(versions).unwrap().with_root_certificates(roots);
    let mut config = match certificate {
        Some(certificate) => config.with_client_cert_resolver(certificate),
        None => config.with_no_client_auth(),
    };
    config.alpn_protocols = alpn.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
    config
}

/// A certificate of a client, with its key.
fn of_client(configs: &TlsConfigs) -> CertifiedKey {
    let pem = configs.client_certificate("bob@example.org");
    let chain = CertificateDer::pem_slice_iter(pem.as_bytes()).collect::<Result<_, _>>().unwrap();
    CertifiedKey::from_der(chain, PrivateKeyDer::from_pem_slice(pem.as_bytes()).unwrap(), &configs.provider).unwrap()
}

/// What both sides negotiate; or the error of the server; or, if the server accepts, the error of the client.
fn agreed(configs: &TlsConfigs, profile: &Profile, client: ClientConfig) -> Result<String, String> {
    let name = ServerName::try_from("localhost").unwrap();
    let mut client = ClientConnection::new(Arc::new(client), name).unwrap();
    let mut server = ServerConnection::new(configs.config(profile, Some("localhost")).unwrap()).unwrap();
    shake_hands(&mut client, &mut server)?;
    let version = server.protocol_version().unwrap();
    let alpn = server.alpn_protocol().map_or("none".into(), String::from_utf8_lossy);
    let is_known = if server.peer_certificates().is_some() { "known" } else { "unknown" };
    Ok(format!("{version:?}, ALPN {alpn}, client {is_known}"))
}

/// Exchanges flights until both sides are done, with what the server sends after the handshake.
fn shake_hands(client: &mut ClientConnection, server: &mut ServerConnection) -> Result<(), String> {
    while client.is_handshaking() || server.is_handshaking() || server.wants_write() {
        let mut sent = Vec::new();
        while client.wants_write() {
            client.write_tls(&mut sent).unwrap();
        }
        server.read_tls(&mut &sent[..]).unwrap();
        server.process_new_packets().map_err(|error| format!("server: {error}"))?;
        let mut sent = Vec::new();
        while server.wants_write() {
            server.write_tls(&mut sent).unwrap();
        }
        let mut sent = &sent[..];
        while !sent.is_empty() {
            client.read_tls(&mut sent).unwrap();
            client.process_new_packets().map_err(|error| format!("client: {error}"))?;
        }
    }
    Ok(())
}

/// A profile with the keys of a scenario.
fn profile(keys: &[(&str, &[&str])]) -> Profile {
    let mut profile = Profile::default();
    for (key, values) in keys {
        profile.fill(&fragments::profile(key, values).unwrap());
    }
    profile
}

#[test]
fn a_configuration_follows_its_profile() {
    let configs = configs();
    let own = || Some(Arc::new(SingleCertAndKey::from(of_client(&configs))) as Arc<_>);
    let strange = TlsConfigs::new(Certificates::new("mail.example.org", &[]));
    let strange = || Some(Arc::new(SingleCertAndKey::from(of_client(&strange))) as Arc<_>);
    let both: &[&'static SupportedProtocolVersion] = &[&TLS13, &TLS12];
    let client = |versions, alpn: &[&str], certificate| client(&configs, versions, alpn, certificate);
    let plain = || client(both, &[], None);
    let foreign_ca = TlsConfigs::new(Certificates::new("mail.example.org", &[]));
    let given_ca = [foreign_ca.ca()];
    let given_ca: [(&str, &[&str]); 2] = [("client_cert", &["required"]), ("client_ca", &given_ca)];
    type Keys<'k> = &'k [(&'k str, &'k [&'k str])];
    let rows: Vec<(&str, Keys<'_>, ClientConfig, Result<&str, &str>)> = vec![
        ("the default", &[], client(both, &["imap"], None), Ok("TLSv1_3, ALPN none, client unknown")),
        ("an older client", &[], client(&[&TLS12], &[], None), Ok("TLSv1_2, ALPN none, client unknown")),
        ("TLS 1.2", &[("max", &["1.2"])], plain(), Ok("TLSv1_2, ALPN none, client unknown")),
        ("TLS 1.3", &[("min", &["1.3"])], client(&[&TLS12], &[], None), Err("server: peer is incompatible")),
        (
            "ALPN",
            &[("alpn", &["imap", "imap4"])],
            client(both, &["imap4", "imap"], None),
            Ok("TLSv1_3, ALPN imap, client unknown"),
        ),
        (
            "another ALPN",
            &[("alpn", &["imap", "imap4"])],
            client(both, &["h2"], None),
            Err("server: peer doesn't support any known protocol"),
        ),
        ("no ALPN", &[("alpn", &["imap"])], plain(), Ok("TLSv1_3, ALPN none, client unknown")),
        ("requested", &[("client_cert", &["requested"])], plain(), Ok("TLSv1_3, ALPN none, client unknown")),
        ("required", &[("client_cert", &["required"])], plain(), Err("server: peer sent no certificates")),
        (
            "presented",
            &[("client_cert", &["required"])],
            client(both, &[], own()),
            Ok("TLSv1_3, ALPN none, client known"),
        ),
        (
            "of another CA",
            &[("client_cert", &["required"])],
            client(both, &[], strange()),
            Err("server: invalid peer certificate: UnknownIssuer"),
        ),
        (
            "of any CA",
            &[("client_cert", &["required"]), ("client_ca", &["any"])],
            client(both, &[], strange()),
            Ok("TLSv1_3, ALPN none, client known"),
        ),
        (
            "none of any CA",
            &[("client_cert", &["required"]), ("client_ca", &["any"])],
            plain(),
            Err("server: peer sent no certificates"),
        ),
        ("of a given CA", &given_ca, client(both, &[], own()), Err("server: invalid peer certificate: UnknownIssuer")),
        (
            "refused",
            &[("client_cert", &["refused"])],
            client(both, &[], own()),
            Err("server: invalid peer certificate: ApplicationVerificationFailure"),
        ),
        ("none to refuse", &[("client_cert", &["refused"])], plain(), Ok("TLSv1_3, ALPN none, client unknown")),
        ("expired", &[("cert", &["expired"])], plain(), Err("client: invalid peer certificate: certificate expired")),
        ("a wrong key", &[("cert", &["wrong-key"])], plain(), Err("client: invalid peer certificate: BadSignature")),
    ];
    for (name, keys, client, wanted) in rows {
        let agreed = agreed(&configs, &profile(keys), client);
        let is_wanted = match (&agreed, wanted) {
            (Ok(agreed), Ok(wanted)) => agreed == wanted,
            (Err(reason), Err(wanted)) => reason.starts_with(wanted),
            (Ok(_), Err(_)) | (Err(_), Ok(_)) => false,
        };
        assert!(is_wanted, "{name}: {agreed:?}");
    }
}

#[test]
fn every_suite_and_group_of_a_profile_can_be_negotiated_alone() {
    let configs = configs();
    let negotiated = |keys: &[(&str, &[&str])]| {
        let mut client = ClientConnection::new(
            Arc::new(client(&configs, &[&TLS13, &TLS12], &[], None)),
            ServerName::try_from("localhost").unwrap(),
        )
        .unwrap();
        let config = configs.config(&profile(keys), Some("localhost")).unwrap();
        let mut server = ServerConnection::new(config).unwrap();
        shake_hands(&mut client, &mut server).unwrap();
        let suite = server.negotiated_cipher_suite().map(|its| cipher_name(its.suite())).unwrap();
        let group = server.negotiated_key_exchange_group().map(|its| group_name(its.name())).unwrap();
        (suite, group)
    };
    for suite in SUITES {
        let certificate = if suite.contains("RSA_WITH") { "rsa" } else { "good" };
        assert_eq!(negotiated(&[("suites", &[suite]), ("cert", &[certificate])]).0, suite);
    }
    for group in GROUPS {
        assert_eq!(negotiated(&[("groups", &[group])]).1, group);
    }
    // The server's order counts.
    let [first, second] = ["TLS_CHACHA20_POLY1305_SHA256", "TLS_AES_128_GCM_SHA256"];
    assert_eq!(negotiated(&[("suites", &[first, second])]).0, first);
    assert_eq!(negotiated(&[("suites", &[second, first])]).0, second);
}

#[test]
fn a_profile_that_cannot_be_presented_says_why() {
    let configs = configs();
    for (keys, wanted) in [
        (
            &[("suites", &["TLS_AES_128_GCM_SHA256"][..]), ("max", &["1.2"])][..],
            "no cipher suite of the profile fits its versions of TLS",
        ),
        (&[("cert", &["own"])], "the server was given no certificate of its own"),
        (
            &[
                ("client_cert", &["required"]),
                ("client_ca", &["-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]),
            ],
            "`client_ca` has a certificate that cannot be a CA",
        ),
        (
            &[("client_cert", &["required"]), ("client_ca", &["-----BEGIN CERTIFICATE-----\n"])],
            "`client_ca` is not PEM",
        ),
    ] {
        let refused = configs.config(&profile(keys), None).unwrap_err();
        assert!(refused.starts_with(wanted), "{refused}");
    }
}

#[test]
fn sessions_can_be_resumed_only_if_the_profile_says_so() {
    let configs = configs();
    for version in [&TLS12, &TLS13] {
        for (is_on, wanted) in [("true", HandshakeKind::Resumed), ("false", HandshakeKind::Full)] {
            let profile = Profile { resumption: Some(is_on == "true"), ..Profile::default() };
            let config = configs.config(&profile, Some("localhost")).unwrap();
            let client = Arc::new(client(&configs, &[version], &[], None));
            let connect = || {
                let name = ServerName::try_from("localhost").unwrap();
                let mut client = ClientConnection::new(Arc::clone(&client), name).unwrap();
                let mut server = ServerConnection::new(Arc::clone(&config)).unwrap();
                shake_hands(&mut client, &mut server).unwrap();
                server.handshake_kind().unwrap()
            };
            assert_eq!(connect(), HandshakeKind::Full);
            assert_eq!(connect(), wanted, "{version:?}, resumption {is_on}");
        }
    }
}

#[test]
fn a_configuration_is_kept_for_its_profile_whatever_the_name() {
    let configs = configs();
    let certificate = |name| profile(&[("cert", &[name])]);
    let (good, needs_sni, expired) = (Profile::default(), certificate("needs-sni"), certificate("expired"));
    let name = Some("a.example.org");
    for (profile, sni, then, then_sni, is_same) in [
        (&good, name, &good, name, true),
        (&good, name, &good, Some("b.example.org"), true),
        (&good, name, &good, None, true),
        (&good, name, &expired, name, false),
        (&needs_sni, name, &needs_sni, Some("b.example.org"), true),
        (&needs_sni, name, &needs_sni, None, false),
        (&needs_sni, None, &needs_sni, None, true),
    ] {
        let (first, second) = (configs.config(profile, sni).unwrap(), configs.config(then, then_sni).unwrap());
        assert_eq!(Arc::ptr_eq(&first, &second), is_same, "{profile:?} {sni:?}, {then:?} {then_sni:?}");
    }
}

#[test]
fn many_profiles_do_not_fill_the_memory_and_one_in_use_stays() {
    let configs = configs();
    let used = configs.config(&Profile::default(), None).unwrap();
    let unused = configs.config(&profile(&[("alpn", &["unused"])]), None).unwrap();

    for n in 0..3 * MOST {
        configs.config(&profile(&[("alpn", &[&n.to_string()])]), None).unwrap();
        assert!(Arc::ptr_eq(&used, &configs.config(&Profile::default(), None).unwrap()), "after {n} others");
    }

    assert_eq!(configs.kept.lock().unwrap().len(), MOST);
    assert!(!Arc::ptr_eq(&unused, &configs.config(&profile(&[("alpn", &["unused"])]), None).unwrap()));
    assert_eq!(configs.kept.lock().unwrap().len(), MOST);
}

#[test]
fn a_certificate_of_the_servers_own_is_presented_from_when_it_is_set() {
    let configs = configs();
    let own = profile(&[("cert", &["own"])]);
    let set = |certificate| {
        let issued = configs.certificates.issued(certificate).unwrap();
        configs.set_own(&OwnCertificate::Pem { chain: issued.chain_pem(), key: issued.key_pem() }).unwrap();
        issued
    };
    let presented = || {
        let name = ServerName::try_from("localhost").unwrap();
        let client = client(&configs, &[&TLS13], &[], None);
        let mut client = ClientConnection::new(Arc::new(client), name).unwrap();
        let mut server = ServerConnection::new(configs.config(&own, Some("localhost")).unwrap()).unwrap();
        shake_hands(&mut client, &mut server).unwrap();
        client.peer_certificates().unwrap()[0].to_vec()
    };
    let other = configs.config(&Profile::default(), Some("localhost")).unwrap();

    for certificate in [Certificate::Good, Certificate::Renewed] {
        let issued = set(certificate);
        assert_eq!(presented(), issued.leaf(), "{certificate}");
    }
    let same = configs.config(&Profile::default(), Some("localhost")).unwrap();
    assert!(Arc::ptr_eq(&other, &same), "sessions with other certificates can still be resumed");
}
