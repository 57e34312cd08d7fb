//! The parameters of MAIL and RCPT. They are checked, and kept as they were sent.

use super::refusal::Refusal;
use crate::mail::{
    BodyType, DeliverBy, Notify, OriginalRecipient, Parameter, Parameters, Ret, envelope_id, hold_for, hold_until,
    priority, xtext,
};

/// Parses `*(SP keyword ["=" value])` (RFC 5321 §4.1.2, esmtp-param). Returns the parameters as written.
fn parse(text: &str) -> Result<Parameters, Refusal> {
    let mut raw: Vec<Parameter> = Vec::new();
    if !text.is_empty() && !text.starts_with(' ') {
        return Err(Refusal::parameters("a space is required between the address and its parameters"));
    }
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let (keyword, value) = match word.split_once('=') {
            Some((keyword, value)) => (keyword, Some(value)),
            None => (word, None),
        };
        let is_keyword = keyword.starts_with(|c: char| c.is_ascii_alphanumeric())
            && keyword.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        // RFC 5321 §4.1.2, esmtp-value: printable without `=`; RFC 6531 §3.3 adds UTF-8. AUTH= may hold an `=` sign.
        let is_value = value.is_none_or(|value| !value.is_empty() && !value.chars().any(char::is_control));
        if !is_keyword || !is_value {
            return Err(Refusal::parameters("a parameter must be KEYWORD or KEYWORD=value"));
        }
        if raw.iter().any(|(its, _)| its.eq_ignore_ascii_case(keyword)) {
            return Err(Refusal::parameters("a parameter may occur only once"));
        }
        raw.push((keyword.into(), value.map(Box::from)));
    }
    Ok(Parameters::new(raw))
}

/// Checks the value of a parameter. Fails with what it must be.
type Check = fn(Option<&str>) -> Result<(), &'static str>;

/// The parameters of MAIL.
const OF_MAIL: &[(&str, Check)] = &[
    ("SIZE", size),
    ("BODY", |value| BodyType::parse(value.unwrap_or_default()).map(drop)),
    ("SMTPUTF8", |value| none(value, "SMTPUTF8 takes no value")),
    ("AUTH", auth),
    ("BY", |value| DeliverBy::parse(value.unwrap_or_default()).map(drop)),
    ("HOLDFOR", |value| hold_for(value.unwrap_or_default()).map(drop)),
    ("HOLDUNTIL", |value| hold_until(value.unwrap_or_default()).map(drop)),
    ("MT-PRIORITY", |value| priority(value.unwrap_or_default()).map(drop)),
    ("REQUIRETLS", |value| none(value, "REQUIRETLS takes no value")),
    ("RET", |value| Ret::parse(value.unwrap_or_default()).map(drop)),
    ("ENVID", |value| envelope_id(value.unwrap_or_default()).map(drop)),
];

/// The parameters of RCPT.
const OF_RCPT: &[(&str, Check)] = &[
    ("NOTIFY", |value| Notify::parse(value.unwrap_or_default()).map(drop)),
    ("ORCPT", |value| OriginalRecipient::parse(value.unwrap_or_default()).map(drop)),
];

/// The keywords of all parameters.
pub(crate) fn parameter_keywords() -> impl Iterator<Item = &'static str> {
    OF_MAIL.iter().chain(OF_RCPT).map(|(keyword, _)| *keyword)
}

pub(super) fn of_mail(text: &str, limit: u64) -> Result<Parameters, Refusal> {
    let parameters = checked(text, OF_MAIL)?;
    // RFC 4865: one of them.
    if parameters.value("HOLDFOR").and(parameters.value("HOLDUNTIL")).is_some() {
        return Err(Refusal::parameters("HOLDFOR and HOLDUNTIL exclude each other"));
    }
    // RFC 1870 §4: up to twenty digits. A number that does not fit is larger than any limit.
    let size = parameters.value("SIZE").map_or(0, |value| value.parse().unwrap_or(u64::MAX));
    if size > limit { Err(Refusal::too_large(limit)) } else { Ok(parameters) }
}

pub(super) fn of_rcpt(text: &str) -> Result<Parameters, Refusal> {
    checked(text, OF_RCPT)
}

