//! The device flow (RFC 8628): a device without a browser shows a code, which a person enters elsewhere.

use data_encoding::{BASE32_NOPAD, Encoding};

use super::error::ErrorCode;
use super::token::Grant;
use super::{Consent, OAuthError, Provider, expiry, keep, random_text};
use crate::base::Timestamp;

/// How long the codes are valid, in seconds.
const LIFETIME: u64 = 1800;
/// How long a device must wait between two requests, in seconds (RFC 8628 §3.2).
pub(crate) const INTERVAL: u64 = 5;

/// The codes of a device.
#[derive(Debug, Clone)]
pub(crate) struct Device {
    pub(crate) device_code: String,
    /// What a person enters.
    pub(crate) user_code: String,
    /// In seconds.
    pub(crate) lifetime: u64,
}

#[derive(Debug, Clone)]
pub(super) struct PendingDevice {
    codes: Device,
    client: String,
    scope: Option<String>,
    expires: Timestamp,
    /// The time before which the device must not ask again, once it has asked.
    next_poll: Option<Timestamp>,
    interval: u64,
    decision: Option<Decision>,
}

#[derive(Debug, Clone)]
enum Decision {
    Approved(String),
    Denied,
}

impl Provider {
    /// Begins the flow.
    pub(crate) fn begin_device(&mut self, client: String, scope: Option<String>, now: Timestamp) -> Device {
        let text = |of: Encoding| of.encode(random_text().as_bytes());
        let letters = text(BASE32_NOPAD);
        let user_code = format!("{}-{}", &letters[4..8], &letters[12..16]);
        let codes = Device { device_code: random_text(), user_code, lifetime: LIFETIME };
        let pending = PendingDevice {
            codes: codes.clone(),
            client,
            scope,
            expires: expiry(now, LIFETIME),
            next_poll: None,
            interval: INTERVAL,
            decision: None,
        };
        keep(&mut self.devices, pending);
        codes
    }

    /// The client and the scope of a device whose code a person entered; fails if the code is not valid.
    pub(crate) fn device(&self, user_code: &str, now: Timestamp) -> Result<(&str, Option<&str>), &'static str> {
        let pending = self.devices.iter().find(|its| is_same(&its.codes.user_code, user_code));
        match pending {
            None => Err("there is no such code"),
            Some(pending) if pending.expires <= now => Err("the code has expired"),
            Some(pending) if pending.decision.is_some() => Err("the code was used already"),
            Some(pending) => Ok((&pending.client, pending.scope.as_deref())),
        }
    }

    /// Whether the provider denies without asking anybody.
    pub(crate) fn denies(&self) -> bool {
        self.settings.consent == Consent::Deny
    }

    /// A person approves a device for this account, or denies it.
    pub(crate) fn decide_device(
        &mut self,
        user_code: &str,
        login: Option<String>,
        now: Timestamp,
    ) -> Result<(), &'static str> {
        self.device(user_code, now)?;
        let pending = self.devices.iter_mut().find(|its| is_same(&its.codes.user_code, user_code));
        if let Some(pending) = pending {
            pending.decision = Some(login.map_or(Decision::Denied, Decision::Approved));
        }
        Ok(())
    }

    /// The device asks for its token (RFC 8628 §3.5).
    pub(super) fn poll_device(&mut self, code: &str, client: &str, now: Timestamp) -> Result<Grant, OAuthError> {
        let Some(at) = self.devices.iter().position(|its| its.codes.device_code == code && its.client == client) else {
            return Err(OAuthError::grant("the device code is not valid for this client"));
        };
        let pending = &mut self.devices[at];
        if pending.expires <= now {
            return Err(OAuthError::new(ErrorCode::ExpiredToken, "the device code has expired"));
        }
        match &pending.decision {
            None => {
                let is_early = pending.next_poll.is_some_and(|next| now < next);
                pending.interval += if is_early { INTERVAL } else { 0 };
                pending.next_poll = Some(expiry(now, pending.interval));
                Err(match is_early {
                    true => {
                        let why = format!("wait {} s between two requests", pending.interval);
                        OAuthError::new(ErrorCode::SlowDown, why)
                    }
                    false => OAuthError::new(ErrorCode::AuthorizationPending, "nobody has entered the code yet"),
                })
            }
            Some(Decision::Denied) => Err(OAuthError::new(ErrorCode::AccessDenied, "the user denied the request")),
            Some(Decision::Approved(login)) => {
                let grant = Grant::new(login.clone(), client.to_owned(), pending.scope.clone(), None);
                self.devices.remove(at);
                Ok(grant)
            }
        }
    }
}

/// Whether a person meant this code (RFC 8628 §6.1).
fn is_same(code: &str, entered: &str) -> bool {
    let letters =
        |text: &str| text.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_uppercase();
    letters(code) == letters(entered)
}
