//! The parameters of MAIL and RCPT. They are checked, and kept as they were sent.

use super::refusal::Refusal;
use crate::mail::{Parameter, Parameters};

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

/// The parameters of MAIL: RFC 1870, RFC 6152, RFC 6531, and RFC 4954 §5.
pub(crate) const OF_MAIL: [&str; 4] = ["SIZE", "BODY", "SMTPUTF8", "AUTH"];

pub(super) fn of_mail(text: &str, limit: u64) -> Result<Parameters, Refusal> {
    let parameters = parse(text)?;
    for (keyword, value) in parameters.iter() {
        match (keyword.to_ascii_uppercase().as_str(), value) {
            ("SIZE", Some(value)) if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) => {
                // RFC 1870 §4: up to twenty digits. A number that does not fit is larger than any limit.
                if value.parse::<u64>().unwrap_or(u64::MAX) > limit {
                    return Err(Refusal::too_large(limit));
                }
            }
            ("SIZE", _) => return Err(Refusal::parameters("SIZE must be a number of octets")),
            ("BODY", Some(value)) if ["7BIT", "8BITMIME"].iter().any(|b| b.eq_ignore_ascii_case(value)) => {}
            ("BODY", _) => return Err(Refusal::parameters("BODY must be 7BIT or 8BITMIME")),
            ("SMTPUTF8", None) => {}
            ("SMTPUTF8", Some(_)) => return Err(Refusal::parameters("SMTPUTF8 takes no value")),
            ("AUTH", Some(value)) if is_xtext(value) || value == "<>" => {}
            ("AUTH", _) => return Err(Refusal::parameters("AUTH must be <> or an address in xtext")),
            _ => return Err(unknown(&parameters, &OF_MAIL)),
        }
    }
    Ok(parameters)
}

/// The parameters of RCPT: no announced extension has one.
pub(super) fn of_rcpt(text: &str) -> Result<Parameters, Refusal> {
    let parameters = parse(text)?;
    let is_empty = parameters.iter().next().is_none();
    if is_empty { Ok(parameters) } else { Err(unknown(&parameters, &[])) }
}

/// Names all parameters that are not known, so that a client need not find them out one by one.
fn unknown(parameters: &Parameters, known: &[&str]) -> Refusal {
    let is_known = |keyword: &str| known.iter().any(|its| its.eq_ignore_ascii_case(keyword));
    let unknown = parameters.iter().map(|(keyword, _)| keyword).filter(|keyword| !is_known(keyword));
    Refusal::unknown_parameters(&unknown.collect::<Vec<_>>().join(", "))
}

/// Whether this is `xtext` (RFC 3461 §4): printable ASCII, with `+XX` for everything else and for `+` and `=`.
fn is_xtext(value: &str) -> bool {
    let mut bytes = value.bytes();
    while let Some(byte) = bytes.next() {
        let is_digit = |byte: Option<u8>| byte.is_some_and(|byte| matches!(byte, b'0'..=b'9' | b'A'..=b'F'));
        match byte {
            b'+' if is_digit(bytes.next()) && is_digit(bytes.next()) => {}
            b'+' | b'=' => return false,
            b'!'..=b'~' => {}
            _ => return false,
        }
    }
    !value.is_empty()
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
            (" BODY=BINARYMIME", "501"),
            (" SMTPUTF8=yes", "501"),
            (" AUTH=a+b", "501"),
            (" =x", "501"),
            (" RET=FULL", "555"),
            (" XYZZY", "555"),
        ] {
            let code_got = of_mail(text, 1000).map_err(|refusal| refusal.code().to_owned());
            assert_eq!(code_got, Err(code.to_owned()), "{text}");
        }
        for keyword in OF_MAIL {
            let code = of_mail(&format!(" {keyword}=a+b"), 1000).map_err(|refusal| refusal.code().to_owned());
            assert_eq!(code, Err("501".to_owned()), "{keyword} is known");
        }
        assert_eq!(of_rcpt(" NOTIFY=NEVER").map_err(|refusal| refusal.code().to_owned()), Err("555".to_owned()));
        assert!(of_rcpt("  ").is_ok());
    }
}
