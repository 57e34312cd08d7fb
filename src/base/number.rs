//! Numbers of messages (`m1`) and sessions (`s1`), and the position of a record in the journal.

use std::fmt;

macro_rules! number {
    ($(#[$doc:meta])* $name:ident($inner:ty), $letter:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub(crate) $inner);

        impl $name {
            /// The bare number, from 1.
            ///
            /// ```
            #[doc = concat!("use mailjig::", stringify!($name), ";\n")]
            #[doc = concat!("assert_eq!(", stringify!($name), "::parse(\"", $letter, "7\").unwrap().number(), 7);")]
            /// ```
            pub fn number(self) -> $inner {
                self.0
            }

            /// Reads the form that it prints, with or without its letter; `None` if the text is not such a number.
            ///
            /// ```
            #[doc = concat!("use mailjig::", stringify!($name), ";\n")]
            #[doc = concat!("assert_eq!(", stringify!($name), "::parse(\"7\"), ", stringify!($name), "::parse(\"", $letter, "7\"));")]
            #[doc = concat!("assert_eq!(", stringify!($name), "::parse(\"", $letter, "0\"), None);")]
            /// ```
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
    ///
    /// ```
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// assert_eq!(server.deliver("bob@example.org", "Subject: hi\r\n\r\n").no().to_string(), "m1");
    /// ```
    MessageNo(u32), "m"
}

number! {
    /// The number of a session within its server, from 1 in the order of acceptance; prints as `s1`.
    ///
    /// ```
    /// use mailjig::SessionNo;
    ///
    /// assert_eq!(SessionNo::parse("12").unwrap().to_string(), "s12");
    /// ```
    SessionNo(u32), "s"
}

/// The position of a record in a server's journal, from 1. A cursor has one: it reads the records after it.
///
/// ```
/// use mailjig::Seq;
///
/// assert_eq!(Seq::default().number(), 0);   // before the first record
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Seq(pub(crate) u64);

impl Seq {
    /// The bare number; 0 is the place before the first record.
    ///
    /// ```
    /// use mailjig::Seq;
    ///
    /// assert_eq!(Seq::default().number(), 0);
    /// ```
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
