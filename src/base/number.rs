//! The numbers that name things: `m1`, `s1`, and the place of a record in the journal.

use std::fmt;

macro_rules! number {
    ($(#[$doc:meta])* $name:ident($inner:ty), $letter:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub(crate) $inner);

        impl $name {
            /// The bare number, from 1.
            pub fn number(self) -> $inner {
                self.0
            }

            /// Reads the form that is printed, with or without its letter.
            pub fn parse(text: &str) -> Option<Self> {
                let digits = text.strip_prefix($letter).unwrap_or(text);
                match digits.as_bytes() {
                    [b'1'..=b'9', ..] => digits.parse().ok().map(Self),
                    _ => None,
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($letter, "{}"), self.0)
            }
        }

        #[cfg(feature = "serde")]
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        #[cfg(feature = "serde")]
        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                crate::base::parsed(deserializer, concat!("a number as ", $letter, "1"), Self::parse)
            }
        }
    };
}

number! {
    /// The number of a captured message within its server, from 1; prints as `m1`.
    MessageNo(u32), "m"
}

number! {
    /// The number of a session within its server, from 1 in the order of their acceptance; prints as `s1`.
    SessionNo(u32), "s"
}

/// The place of a record in a server's journal, from 1. What a cursor holds: "after 17".
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Seq(pub(crate) u64);

impl Seq {
    /// The bare number; 0 is the place before the first record.
    pub fn number(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_reads_what_it_prints() {
        assert_eq!(MessageNo::parse(&MessageNo(7).to_string()), Some(MessageNo(7)));
        assert_eq!(SessionNo::parse("12"), Some(SessionNo(12)));
        for wrong in ["", "m", "m0", "m-1", "m+1", "s1", "m1x", "m99999999999"] {
            assert_eq!(MessageNo::parse(wrong), None, "{wrong}");
        }
    }
}
