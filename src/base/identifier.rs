//! The rule that logins and addresses share.

/// Whether a text can be a login or an address: it is not empty and contains no control characters.
pub(crate) fn is_identifier(text: &str) -> bool {
    !text.is_empty() && !text.contains(char::is_control)
}
