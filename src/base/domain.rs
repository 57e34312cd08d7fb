//! Domains with letters beyond ASCII: their A-labels, as `xn--bcher-kva`, and U-labels, as `bücher` (RFC 5890 §2.3.2.1).
//!
//! # Rationale
//!
//! Equality of accounts needs no more than the decoding of A-labels. The crate `idna` brings the Unicode tables of ICU,
//! which would cost every test that depends on this crate more to compile than all of our own protocols do.

use std::borrow::Cow;

/// What an A-label begins with.
const PREFIX: &str = "xn--";
/// The most octets of a label (RFC 1035 §2.3.4) behind the prefix. Decoding takes time that is quadratic in them.
const LONGEST: usize = 63 - PREFIX.len();

/// An address with each A-label of its domain replaced by the U-label. The address must be in lower case.
pub(super) fn with_u_labels(address: &str) -> Cow<'_, str> {
    let Some((local, domain)) = address.rsplit_once('@').filter(|(_, domain)| domain.contains(PREFIX)) else {
        return Cow::Borrowed(address);
    };
    let decoded = |label: &str| label.strip_prefix(PREFIX).and_then(u_label);
    let labels = domain.split('.').map(|label| decoded(label).map_or(Cow::Borrowed(label), Cow::Owned));
    Cow::Owned(format!("{local}@{}", labels.collect::<Vec<_>>().join(".")))
}

/// The U-label of this A-label without its prefix; `None` if it is not one.
fn u_label(encoded: &str) -> Option<String> {
    let is_possible = encoded.is_ascii() && encoded.len() <= LONGEST;
    let label = is_possible.then(|| decode(encoded))??;
    // RFC 5890 §2.3.2.1: a label of ASCII alone, or with capital letters, has no A-label.
    let is_valid = !label.is_ascii() && label == label.to_lowercase();
    is_valid.then_some(label)
}

/// Decodes Punycode (RFC 3492 §6.2, with the parameters of §5).
fn decode(encoded: &str) -> Option<String> {
    let (basic, digits) = encoded.rsplit_once('-').unwrap_or(("", encoded));
    let mut label: Vec<char> = basic.chars().collect();
    let (mut code, mut at, mut bias) = (128_u32, 0_u32, 72_u32);
    let mut digits = digits.bytes();
    while digits.len() > 0 {
        let (before, mut weight) = (at, 1_u32);
        for position in (36_u32..).step_by(36) {
            let digit = match digits.next()? {
                letter @ b'a'..=b'z' => u32::from(letter - b'a'),
                number @ b'0'..=b'9' => u32::from(number - b'0') + 26,
                _ => return None,
            };
            at = at.checked_add(digit.checked_mul(weight)?)?;
            let threshold = position.saturating_sub(bias).clamp(1, 26);
            if digit < threshold {
                break;
            }
            weight = weight.checked_mul(36 - threshold)?;
        }
        let count = u32::try_from(label.len() + 1).ok()?;
        bias = adapted(at - before, count, before == 0);
        code = code.checked_add(at / count)?;
        at %= count;
        label.insert(at as usize, char::from_u32(code)?);
        at += 1;
    }
    Some(label.into_iter().collect())
}

/// RFC 3492 §6.1.
fn adapted(delta: u32, count: u32, is_first: bool) -> u32 {
    let mut delta = if is_first { delta / 700 } else { delta / 2 };
    delta += delta / count;
    let mut bias = 0;
    while delta > 455 {
        delta /= 35;
        bias += 36;
    }
    bias + 36 * delta / (delta + 38)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_labels_of_the_domain_become_u_labels() {
        for (address, wanted) in [
            ("bob@xn--bcher-kva.example", "bob@bücher.example"),
            ("bob@mail.xn--bcher-kva.xn--p1ai", "bob@mail.bücher.рф"),
            ("bob@xn--mnchen-3ya.example", "bob@münchen.example"),
            // RFC 3492 §7.1 (B) and (L).
            ("a@xn--ihqwcrb4cv8a8dqg056pqjye", "a@他们为什么不说中文"),
            ("a@xn--3b-ww4c5e180e575a65lsy2b", "a@3年b組金八先生"),
            ("xn--bcher-kva@example.org", "xn--bcher-kva@example.org"),
            ("xn--bcher-kva", "xn--bcher-kva"),
            ("bob@bücher.example", "bob@bücher.example"),
        ] {
            assert_eq!(with_u_labels(address), wanted);
        }
    }

    #[test]
    fn a_label_that_is_too_long_is_not_decoded() {
        // Each digit `a` inserts one more character at the front.
        let address = |digits: usize| format!("bob@xn--{}", "a".repeat(digits));
        assert_ne!(with_u_labels(&address(LONGEST)), address(LONGEST));
        assert_eq!(with_u_labels(&address(LONGEST + 1)), address(LONGEST + 1));
    }

    #[test]
    fn what_is_not_an_a_label_stays() {
        for label in
            ["xn--", "xn--bob-", "xn--bcher_kva", "xn--99999999", "xn--ü-kva", "xn--bcher-kv", "axn--bcher-kva"]
        {
            let address = format!("bob@{label}.example");
            assert_eq!(with_u_labels(&address), address);
        }
        // Nothing panics.
        with_u_labels(&format!("a@xn--{}", "z9".repeat(29)));
    }
}
