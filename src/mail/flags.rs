//! Flags of an entry: five system flags, and keywords that clients choose (RFC 3501 §2.3.2).

/// A set of flags as bits: the system flags first, then the keywords of a mailbox in the order of first use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Flags(u64);

impl Flags {
    pub(crate) const NONE: Self = Self(0);
    pub(crate) const ANSWERED: Self = Self(1);
    pub(crate) const FLAGGED: Self = Self(1 << 1);
    pub(crate) const DELETED: Self = Self(1 << 2);
    pub(crate) const SEEN: Self = Self(1 << 3);
    pub(crate) const DRAFT: Self = Self(1 << 4);

    /// The system flags with their names, in the order of their bits.
    pub(crate) const SYSTEM: [(&'static str, Self); 5] = [
        ("\\Answered", Self::ANSWERED),
        ("\\Flagged", Self::FLAGGED),
        ("\\Deleted", Self::DELETED),
        ("\\Seen", Self::SEEN),
        ("\\Draft", Self::DRAFT),
    ];

    /// Maximum number of keywords of a mailbox.
    pub(crate) const MOST_KEYWORDS: usize = 64 - Self::SYSTEM.len();

    /// The system flag of this name, compared case-insensitively.
    pub(crate) fn system(name: &str) -> Option<Self> {
        Self::SYSTEM.iter().find(|(its, _)| its.eq_ignore_ascii_case(name)).map(|(_, flag)| *flag)
    }

    /// Whether this is a valid flag name: a system flag or an atom (RFC 3501 §9, `flag-keyword`).
    pub(crate) fn is_name(name: &str) -> bool {
        let is_atom = |byte: u8| byte.is_ascii_graphic() && !b"(){%*\"\\]".contains(&byte);
        Self::system(name).is_some() || (!name.is_empty() && name.bytes().all(is_atom))
    }

    /// The keyword at this index of its mailbox's list.
    pub(crate) fn keyword(place: usize) -> Self {
        Self(1 << (Self::SYSTEM.len() + place))
    }

    pub(crate) fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    pub(crate) fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(crate) fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// The names of these flags; `keywords` is the mailbox's list.
    pub(crate) fn names(self, keywords: &[Box<str>]) -> impl Iterator<Item = &str> {
        let system = Self::SYSTEM.iter().filter(move |(_, flag)| self.contains(*flag)).map(|(name, _)| *name);
        let own = keywords.iter().enumerate().filter(move |(at, _)| self.contains(Self::keyword(*at)));
        system.chain(own.map(|(_, name)| &**name))
    }
}
