//! DIGEST-MD5 (RFC 2831, which RFC 6331 made historic), without protection of what follows the login (`qop="auth"`).

use std::borrow::Cow;

use data_encoding::{BASE64, HEXLOWER};
use md5::{Digest, Md5};
use ring::digest::{SHA256, digest};

use super::text::forms;
use super::{Context, Credentials, Failure, LoginVerdict, Mechanism, Password, SaslExchange, SaslStep, Secret};
use crate::base::is_identifier;

pub(super) const MECHANISM: Mechanism =
    Mechanism::new("DIGEST-MD5", Secret::Proof, |context| Box::new(DigestMd5::Challenge(Challenge::new(context))))
        .server_first()
        .optional();

#[derive(Debug)]
enum DigestMd5 {
    Challenge(Challenge),
    /// The login is proven, and the challenge is the server's proof.
    Proven(String, LoginVerdict),
}

#[derive(Debug)]
struct Challenge {
    realm: String,
    nonce: String,
}

impl SaslExchange for DigestMd5 {
    /// RFC 2831 §2.1.1, §2.1.3.
    fn challenge(&self) -> Vec<u8> {
        match self {
            Self::Challenge(Challenge { realm, nonce }) => {
                format!(r#"realm="{realm}",nonce="{nonce}",qop="auth",charset=utf-8,algorithm=md5-sess"#).into_bytes()
            }
            Self::Proven(proof, _) => format!("rspauth={proof}").into_bytes(),
        }
    }

    fn is_random(&self) -> bool {
        true
    }

    fn has_credentials_next(&self) -> bool {
        matches!(self, Self::Challenge(_))
    }

    fn login(&self) -> Option<&str> {
        match self {
            Self::Challenge(_) => None,
            Self::Proven(_, verdict) => Some(&verdict.login),
        }
    }

    fn step(&self, response: &[u8], credentials: &dyn Credentials) -> SaslStep {
        let Ok(text) = std::str::from_utf8(response) else { return SaslStep::Malformed("it is not UTF-8") };
        match self {
            Self::Challenge(challenge) => challenge.check(text, credentials).unwrap_or_else(SaslStep::Malformed),
            Self::Proven(..) if !text.is_empty() => {
                SaslStep::Malformed("the answer to the server's proof must be empty")
            }
            Self::Proven(_, verdict) => SaslStep::Verdict(verdict.clone()),
        }
    }
}

impl Challenge {
    fn new(context: &Context<'_>) -> Self {
        let nonce = digest(&SHA256, format!("digest {}", context.timestamp()).as_bytes());
        Self { realm: context.host.to_owned(), nonce: BASE64.encode(&nonce.as_ref()[..18]) }
    }

    /// RFC 2831 §2.1.2.
    fn check(&self, text: &str, credentials: &dyn Credentials) -> Result<SaslStep, &'static str> {
        let directives =
            directives(text).ok_or("it must be a list such as username=\"bob\",nonce=\"…\",nc=00000001")?;
        let find =
            |name: &str| directives.iter().find(|(its, _)| its.eq_ignore_ascii_case(name)).map(|(_, its)| &**its);
        let login = find("username").ok_or("it needs username, nonce, cnonce, nc, digest-uri and response")?;
        let need = |name| find(name).ok_or("it needs username, nonce, cnonce, nc, digest-uri and response");
        let (nonce, cnonce, count) = (need("nonce")?, need("cnonce")?, need("nc")?);
        let (uri, response) = (need("digest-uri")?, need("response")?);
        let realm = find("realm").unwrap_or_default();
        if !is_identifier(login) {
            return Err("the user name is empty or has control characters");
        }
        if nonce != self.nonce || count != "00000001" {
            return Err("the nonce or its count is not that of the challenge");
        }
        if find("qop").is_some_and(|qop| qop != "auth") {
            return Err("qop must be auth");
        }
        if !uri.contains('/') {
            return Err("digest-uri must be a service, a slash and a host");
        }
        let authzid = find("authzid").filter(|its| !its.is_empty());
        if authzid.is_some_and(|authzid| authzid != login) {
            return Err("authorization as another user is not supported");
        }
        let password = match credentials.password(login) {
            Password::Any => return Ok(SaslStep::Impossible(NO_PASSWORD)),
            Password::Is(password) => Some(password),
            Password::Unknown => None,
        };
        let session = Session { login, realm, nonce, cnonce, authzid, uri };
        let proves = |password: &Cow<'_, str>| session.proof(password, "AUTHENTICATE") == response;
        Ok(match password.and_then(|password| forms(password).find(proves)) {
            Some(password) => {
                let proof = session.proof(&password, "");
                SaslStep::Next(Box::new(DigestMd5::Proven(proof, LoginVerdict::new(login, None))))
            }
            None => SaslStep::Verdict(LoginVerdict::new(login, Some(Failure::Password))),
        })
    }
}

const NO_PASSWORD: &str = "DIGEST-MD5 needs an account with a password, and there is no list of accounts";

/// The values that both proofs contain.
struct Session<'a> {
    login: &'a str,
    realm: &'a str,
    nonce: &'a str,
    cnonce: &'a str,
    authzid: Option<&'a str>,
    uri: &'a str,
}

impl Session<'_> {
    /// RFC 2831 §2.1.2.1. The proof of the client has the method `AUTHENTICATE`, that of the server has none.
    fn proof(&self, password: &str, method: &str) -> String {
        let Self { login, realm, nonce, cnonce, authzid, uri } = self;
        let hex = |text: &[u8]| HEXLOWER.encode(&Md5::digest(text));
        let secret = [octets(login), octets(realm), octets(password)].join(&b':');
        let mut first = Md5::digest(secret).to_vec();
        first.extend_from_slice(format!(":{nonce}:{cnonce}").as_bytes());
        if let Some(authzid) = authzid {
            first.extend_from_slice(format!(":{authzid}").as_bytes());
        }
        let second = hex(format!("{method}:{uri}").as_bytes());
        hex(format!("{}:{nonce}:00000001:{cnonce}:auth:{second}", hex(&first)).as_bytes())
    }
}

