//! What CAPA announces (RFC 2449 §5), and the languages of LANG (RFC 6856 §3).

use std::borrow::Cow;

use super::{Pop3, Pop3State};
use crate::protocol::{Event, StartTls};

/// The languages of the server's texts. All texts are in English, which is also the default language (RFC 2277 §4.5).
const LANGUAGES: [(&str, &str); 2] = [("i-default", "English, the default"), ("en", "English")];

impl Pop3 {
    /// The lines of CAPA, without the last CRLF.
    pub(in crate::protocol) fn capabilities(&self) -> String {
        self.capability_lines().join("\r\n")
    }

    /// The capabilities of RFC 2449 §6.
    pub(super) fn capability_lines(&self) -> Vec<Cow<'_, str>> {
        let always = ["TOP", "UIDL", "RESP-CODES", "AUTH-RESP-CODE", "PIPELINING"];
        let mut lines: Vec<Cow<'_, str>> = always.map(Cow::Borrowed).to_vec();
        let of_user = match &self.state {
            Pop3State::Transaction(_, maildrop) => Some(maildrop.expire),
            Pop3State::Silent | Pop3State::Authorization(_) | Pop3State::Sasl(_) => None,
        };
        let policy = &self.config.policy;
        lines.push(policy.expire_capability(of_user).into());
        lines.extend(policy.login_delay_capability().map(Cow::Owned));
        let has_password_commands = self.capability_overrides.accepts_password_commands(&self.tls);
        // USER: user names and passwords may be in UTF-8 (RFC 6856 §2.2).
        let utf8 = if has_password_commands { "UTF8 USER" } else { "UTF8" };
        lines.extend([utf8, "LANG"].map(Cow::Borrowed));
        if !self.tls.is_required(StartTls::BeforeLogin) {
            lines.extend(has_password_commands.then_some(Cow::Borrowed("USER")));
            lines.extend(self.capability_overrides.mechanism_list("SASL", &self.tls));
        }
        if self.tls.is_offered() {
            lines.push("STLS".into());
        }
        lines.push("IMPLEMENTATION mailjig".into());
        self.capability_overrides.apply(&self.tls, lines)
    }

    /// Refuses the commands of a login that the list of mechanisms closes.
    pub(super) fn is_enabled(&self, event: Event) -> Result<(), String> {
        let has_password = matches!(event, Event::Pop3User | Event::Pop3Pass);
        if has_password && !self.capability_overrides.accepts_password_commands(&self.tls) {
            return Err("USER and PASS are disabled; log in with AUTH".to_owned());
        }
        if event == Event::Pop3Apop && !self.capability_overrides.accepts_apop(&self.tls) {
            return Err("APOP is disabled; log in with AUTH".to_owned());
        }
        Ok(())
    }
}

/// The languages, as LANG lists them.
pub(super) fn languages() -> impl Iterator<Item = String> {
    LANGUAGES.iter().map(|(tag, description)| format!("{tag} {description}"))
}

/// The language that a range selects: the first that begins with it (RFC 4647 §3.3.1), or English for `*`.
pub(super) fn language(range: &str) -> Option<&'static str> {
    let begins = |tag: &str| {
        let start = tag.get(..range.len()).is_some_and(|start| start.eq_ignore_ascii_case(range));
        start && matches!(tag.as_bytes().get(range.len()), None | Some(b'-'))
    };
    if range == "*" {
        return Some("en");
    }
    LANGUAGES.iter().map(|(tag, _)| *tag).find(|tag| begins(tag))
}
