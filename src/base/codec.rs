//! Serde for values that cannot derive it.

use std::borrow::Cow;

use serde::de::Error;
use serde::{Deserialize, Deserializer};

/// A value in the form that it prints in; `what` says which form that is.
pub(crate) fn parsed<'de, D: Deserializer<'de>, T>(
    deserializer: D,
    what: &str,
    parse: impl Fn(&str) -> Option<T>,
) -> Result<T, D::Error> {
    let text = Cow::<str>::deserialize(deserializer)?;
    parse(&text).ok_or_else(|| D::Error::custom(format_args!("{text:?} is not {what}")))
}

/// Octets as base64 (RFC 4648 §4), for `#[serde(with = "base64")]`.
pub(crate) mod base64 {
    use std::borrow::Cow;

    use data_encoding::BASE64;
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(octets: &impl AsRef<[u8]>, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&BASE64.encode_display(octets.as_ref()))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>, T: From<Vec<u8>>>(deserializer: D) -> Result<T, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        BASE64.decode(text.as_bytes()).map(T::from).map_err(D::Error::custom)
    }
}
