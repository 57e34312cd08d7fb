//! SCRAM (RFC 5802, RFC 7677, draft-melnikov-scram-sha-512): both sides prove that they know the password without
//! sending it. In the mechanisms with names in `-PLUS`, the proofs are also bound to the TLS connection.

mod keys;
mod message;

use data_encoding::BASE64;
use ring::digest::{SHA256, digest};

use super::{
    Channel, Context, Credentials, Failure, LoginVerdict, Mechanism, Password, SaslExchange, SaslStep, Secret,
};
use crate::base::is_identifier;
use keys::{Hash, ROUNDS};
use message::{ClientFinal, ClientFirst, Flag, name};

pub(super) const SHA_1: Mechanism =
    Mechanism::new("SCRAM-SHA-1", Secret::Proof, |context| begin(Hash::Sha1, false, context));
pub(super) const SHA_1_PLUS: Mechanism =
    Mechanism::new("SCRAM-SHA-1-PLUS", Secret::Proof, |context| begin(Hash::Sha1, true, context)).bound();
pub(super) const SHA_256: Mechanism =
    Mechanism::new("SCRAM-SHA-256", Secret::Proof, |context| begin(Hash::Sha256, false, context));
pub(super) const SHA_256_PLUS: Mechanism =
    Mechanism::new("SCRAM-SHA-256-PLUS", Secret::Proof, |context| begin(Hash::Sha256, true, context)).bound();
pub(super) const SHA_512: Mechanism =
    Mechanism::new("SCRAM-SHA-512", Secret::Proof, |context| begin(Hash::Sha512, false, context));
pub(super) const SHA_512_PLUS: Mechanism =
    Mechanism::new("SCRAM-SHA-512-PLUS", Secret::Proof, |context| begin(Hash::Sha512, true, context)).bound();

#[derive(Debug)]
enum Scram {
    /// The client sends its first message.
    First(Server),
    /// The client sends its proof.
    Final(Hash, Box<Challenge>),
    /// The login is proven, and the challenge is the server's proof, in base64.
    Proven(String, LoginVerdict),
    /// The login is refused, and the challenge is an error of RFC 5802 §7.
    Refused(&'static str, LoginVerdict),
}

/// The server's side before the first message.
#[derive(Debug)]
struct Server {
    hash: Hash,
    is_plus: bool,
    /// The server's part of the nonce.
    nonce: String,
    channel: Option<Channel>,
    /// Whether the server announces the mechanism with channel binding.
    announces_plus: bool,
}

/// What the client's proof must fit.
#[derive(Debug)]
struct Challenge {
    login: String,
    salt: Vec<u8>,
    /// The nonces of both sides.
    nonce: String,
    /// The header of the first message and the data of the channel binding.
    channel_binding: Vec<u8>,
    client_first: String,
    server_first: String,
}

/// # Rationale
/// The server's nonce is the same in each run, so that recorded sessions and dialogues can be repeated; a test server has
/// no secrets to protect.
fn begin(hash: Hash, is_plus: bool, context: &Context<'_>) -> Box<dyn SaslExchange> {
    let nonce = digest(&SHA256, format!("nonce {}", context.timestamp()).as_bytes());
    Box::new(Scram::First(Server {
        hash,
        is_plus,
        nonce: BASE64.encode(&nonce.as_ref()[..18]),
        channel: context.channel.cloned(),
        announces_plus: context.announces_channel_binding,
    }))
}

impl SaslExchange for Scram {
    fn challenge(&self) -> Vec<u8> {
        match self {
            Self::First(_) => Vec::new(),
            Self::Final(_, challenge) => challenge.server_first.clone().into_bytes(),
            Self::Proven(proof, _) => format!("v={proof}").into_bytes(),
            Self::Refused(error, _) => format!("e={error}").into_bytes(),
        }
    }

    fn is_random(&self) -> bool {
        matches!(self, Self::Final(..) | Self::Proven(..))
    }

    fn has_credentials_next(&self) -> bool {
        matches!(self, Self::Final(..))
    }

    fn is_refused(&self) -> bool {
        matches!(self, Self::Refused(..))
    }

    fn login(&self) -> Option<&str> {
        match self {
            Self::First(_) => None,
            Self::Final(_, challenge) => Some(&challenge.login),
            Self::Proven(_, verdict) | Self::Refused(_, verdict) => Some(&verdict.login),
        }
    }

