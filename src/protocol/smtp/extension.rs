//! The extensions of a session: their announcement, and what MAIL may use of those that are not always there.

use std::borrow::Cow;
use std::time::Duration;

use super::Smtp;
use super::refusal::Refusal;
use super::{xclient, xforward};
use crate::base::Timestamp;
use crate::mail::Parameters;
use crate::protocol::StartTls;

/// RFC 4865: the longest interval and the last time. The time is fixed, so that transcripts do not change.
const FUTURERELEASE: &str = "FUTURERELEASE 31536000 2099-12-31T23:59:59Z";
const LONGEST_HOLD: Duration = Duration::from_secs(31_536_000);
const LAST_RELEASE: Timestamp = Timestamp::from_micros(4_102_444_799_000_000);

impl Smtp {
    /// The lines of EHLO after the host name, with their codes and without the last CRLF.
    pub(in crate::protocol) fn capabilities(&self) -> String {
        let size = format!("SIZE {}", self.config.limits.message);
        let mut all: Vec<Cow<'_, str>> = vec!["PIPELINING".into(), size.into()];
        all.extend(["8BITMIME", "BINARYMIME", "CHUNKING", "SMTPUTF8", "DSN", "DELIVERBY"].map(Cow::Borrowed));
        if self.config.holds {
            all.push(FUTURERELEASE.into());
        }
        all.extend(["MT-PRIORITY", "ENHANCEDSTATUSCODES"].map(Cow::Borrowed));
        // RFC 9422 §3: one to six digits.
        let limit = self.config.limits.recipients;
        if (1..=999_999).contains(&limit) {
            all.push(format!("LIMITS RCPTMAX={limit}").into());
        }
        if self.tls.is_offered() {
            all.push("STARTTLS".into());
        }
        // RFC 8689 §2.
        if self.tls.is_active() {
            all.push("REQUIRETLS".into());
        }
        // RFC 4954 §4: mechanisms that require TLS are announced only under TLS.
        if !self.tls.is_required(StartTls::BeforeLogin) {
            all.extend(self.capability_overrides.mechanism_list("AUTH", &self.tls));
        }
        if self.config.xclient {
            all.push(format!("XCLIENT {}", xclient::ATTRIBUTES.join(" ")).into());
            all.push(format!("XFORWARD {}", xforward::ATTRIBUTES.join(" ")).into());
        }
        // RFC 5321 §3.5.2: EXPN must be listed.
        all.extend(["EXPN", "HELP"].map(Cow::Borrowed));
        all = self.capability_overrides.apply(&self.tls, all);
        // HELP is last, because some clients find STARTTLS only in the form `250-STARTTLS`.
        all.sort_by_key(|line| *line == "HELP");
        let Some((last, others)) = all.split_last() else { return String::new() };
        others.iter().map(|line| format!("250-{line}\r\n")).collect::<String>() + "250 " + last
    }

    /// RFC 8689 §2: without TLS the server does not have this extension.
    pub(super) fn may_require_tls(&self, parameters: &Parameters) -> Result<(), Refusal> {
        match parameters.require_tls() && !self.tls.is_active() {
            true => Err(Refusal::unknown_parameters("REQUIRETLS")),
            false => Ok(()),
        }
    }

    /// Until when the message shall be held; `None` if it shall be delivered at once. RFC 4865 gives the maxima, and
    /// has values that make no sense refused like those that are malformed.
    pub(super) fn held_until(&self, parameters: &Parameters, now: Timestamp) -> Result<Option<Timestamp>, Refusal> {
        let (interval, time) = (parameters.hold_for(), parameters.hold_until());
        let keyword = match (interval, time) {
            (None, None) => return Ok(None),
            (Some(_), _) => "HOLDFOR",
            (None, Some(_)) => "HOLDUNTIL",
        };
        if !self.config.holds {
            return Err(Refusal::unknown_parameters(keyword));
        }
        if interval.is_some_and(|interval| interval > LONGEST_HOLD) {
            let longest = LONGEST_HOLD.as_secs();
            return Err(Refusal::parameters(&format!("HOLDFOR exceeds the maximum of {longest} seconds")));
        }
        if time.is_some_and(|time| time > LAST_RELEASE) {
            return Err(Refusal::parameters("HOLDUNTIL exceeds the maximum, 2099-12-31T23:59:59Z"));
        }
        if time.is_some_and(|time| time <= now) {
            return Err(Refusal::parameters("HOLDUNTIL must be a time in the future"));
        }
        Ok(interval.map(|interval| now.plus(interval)).or(time))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_maxima_are_those_that_are_announced() {
        let announced = format!("FUTURERELEASE {} {LAST_RELEASE}", LONGEST_HOLD.as_secs());

        assert_eq!(announced.replace(".000000Z", "Z"), FUTURERELEASE);
    }
}