/// The octets of a name or a password: those of ISO 8859-1 if it can be written so (RFC 2831 §2.1.2.1).
fn octets(text: &str) -> Vec<u8> {
    let latin: Option<Vec<u8>> = text.chars().map(|c| u8::try_from(u32::from(c)).ok()).collect();
    latin.unwrap_or_else(|| text.as_bytes().to_vec())
}

/// The directives of a response: a name, `=`, and a word or a quoted text; with commas between them (RFC 2831 §2.1.2, §7.1).
fn directives(text: &str) -> Option<Vec<(&str, String)>> {
    let mut all: Vec<(&str, String)> = Vec::new();
    let mut rest = text.trim_start_matches([',', ' ']);
    while !rest.is_empty() {
        let (name, behind) = rest.split_once('=')?;
        let (value, behind) = match behind.strip_prefix('"') {
            Some(quoted) => unquoted(quoted)?,
            None => {
                let end = behind.find(',').unwrap_or(behind.len());
                (behind[..end].trim_end().to_owned(), &behind[end..])
            }
        };
        let is_new = all.iter().all(|(its, _)| !its.eq_ignore_ascii_case(name));
        let is_ended = behind.is_empty() || behind.trim_start().starts_with(',');
        if !is_new || !is_ended {
            return None;
        }
        all.push((name.trim_end(), value));
        rest = behind.trim_start_matches([',', ' ']);
    }
    Some(all)
}

/// The content of a quoted text up to its end, and what is behind it.
fn unquoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => value.push(chars.next()?.1),
            c => value.push(c),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Store, verdict};
    use super::*;

    /// RFC 2831 §4.
    #[test]
    fn the_proofs_are_those_of_the_rfc() {
        let session = Session {
            login: "chris",
            realm: "elwood.innosoft.com",
            nonce: "OA6MG9tEQGm2hh",
            cnonce: "OA6MHXh6VqTrRk",
            authzid: None,
            uri: "imap/elwood.innosoft.com",
        };

        assert_eq!(session.proof("secret", "AUTHENTICATE"), "d388dad90d4bbd760a152321f2143af7");
        assert_eq!(session.proof("secret", ""), "ea40f60335c427b5527b84dbabcdfffd");
    }

    #[test]
    fn a_name_is_hashed_in_iso_8859_1_if_it_can_be() {
        assert_eq!(octets("bär"), b"b\xe4r");
        assert_eq!(octets("€"), "€".as_bytes());
    }

    /// A response to the challenge of the first session, with the proof for this password.
    fn response(login: &str, password: &str) -> String {
        let nonce = &Challenge::new(&context()).nonce;
        let session = Session { login, realm: "test", nonce, cnonce: "abc", authzid: None, uri: "imap/test" };
        let proof = session.proof(password, "AUTHENTICATE");
        format!(
            "charset=utf-8,username=\"{login}\",realm=\"test\",nonce=\"{nonce}\",nc=00000001,cnonce=\"abc\",\
             digest-uri=\"imap/test\",response={proof},qop=auth"
        )
    }

    fn context() -> Context<'static> {
        Context { host: "test", session: 1, seed: 1, ..Context::default() }
    }

    #[test]
    fn a_proof_is_answered_with_the_proof_of_the_server() {
        let exchange = (MECHANISM.begin)(&context());
        let SaslStep::Next(proven) = exchange.step(response("tim", "secret").as_bytes(), &Store) else {
            panic!("the login is refused")
        };

        assert!(proven.challenge().starts_with(b"rspauth=") && !proven.has_credentials_next());
        assert!(matches!(proven.step(b"", &Store), SaslStep::Verdict(got) if got == verdict("tim", true)));
        assert!(matches!(proven.step(b"x", &Store), SaslStep::Malformed(_)));
        for (login, password) in [("tim", "wrong"), ("nobody", "secret")] {
            let step = exchange.step(response(login, password).as_bytes(), &Store);
            assert!(matches!(&step, SaslStep::Verdict(got) if *got == verdict(login, false)), "{login}: {step:?}");
        }
    }

    #[test]
    fn another_response_is_malformed() {
        let exchange = (MECHANISM.begin)(&context());
        let right = response("tim", "secret");
        for (response, why) in [
            (String::new(), "it needs username"),
            ("username".into(), "it must be a list"),
            (right.replace("username=\"tim\"", "username=\"tim"), "it must be a list"),
            (format!("{right},qop=auth"), "it must be a list"),
            (right.replace("cnonce=\"abc\"", "cnonce=\"abc\" x"), "it must be a list"),
            (right.replace("username=\"tim\"", "username=\"\""), "the user name is empty"),
            (right.replace("nc=00000001", "nc=00000002"), "the nonce or its count"),
            (right.replace(",nonce=\"", ",nonce=\"x"), "the nonce or its count"),
            (right.replace("qop=auth", "qop=auth-int"), "qop must be auth"),
            (right.replace("imap/test", "imap"), "digest-uri must be"),
            (right.replace("cnonce=", "conce="), "it needs username"),
            (format!("{right},authzid=\"bob\""), "authorization as another user"),
        ] {
            let step = exchange.step(response.as_bytes(), &Store);
            assert!(matches!(&step, SaslStep::Malformed(its) if its.starts_with(why)), "{response}: {step:?}");
        }
        assert!(matches!(exchange.step(b"\xff", &Store), SaslStep::Malformed("it is not UTF-8")));
    }
}
