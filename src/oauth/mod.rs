//! The rules of an OAuth 2.0 provider (RFC 6749): who gets which token. It issues tokens for the accounts of a server,
//! without asking anybody for a password.
//!
//! Does not know HTTP, JSON or signatures. The time is told; random texts are made by the system.

mod answer;
mod authorize;
mod client;
mod device;
mod error;
mod form;
mod pkce;
mod token;

pub(crate) use answer::{AuthorizationAnswer, ResponseMode};
pub(crate) use authorize::{AuthorizationRequest, Authorized, Consent};
pub(crate) use client::{Client, ClientCredentials};
pub(crate) use device::INTERVAL;
pub(crate) use error::{ErrorCode, OAuthError};
pub(crate) use form::FormParams;
pub(crate) use token::{GRANT_TYPES, Grant, Granted, Refresh};

use std::collections::VecDeque;
use std::time::Duration;

use data_encoding::BASE64URL_NOPAD;
use ring::rand::{SecureRandom, SystemRandom};

use crate::base::Timestamp;
use authorize::AuthorizationCode;
use device::PendingDevice;

/// The most codes of each kind that are kept; the oldest are forgotten.
const MOST_CODES: usize = 1_000;

/// How the provider behaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ProviderSettings {
    pub(crate) consent: Consent,
    /// The account that is used if the request names none.
    pub(crate) login: Option<String>,
    /// The clients that it knows. If there are none, it accepts every client.
    pub(crate) clients: Vec<Client>,
    pub(crate) access_lifetime: Duration,
    /// `None` if refresh tokens do not expire.
    pub(crate) refresh_lifetime: Option<Duration>,
    /// Whether each use of a refresh token replaces it (RFC 9700 §2.2.2).
    pub(crate) rotates: bool,
    /// The error of every request for a token.
    pub(crate) failure: Option<ErrorCode>,
}

impl Default for ProviderSettings {
    fn default() -> Self {
        Self {
            consent: Consent::Auto,
            login: None,
            clients: Vec::new(),
            access_lifetime: Duration::from_secs(3600),
            refresh_lifetime: None,
            rotates: true,
            failure: None,
        }
    }
}

/// The provider of a server.
#[derive(Debug, Default)]
pub(crate) struct Provider {
    pub(crate) settings: ProviderSettings,
    codes: VecDeque<AuthorizationCode>,
    devices: VecDeque<PendingDevice>,
}

/// An unguessable text of 160 bits in base64url (RFC 6749 §10.10).
pub(crate) fn random_text() -> String {
    let mut octets = [0; 20];
    SystemRandom::new().fill(&mut octets).expect("the system has random numbers");
    BASE64URL_NOPAD.encode(&octets)
}

/// Adds a code, and forgets the oldest one if there are too many.
fn keep<T>(codes: &mut VecDeque<T>, code: T) {
    if codes.len() == MOST_CODES {
        codes.pop_front();
    }
    codes.push_back(code);
}

/// Codes expire at this time.
fn expiry(now: Timestamp, seconds: u64) -> Timestamp {
    now.plus(Duration::from_secs(seconds))
}