    fn step(&self, response: &[u8], credentials: &dyn Credentials) -> SaslStep {
        let Ok(text) = std::str::from_utf8(response) else { return SaslStep::Malformed("it is not UTF-8") };
        let step = match self {
            Self::First(server) => server.challenge(text).map(|next| SaslStep::Next(Box::new(next))),
            Self::Final(hash, challenge) => match credentials.password(&challenge.login) {
                Password::Any => Ok(SaslStep::Impossible(NO_PASSWORD)),
                Password::Is(password) => challenge.check(*hash, text, Some(password)),
                Password::Unknown => challenge.check(*hash, text, None),
            },
            Self::Proven(..) if !text.is_empty() => Err("the answer to the server's proof must be empty"),
            Self::Proven(_, verdict) | Self::Refused(_, verdict) => Ok(SaslStep::Verdict(verdict.clone())),
        };
        step.unwrap_or_else(SaslStep::Malformed)
    }
}

/// An error of RFC 5802 §7: its value in the challenge, and what the reply says.
#[derive(Debug, Clone, Copy)]
struct Error(&'static str, &'static str);

const EXTENSION: Error = Error("extensions-not-supported", "the server does not support the extension m=");
const TYPE_OF_BINDING: Error = Error(
    "unsupported-channel-binding-type",
    "the server does not support this type of channel binding for this connection",
);
const BINDING_WITHOUT_PLUS: Error =
    Error("channel-binding-not-supported", "the flag p=type needs a mechanism with a name in -PLUS");
const DOWNGRADE: Error = Error(
    "server-does-support-channel-binding",
    "the flag y says that the server announces no mechanism with channel binding, but it does",
);
const ENCODING_OF_NAME: Error =
    Error("invalid-username-encoding", "n= is not a valid saslname, or SASLprep forbids one of its characters");
const AUTHZID: Error = Error("other-error", "a= names another user than n=, which is not supported");
const NONCE: Error = Error("other-error", "r= is not the nonce of the server's challenge");
const ENCODING_OF_BINDING: Error = Error("invalid-encoding", "c= is not base64");
const ENCODING_OF_PROOF: Error = Error("invalid-encoding", "p= is not base64");
const BINDING: Error = Error(
    "channel-bindings-dont-match",
    "c= is not the header of the client's first message and the channel binding of this connection",
);

impl Error {
    fn refuse(self, login: &str) -> Scram {
        Scram::Refused(self.0, LoginVerdict::new(login, Some(Failure::Refused(self.1))))
    }
}

/// The salt of a user. Accounts ignore the case of logins, so one that is spelled in another way has the same.
fn salt(login: &str) -> Vec<u8> {
    let text = format!("salt of {}", login.to_ascii_lowercase());
    digest(&SHA256, text.as_bytes()).as_ref()[..16].to_vec()
}

const NO_PASSWORD: &str = "SCRAM needs an account with a password, and there is no list of accounts";

impl Server {
    /// The answer to the client's first message. It is the same whether there is such a user or not.
    fn challenge(&self, message: &str) -> Result<Scram, &'static str> {
        let first = ClientFirst::parse(message)?;
        let user = name(first.user);
        if user.as_deref().is_some_and(|user| !is_identifier(user)) {
            return Err("the user name has control characters");
        }
        let mut channel_binding = first.gs2_header.as_bytes().to_vec();
        let binding = self.binding(first.flag)?;
        let login = user.clone().unwrap_or_else(|| first.user.to_owned());
        match binding {
            _ if first.has_mandatory_extension => return Ok(EXTENSION.refuse(&login)),
            Err(error) => return Ok(error.refuse(&login)),
            _ if user.is_none() => return Ok(ENCODING_OF_NAME.refuse(&login)),
            _ if first.authzid.is_some_and(|its| name(its) != user) => return Ok(AUTHZID.refuse(&login)),
            Ok(binding) => channel_binding.extend(binding),
        }
        let nonce = format!("{}{}", first.nonce, self.nonce);
        let salt = salt(&login);
        let server_first = format!("r={nonce},s={},i={ROUNDS}", BASE64.encode(&salt));
        let client_first = first.bare.to_owned();
        let challenge = Challenge { login, salt, nonce, channel_binding, client_first, server_first };
        Ok(Scram::Final(self.hash, Box::new(challenge)))
    }

    /// The data of the channel binding that the client asks for, or the error (RFC 5802 §6).
    fn binding(&self, flag: Flag<'_>) -> Result<Result<Vec<u8>, Error>, &'static str> {
        match flag {
            Flag::Bound(kind) if self.is_plus => {
                let binding = self.channel.as_ref().and_then(|channel| channel.binding(kind));
                Ok(binding.ok_or(TYPE_OF_BINDING))
            }
            Flag::Unsupported | Flag::NotOffered if self.is_plus => {
                Err("a mechanism with channel binding needs the flag p=type")
            }
            Flag::Bound(_) => Ok(Err(BINDING_WITHOUT_PLUS)),
            // Somebody removed the mechanism from the list that the client has read.
            Flag::NotOffered if self.announces_plus => Ok(Err(DOWNGRADE)),
            Flag::Unsupported | Flag::NotOffered => Ok(Ok(Vec::new())),
        }
    }
}

impl Challenge {
    /// Checks the client's second message. There is no password if there is no such user.
    ///
    /// # Rationale
    /// A wrong proof ends the login at once, without the error `invalid-proof`. Other servers do so too, and mbsync hangs
    /// when it gets an error in place of the server's proof.
    fn check(&self, hash: Hash, message: &str, password: Option<&str>) -> Result<SaslStep, &'static str> {
        let last = ClientFinal::parse(message)?;
        let refused = |error: Error| Ok(SaslStep::Next(Box::new(error.refuse(&self.login))));
        if last.nonce != self.nonce {
            return refused(NONCE);
        }
        let decoded = |text: &str| BASE64.decode(text.as_bytes()).ok();
        let Some(binding) = decoded(last.channel_binding) else { return refused(ENCODING_OF_BINDING) };
        let Some(proof) = decoded(last.proof) else { return refused(ENCODING_OF_PROOF) };
        if binding != self.channel_binding {
            return refused(BINDING);
        }
        let messages = [&*self.client_first, &*self.server_first, last.without_proof].join(",");
        // The keys are derived for an unknown user too, so that the time does not tell who exists.
        let proofs = hash.proofs(password.unwrap_or_default(), &self.salt, &messages);
        let is_proven = password.is_some() && proofs.client == proof;
        Ok(match is_proven.then_some(proofs) {
            Some(proofs) => {
                let verdict = LoginVerdict::new(&self.login, None);
                SaslStep::Next(Box::new(Scram::Proven(BASE64.encode(&proofs.server), verdict)))
            }
            None => SaslStep::Verdict(LoginVerdict::new(&self.login, Some(Failure::Password))),
        })
    }
}

#[cfg(test)]
mod tests;
