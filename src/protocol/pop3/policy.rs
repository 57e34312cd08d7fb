//! What the server promises about maildrops: how long messages stay, how often a user may log in, and the form of
//! unique ids.

use std::fmt::Write;
use std::time::Duration;

use crate::base::same_login;

/// The settings of maildrops.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Policy {
    pub(crate) expire: Expire,
    /// The users with another expiry, by their logins.
    pub(crate) expire_for: Vec<(Box<str>, Expire)>,
    /// The time between two logins of a user (RFC 2449 §6.5); zero for none.
    pub(crate) login_delay: Duration,
    pub(crate) unique_ids: UniqueIds,
}

/// How long messages stay in a maildrop (RFC 2449 §6.7).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Expire {
    #[default]
    Never,
    /// Messages that are older than so many days are deleted at a login. With 0, those that were retrieved are deleted
    /// at QUIT.
    Days(u32),
}

impl Expire {
    /// Reads `never` or a number of days.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        match text.parse() {
            Ok(days) => Ok(Self::Days(days)),
            Err(_) if text.eq_ignore_ascii_case("never") => Ok(Self::Never),
            Err(_) => Err(format!("`{text}` is not an expiry: write `never` or a number of days, such as `30`")),
        }
    }

    /// How long a message stays. `None` if the time has no limit, or ends with the session.
    pub(super) fn time(self) -> Option<Duration> {
        match self {
            Self::Never | Self::Days(0) => None,
            Self::Days(days) => Some(Duration::from_secs(u64::from(days) * 86_400)),
        }
    }

    /// What the journal says of the messages that were deleted for it.
    pub(super) fn note(self, count: usize) -> Option<String> {
        let messages = if count == 1 { "message" } else { "messages" };
        (count > 0).then(|| format!("EXPIRE {} deleted {count} {messages}", self.value()))
    }

    /// The value of the capability EXPIRE.
    fn value(self) -> String {
        match self {
            Self::Never => "NEVER".to_owned(),
            Self::Days(days) => days.to_string(),
        }
    }

    fn days(self) -> u32 {
        match self {
            Self::Never => u32::MAX,
            Self::Days(days) => days,
        }
    }
}

impl Policy {
    /// Sets the expiry of a user.
    pub(crate) fn set_expire_for(&mut self, login: &str, expire: Expire) {
        self.expire_for.retain(|(its, _)| !same_login(its, login));
        self.expire_for.push((login.into(), expire));
    }

    /// The expiry of a user.
    pub(super) fn expire_of(&self, login: &str) -> Expire {
        let own = self.expire_for.iter().find(|(its, _)| same_login(its, login));
        own.map_or(self.expire, |(_, expire)| *expire)
    }

    /// The capability EXPIRE for a user who is logged in, or before a login. If it then depends on the user, it has the
    /// shortest time and the argument USER (RFC 2449 §6.7).
    pub(super) fn expire_capability(&self, of_user: Option<Expire>) -> String {
        let all = self.expire_for.iter().map(|(_, its)| *its);
        match of_user {
            Some(expire) => format!("EXPIRE {}", expire.value()),
            None if self.expire_for.is_empty() => format!("EXPIRE {}", self.expire.value()),
            None => {
                let shortest = all.chain([self.expire]).min_by_key(|its| its.days()).unwrap_or_default();
                format!("EXPIRE {} USER", shortest.value())
            }
        }
    }

    /// The capability LOGIN-DELAY, in seconds (RFC 2449 §6.5); `None` without a delay.
    pub(super) fn login_delay_capability(&self) -> Option<String> {
        let seconds = self.login_delay.as_millis().div_ceil(1000);
        (seconds > 0).then(|| format!("LOGIN-DELAY {seconds}"))
    }
}

/// The forms of unique ids with a name.
const NAMED: [(&str, &str); 4] = [
    ("validity.uid", "{validity}.{uid}"),
    ("hex", "{validity:x}{uid:x}"),
    ("hash", "{hash}"),
    ("long", "unique-id-of-the-greatest-length-which-the-rfc-allows-{validity:x}{uid:x}"),
];

/// RFC 1939 §7: a unique id has 1 to 70 characters.
const LONGEST: usize = 70;

/// The form of unique ids: texts and values of the message, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct UniqueIds(Vec<IdPiece>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum IdPiece {
    Text(Box<str>),
    Validity {
        is_hex: bool,
    },
    Uid {
        is_hex: bool,
    },
    /// The MD5 hash of the message's octets. RFC 1939 §7 permits that equal messages have the same id.
    Hash,
}

impl Default for UniqueIds {
    fn default() -> Self {
        Self::parse(NAMED[0].1).expect("the default form of unique ids is valid")
    }
}

