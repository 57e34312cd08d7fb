//! List-Unsubscribe (RFC 2369 §3.2) and unsubscribing with one click (RFC 8058).

use super::mime::decode_words;
use super::{Message, dkim};

/// How a reader of a message unsubscribes (RFC 2369 §3.2). Returned by [`Message::unsubscribe`].
///
/// ```
/// use mailjig::prelude::*;
///
/// let server = MailServer::start();
/// let field = "List-Unsubscribe: <mailto:leave@example.org>, <https://example.org/leave?id=7>\r\n";
/// let mail = server.deliver("bob@example.org", format!("{field}\r\nNews!\r\n"));
///
/// let unsubscribe = mail.unsubscribe().unwrap();
/// assert_eq!(unsubscribe.uris, ["mailto:leave@example.org", "https://example.org/leave?id=7"]);
/// assert_eq!(unsubscribe.one_click.unwrap_err(), "there is no header field List-Unsubscribe-Post");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unsubscribe {
    /// The URIs of List-Unsubscribe, in order.
    pub uris: Vec<String>,
    /// The URI that a mail program posts to for one click (RFC 8058), with the body [`Unsubscribe::BODY`]; or what is missing.
    pub one_click: Result<String, String>,
}

impl Unsubscribe {
    /// The value of List-Unsubscribe-Post, and the body of the POST, of the type `application/x-www-form-urlencoded`
    /// (RFC 8058 §3.2).
    ///
    /// ```
    /// assert_eq!(mailjig::Unsubscribe::BODY, "List-Unsubscribe=One-Click");
    /// ```
    pub const BODY: &'static str = "List-Unsubscribe=One-Click";

    /// `None` if the message has no List-Unsubscribe.
    pub(super) fn of(message: &Message) -> Option<Self> {
        let field = message.root().raw_header("list-unsubscribe")?;
        let text = decode_words(field);
        // White space within a URI comes from folding (RFC 2369 §2).
        let uri = |text: &str| text.chars().filter(|c| !c.is_ascii_whitespace()).collect::<String>();
        let uris: Vec<String> =
            text.split('<').skip(1).filter_map(|rest| rest.split_once('>')).map(|(its, _)| uri(its)).collect();
        let one_click = one_click(message, &uris);
        Some(Self { uris, one_click })
    }
}

/// RFC 8058 §3.1 and §4.
fn one_click(message: &Message, uris: &[String]) -> Result<String, String> {
    let is_https = |uri: &&String| uri.get(..8).is_some_and(|scheme| scheme.eq_ignore_ascii_case("https://"));
    let https = uris.iter().find(is_https);
    let Some(uri) = https else { return Err("List-Unsubscribe has no `https` URI".to_owned()) };
    let post = message.header("list-unsubscribe-post");
    let post = post.ok_or("there is no header field List-Unsubscribe-Post")?;
    if post.trim() != Unsubscribe::BODY {
        return Err(format!("List-Unsubscribe-Post must be `{}`", Unsubscribe::BODY));
    }
    let signatures = dkim::signed_names(message.root());
    if signatures.is_empty() {
        return Err("the message has no DKIM signature, which must cover both fields".to_owned());
    }
    let covers = |signed: &[String], name: &str| signed.iter().any(|its| its.eq_ignore_ascii_case(name));
    for name in ["List-Unsubscribe", "List-Unsubscribe-Post"] {
        let is_covered = signatures.iter().any(|its| covers(its, name));
        if !is_covered {
            return Err(format!("no DKIM signature covers {name}: add it to `h=`"));
        }
    }
    match signatures.iter().any(|its| covers(its, "List-Unsubscribe") && covers(its, "List-Unsubscribe-Post")) {
        true => Ok(uri.clone()),
        false => Err("no DKIM signature covers both fields".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::base::{MessageNo, Timestamp};
    use crate::mail::Origin;

    fn unsubscribe(fields: &str) -> Option<Unsubscribe> {
        let raw = Bytes::from(format!("{fields}\r\n"));
        Unsubscribe::of(&Message::new(MessageNo(1), Origin::Delivered, Timestamp::from_micros(0), None, raw))
    }

    #[test]
    fn one_click_needs_both_fields_https_and_a_signature_over_them() {
        let list = "List-Unsubscribe: <mailto:a@b?subject=x>,\r\n <https://example.org/\r\n leave>\r\n";
        let post = "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n";
        let signed =
            |names: &str| format!("DKIM-Signature: v=1; a=rsa-sha256; d=a; s=b; h=from:{names}; b=YQ==; bh=YQ==\r\n");
        let both = signed("list-unsubscribe:List-Unsubscribe-Post");
        let right = unsubscribe(&format!("{list}{post}{both}")).unwrap();
        assert_eq!(right.uris, ["mailto:a@b?subject=x", "https://example.org/leave"]);
        assert_eq!(right.one_click.as_deref(), Ok("https://example.org/leave"));

        for (fields, expected) in [
            (format!("List-Unsubscribe: <http://a/>\r\n{post}{both}"), "List-Unsubscribe has no `https` URI"),
            (format!("List-Unsubscribe: https://a/\r\n{post}{both}"), "List-Unsubscribe has no `https` URI"),
            (format!("{list}{both}"), "there is no header field List-Unsubscribe-Post"),
            (
                format!("{list}List-Unsubscribe-Post: yes\r\n{both}"),
                "List-Unsubscribe-Post must be `List-Unsubscribe=One-Click`",
            ),
            (format!("{list}{post}"), "the message has no DKIM signature, which must cover both fields"),
            (
                format!("{list}{post}{}", signed("list-unsubscribe")),
                "no DKIM signature covers List-Unsubscribe-Post: add it to `h=`",
            ),
            (
                format!("{list}{post}{}{}", signed("list-unsubscribe"), signed("list-unsubscribe-post")),
                "no DKIM signature covers both fields",
            ),
        ] {
            assert_eq!(unsubscribe(&fields).unwrap().one_click, Err(expected.to_owned()), "{fields}");
        }
        assert_eq!(unsubscribe(post), None);
    }
}
