//! The keys of a profile, in scenarios and in the step `tls`.

use std::sync::Arc;

use super::{ClientAuth, ClientCa, GROUPS, Profile, SUITES, Version};
use crate::base::Certificate;
use crate::document::{Form, Key, Node, Reader, Table, Tree, word, words};

pub(crate) const CERT: Key =
    Key::new("cert", Form::Words(certificates), "The certificate; see the [list](crate::manual::tls#certificates).")
        .example(r#"cert = "expired""#);

pub(crate) const MIN: Key =
    Key::new("min", Form::Words(|| words(&Version::COMPLETE)), "The lowest version of TLS. Default: `\"1.2\"`.")
        .example(r#"min = "1.3""#);

pub(crate) const MAX: Key = Key::new(
    "max",
    Form::Words(|| words(&Version::ALL)),
    "The highest version of TLS. With `\"1.0\"` or `\"1.1\"` the server answers as an old server does, until the client refuses or goes on. Default: `\"1.3\"`.",
)
.example(r#"max = "1.2""#);

pub(crate) const SUITES_KEY: Key = Key::new(
    "suites",
    Form::OneOrMore(&Form::Words(|| SUITES.to_vec())),
    "The cipher suites, in the server's order of preference, by their names in the registry of IANA. Default: all of these.",
)
.example(r#"suites = ["TLS_AES_128_GCM_SHA256"]"#);

pub(crate) const GROUPS_KEY: Key = Key::new(
    "groups",
    Form::OneOrMore(&Form::Words(|| GROUPS.to_vec())),
    "The groups for the key exchange, in the server's order of preference. Default: all of these.",
)
.example(r#"groups = ["secp384r1"]"#);

pub(crate) const CLIENT_CERT: Key = Key::new(
    "client_cert",
    Form::Words(|| words(&ClientAuth::ALL)),
    "Whether the client is asked for a certificate: `\"none\"`, `\"requested\"`, `\"required\"`, or `\"refused\"`: whatever certificate it sends. Default: `\"none\"`, or `\"requested\"` if EXTERNAL is announced.",
)
.example(r#"client_cert = "required""#);

pub(crate) const CLIENT_CA: Key = Key::new(
    "client_ca",
    Form::Text,
    "Which CA must have signed the client's certificate: `\"own\"`, the server's; `\"any\"`, none: the certificate is only recorded; or the certificates of CAs, in PEM. Default: `\"own\"`.",
)
.example(r#"client_ca = "any""#);

pub(crate) const ALPN: Key = Key::new(
    "alpn",
    Form::TEXTS,
    "The application protocols (ALPN, RFC 7301), in the server's order of preference. A client that offers only others is refused. Default: none, so that ALPN is not negotiated.",
)
.example(r#"alpn = ["imap"]"#);

pub(crate) const RESUMPTION: Key = Key::new(
    "resumption",
    Form::Truth,
    "Whether clients can resume TLS sessions. A client that resumes does not verify the certificate again. Default: `false`.",
)
.example("resumption = true");

/// The keys of a profile.
const PROFILE: [Key; 9] = [CERT, MIN, MAX, SUITES_KEY, GROUPS_KEY, CLIENT_CERT, CLIENT_CA, ALPN, RESUMPTION];

fn certificates() -> Vec<&'static str> {
    Certificate::ALL.iter().map(|its| its.name()).collect()
}

impl Reader {
    pub(crate) fn certificate(&mut self, node: &Node) -> Option<Certificate> {
        let names: Vec<_> = Certificate::ALL.iter().map(|its| (its.name(), *its)).collect();
        self.word(node, "certificate", &names)
    }

    /// What a table says about a profile.
    pub(crate) fn profile(&mut self, table: Table<'_>) -> Profile {
        let profile = Profile {
            certificate: table.get(CERT.name).and_then(|its| self.certificate(its)),
            min: table.get(MIN.name).and_then(|its| self.word(its, "version of TLS", &Version::COMPLETE)),
            max: table.get(MAX.name).and_then(|its| self.word(its, "version of TLS", &Version::ALL)),
            suites: table.get(SUITES_KEY.name).map(|its| self.names(its, "cipher suite", &SUITES)),
            groups: table.get(GROUPS_KEY.name).map(|its| self.names(its, "group", &GROUPS)),
            client_auth: table.get(CLIENT_CERT.name).and_then(|its| self.word(its, "value", &ClientAuth::ALL)),
            client_ca: table.get(CLIENT_CA.name).and_then(|its| self.client_ca(its)),
            alpn: table.get(ALPN.name).map(|its| self.protocols(its)),
            resumption: table.get(RESUMPTION.name).and_then(|its| self.truth(its)),
        };
        if let (Some(min), Some(max)) = (profile.min, profile.max)
            && min > max
            && let Some(its) = table.get(MIN.name)
        {
            self.wrong(&its.place, format!("`min` is {}, which is above `max`, {}", min.name(), max.name()));
        }
        profile
    }

    /// Names of a list.
    fn names(&mut self, node: &Node, what: &str, known: &[&'static str]) -> Arc<[&'static str]> {
        let words: Vec<_> = known.iter().map(|name| (*name, *name)).collect();
        node.items().iter().filter_map(|item| self.word(item, what, &words)).collect()
    }

    /// Application protocols: RFC 7301 §3.1 allows 1 to 255 octets.
    fn protocols(&mut self, node: &Node) -> Arc<[Box<str>]> {
        let protocols = self.texts(node);
        for (protocol, place) in &protocols {
            if !(1..=255).contains(&protocol.len()) {
                self.wrong(place, "an application protocol has 1 to 255 octets");
            }
        }
        protocols.into_iter().map(|(protocol, _)| protocol.into()).collect()
    }

    fn client_ca(&mut self, node: &Node) -> Option<ClientCa> {
        let text = self.text(node)?;
        self.parsed(&node.place, ClientCa::parse(&text))
    }
}

impl Profile {
    /// The keys that were given, with their values.
    pub(crate) fn print(&self) -> Tree {
        let names = |names: &Arc<[&'static str]>| Tree::List(names.iter().map(|name| Tree::text(name)).collect());
        let Self { certificate, min, max, suites, groups, client_auth, client_ca, alpn, resumption } = self;
        Tree::table([
            (CERT.name, certificate.map(|its| Tree::text(its.name()))),
            (MIN.name, min.map(|its| word(&its, &Version::ALL))),
            (MAX.name, max.map(|its| word(&its, &Version::ALL))),
            (SUITES_KEY.name, suites.as_ref().map(names)),
            (GROUPS_KEY.name, groups.as_ref().map(names)),
            (CLIENT_CERT.name, client_auth.map(|its| word(&its, &ClientAuth::ALL))),
            (CLIENT_CA.name, client_ca.as_ref().map(|its| Tree::text(its.written()))),
            (ALPN.name, alpn.as_ref().map(|its| Tree::List(its.iter().map(|its| Tree::text(its)).collect()))),
            (RESUMPTION.name, resumption.map(Tree::Truth)),
        ])
    }
}

/// Whether a table has a key of a profile.
pub(crate) fn has_profile(table: Table<'_>) -> bool {
    PROFILE.iter().any(|key| table.get(key.name).is_some())
}