impl UniqueIds {
    /// Reads a form: its name, or a template with `{validity}`, `{uid}`, `{validity:x}`, `{uid:x}` (8 hexadecimal digits)
    /// and `{hash}`.
    pub(crate) fn parse(form: &str) -> Result<Self, String> {
        let template = NAMED.iter().find(|(name, _)| *name == form).map_or(form, |(_, template)| template);
        let (mut pieces, mut rest) = (Vec::new(), template);
        while let Some((text, more)) = rest.split_once('{') {
            let Some((name, behind)) = more.split_once('}') else { return Err(wrong(form, "a brace is not closed")) };
            pieces.extend((!text.is_empty()).then(|| IdPiece::Text(text.into())));
            pieces.push(match name {
                "validity" => IdPiece::Validity { is_hex: false },
                "validity:x" => IdPiece::Validity { is_hex: true },
                "uid" => IdPiece::Uid { is_hex: false },
                "uid:x" => IdPiece::Uid { is_hex: true },
                "hash" => IdPiece::Hash,
                _ => return Err(wrong(form, &format!("`{{{name}}}` is not a value"))),
            });
            rest = behind;
        }
        if pieces.is_empty() {
            return Err(wrong(form, "all messages would have the same id"));
        }
        pieces.extend((!rest.is_empty()).then(|| IdPiece::Text(rest.into())));
        let form_of = Self(pieces);
        let longest = form_of.of(u32::MAX, u32::MAX, || [0; 16]);
        if !longest.bytes().all(|octet| octet.is_ascii_graphic()) {
            return Err(wrong(form, "an id has only visible ASCII characters, without blanks"));
        }
        if longest.len() > LONGEST {
            return Err(wrong(form, &format!("an id may have {LONGEST} characters, and would have {}", longest.len())));
        }
        Ok(form_of)
    }

    /// Whether the ids depend on the messages' octets.
    pub(super) fn have_hash(&self) -> bool {
        self.0.contains(&IdPiece::Hash)
    }

    /// The id of the message with this UID.
    pub(super) fn of(&self, uid_validity: u32, uid: u32, hash: impl Fn() -> [u8; 16]) -> String {
        let mut id = String::new();
        for piece in &self.0 {
            let _infallible = match piece {
                IdPiece::Text(text) => write!(id, "{text}"),
                IdPiece::Validity { is_hex: false } => write!(id, "{uid_validity}"),
                IdPiece::Validity { is_hex: true } => write!(id, "{uid_validity:08x}"),
                IdPiece::Uid { is_hex: false } => write!(id, "{uid}"),
                IdPiece::Uid { is_hex: true } => write!(id, "{uid:08x}"),
                IdPiece::Hash => hash().iter().try_for_each(|octet| write!(id, "{octet:02x}")),
            };
        }
        id
    }
}

fn wrong(form: &str, why: &str) -> String {
    let names = NAMED.map(|(name, _)| format!("`{name}`")).join(", ");
    format!(
        "`{form}` is not a form of unique ids: {why}; write {names}, or a template with `{{validity}}`, `{{uid}}`, \
         `{{validity:x}}`, `{{uid:x}}` and `{{hash}}`"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_a_name_or_a_template() {
        for (form, id) in [
            ("validity.uid", "7.300"),
            ("hex", "000000070000012c"),
            ("hash", "000102030405060708090a0b0c0d0e0f"),
            ("long", "unique-id-of-the-greatest-length-which-the-rfc-allows-000000070000012c"),
            ("<{uid}@mail.example>", "<300@mail.example>"),
        ] {
            let hash = || std::array::from_fn(|at| at as u8);
            assert_eq!(UniqueIds::parse(form).unwrap().of(7, 300, hash), id, "{form}");
        }
        assert_eq!(UniqueIds::default(), UniqueIds::parse("validity.uid").unwrap());
    }

    #[test]
    fn an_invalid_form_is_refused_with_a_reason() {
        for (form, why) in [
            ("", "all messages would have the same id"),
            ("same", "all messages would have the same id"),
            ("{uid", "a brace is not closed"),
            ("{date}", "`{date}` is not a value"),
            ("{uid} ", "visible ASCII"),
            ("{hash}{hash}{uid}", "and would have 74"),
        ] {
            let error = UniqueIds::parse(form).unwrap_err();
            assert!(error.contains(why), "{form}: {error}");
        }
    }

    #[test]
    fn the_capability_has_the_shortest_time_of_all_users() {
        let mut policy = Policy { expire: Expire::Days(30), ..Policy::default() };
        assert_eq!(policy.expire_capability(None), "EXPIRE 30");
        policy.set_expire_for("bob", Expire::Never);
        assert_eq!(policy.expire_capability(None), "EXPIRE 30 USER");
        policy.set_expire_for("Bob", Expire::Days(0));

        assert_eq!(policy.expire_capability(None), "EXPIRE 0 USER");
        assert_eq!(policy.expire_capability(Some(policy.expire_of("BOB"))), "EXPIRE 0");
        assert_eq!(policy.expire_of("ann"), Expire::Days(30));
        assert_eq!(Expire::parse("-1").unwrap_err().split(": ").next(), Some("`-1` is not an expiry"));
    }
}