/// Parses parameters, and checks each of them.
fn checked(text: &str, known: &[(&str, Check)]) -> Result<Parameters, Refusal> {
    let parameters = parse(text)?;
    let find = |keyword: &str| known.iter().find(|(its, _)| its.eq_ignore_ascii_case(keyword));
    for (keyword, value) in parameters.iter() {
        let Some((_, check)) = find(keyword) else {
            // Names all of them, so that a client need not find them out one by one.
            let unknown = parameters.iter().map(|(keyword, _)| keyword).filter(|keyword| find(keyword).is_none());
            return Err(Refusal::unknown_parameters(&unknown.collect::<Vec<_>>().join(", ")));
        };
        check(value).map_err(Refusal::parameters)?;
    }
    Ok(parameters)
}

/// RFC 1870 §6.
fn size(value: Option<&str>) -> Result<(), &'static str> {
    let is_number = value.is_some_and(|value| value.bytes().all(|byte| byte.is_ascii_digit()));
    if is_number { Ok(()) } else { Err("SIZE must be a number of octets") }
}

/// RFC 4954 §5.
fn auth(value: Option<&str>) -> Result<(), &'static str> {
    let is_address =
        |value: &str| value == "<>" || xtext::decode(value).is_some_and(|decoded| !decoded.contains(char::is_control));
    if value.is_some_and(is_address) { Ok(()) } else { Err("AUTH must be <> or an address in xtext") }
}

fn none(value: Option<&str>, why: &'static str) -> Result<(), &'static str> {
    if value.is_none() { Ok(()) } else { Err(why) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_kept_as_sent() {
        let parameters = of_mail(" size=12 Body=8BITMIME SMTPUTF8 AUTH=e+3Dmc2@example.com", 1000).unwrap();

        assert_eq!(parameters.to_string(), "size=12 Body=8BITMIME SMTPUTF8 AUTH=e+3Dmc2@example.com");
        assert_eq!(parameters.size(), Some(12));
        assert!(parameters.smtputf8());
    }

    #[test]
    fn invalid_parameters_are_refused_with_the_code_of_the_rfc() {
        for (text, code) in [
            ("SIZE=1", "501"),
            (" SIZE", "501"),
            (" SIZE=", "501"),
            (" SIZE=-1", "501"),
            (" SIZE=1 size=2", "501"),
            (" SIZE=1001", "552"),
            (" SIZE=99999999999999999999", "552"),
            (" BODY", "501"),
            (" BODY=BINARY", "501"),
            (" SMTPUTF8=yes", "501"),
            (" AUTH=a+b", "501"),
            (" AUTH=a+0D+0Ab", "501"),
            (" =x", "501"),
            (" BY", "501"),
            (" BY=0;R", "501"),
            (" HOLDFOR", "501"),
            (" HOLDFOR=0", "501"),
            (" HOLDUNTIL=tomorrow", "501"),
            (" HOLDFOR=60 HOLDUNTIL=2026-01-01T12:00:00Z", "501"),
            (" MT-PRIORITY=10", "501"),
            (" REQUIRETLS=yes", "501"),
            (" RET", "501"),
            (" RET=HEADERS", "501"),
            (" RET=FULL RET=FULL", "501"),
            (" ENVID", "501"),
            (" ENVID=a=b", "501"),
            (" NOTIFY=NEVER", "555"),
            (" XYZZY", "555"),
        ] {
            let code_got = of_mail(text, 1000).map_err(|refusal| refusal.code().to_owned());
            assert_eq!(code_got, Err(code.to_owned()), "{text}");
        }
        for (keyword, _) in OF_MAIL {
            let code = of_mail(&format!(" {keyword}=a+b"), 1000).map_err(|refusal| refusal.code().to_owned());
            assert_eq!(code, Err("501".to_owned()), "{keyword} is known");
        }
        for (text, code) in [
            (" NOTIFY", "501"),
            (" NOTIFY=NEVER,FAILURE", "501"),
            (" NOTIFY=NEVER NOTIFY=NEVER", "501"),
            (" ORCPT", "501"),
            (" ORCPT=bob@example.org", "501"),
            (" RET=FULL", "555"),
        ] {
            let code_got = of_rcpt(text).map_err(|refusal| refusal.code().to_owned());
            assert_eq!(code_got, Err(code.to_owned()), "{text}");
        }
        assert!(of_rcpt("  ").is_ok());
    }
}
