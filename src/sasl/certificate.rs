//! The users that a client's certificate names (RFC 5280).
//!
//! # Rationale
//! The TLS library has verified the certificate, so only two fields have to be found in it. A crate that parses all of a
//! certificate would take longer to build than this file.

/// The rfc822Names of the certificate's subjectAltName, then the common names of its subject; without those that are not
/// UTF-8.
pub(crate) fn users(certificate: &[u8]) -> Vec<String> {
    find_users(certificate).unwrap_or_default()
}

// The tags of ASN.1 in DER (X.690 §8.1.2).
const BOOLEAN: u8 = 0x01;
const INTEGER: u8 = 0x02;
const OCTET_STRING: u8 = 0x04;
const OBJECT_IDENTIFIER: u8 = 0x06;
const UTF8_STRING: u8 = 0x0c;
const PRINTABLE_STRING: u8 = 0x13;
const IA5_STRING: u8 = 0x16;
const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;
const RFC822_NAME: u8 = 0x81;
const EXTENSIONS: u8 = 0xa3;

/// 2.5.4.3.
const COMMON_NAME: &[u8] = &[0x55, 4, 3];
/// 2.5.29.17.
const SUBJECT_ALT_NAME: &[u8] = &[0x55, 29, 17];

/// RFC 5280 §4.1. `None` if it is not a certificate.
fn find_users(certificate: &[u8]) -> Option<Vec<String>> {
    let mut its = Der(Der(Der(certificate).read(SEQUENCE)?).read(SEQUENCE)?);
    let _version = its.read(VERSION);
    its.read(INTEGER)?;
    let [_signature, _issuer, _validity, subject, _key] = [(); 5].map(|()| its.read(SEQUENCE));
    let mut users = Vec::new();
    // RFC 5280 §4.1.2.8: unique identifiers may come before.
    let extensions = its.find(|(tag, _)| *tag == EXTENSIONS).and_then(|(_, its)| Der(its).read(SEQUENCE));
    for (_, extension) in Der(extensions.unwrap_or_default()) {
        let mut extension = Der(extension);
        if extension.read(OBJECT_IDENTIFIER)? == SUBJECT_ALT_NAME {
            let _critical = extension.read(BOOLEAN);
            let names = Der(Der(extension.read(OCTET_STRING)?).read(SEQUENCE)?);
            users.extend(names.filter(|(tag, _)| *tag == RFC822_NAME).filter_map(|(_, name)| text(name)));
        }
    }
    for (_, relative) in Der(subject?) {
        for (_, attribute) in Der(relative) {
            let mut attribute = Der(attribute);
            if attribute.read(OBJECT_IDENTIFIER)? == COMMON_NAME
                && let Some((UTF8_STRING | PRINTABLE_STRING | IA5_STRING, name)) = attribute.next()
            {
                users.extend(text(name));
            }
        }
    }
    Some(users)
}

fn text(octets: &[u8]) -> Option<String> {
    std::str::from_utf8(octets).ok().filter(|text| !text.is_empty()).map(str::to_owned)
}

/// Values in DER, each with its tag.
struct Der<'a>(&'a [u8]);

impl<'a> Der<'a> {
    /// The next value, if it has this tag.
    fn read(&mut self, tag: u8) -> Option<&'a [u8]> {
        let mut rest = Der(self.0);
        let (_, value) = rest.next().filter(|(its, _)| *its == tag)?;
        *self = rest;
        Some(value)
    }
}

impl<'a> Iterator for Der<'a> {
    type Item = (u8, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (tag, rest) = self.0.split_first()?;
        let (first, rest) = rest.split_first()?;
        // X.690 §8.1.3: the length, or how many octets of the length follow.
        let (length, rest) = match first {
            0..=0x7f => (usize::from(*first), rest),
            0x81..=0x84 => {
                let (octets, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
                (octets.iter().fold(0, |length, octet| length << 8 | usize::from(*octet)), rest)
            }
            _ => return None,
        };
        let (value, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some((*tag, value))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair, SanType};

    use super::*;

    /// A certificate with these rfc822Names and this common name.
    pub(in crate::sasl) fn certificate(mail: &[&str], common_name: Option<&str>) -> Vec<u8> {
        let mut params = CertificateParams::new(vec!["client.example.org".to_owned()]).unwrap();
        params.subject_alt_names.extend(mail.iter().map(|its| SanType::Rfc822Name((*its).try_into().unwrap())));
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::OrganizationName, "x".repeat(200));
        if let Some(name) = common_name {
            params.distinguished_name.push(DnType::CommonName, name);
        }
        params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec()
    }

    #[test]
    fn addresses_come_before_common_names() {
        for (mail, common_name, wanted) in [
            (
                &["bob@example.org", "info@example.org"][..],
                Some("Bob"),
                &["bob@example.org", "info@example.org", "Bob"][..],
            ),
            (&[], Some("Jürgen"), &["Jürgen"]),
            (&["bob@example.org"], None, &["bob@example.org"]),
            (&[], None, &[]),
        ] {
            assert_eq!(users(&certificate(mail, common_name)), wanted);
        }
    }

    #[test]
    fn octets_that_are_not_a_certificate_name_nobody() {
        let whole = certificate(&["bob@example.org"], Some("bob"));
        for length in 0..whole.len() {
            assert_eq!(users(&whole[..length]), [""; 0], "{length}");
        }
        for at in 0..whole.len() {
            let mut changed = whole.clone();
            changed[at] = 0xff;
            // It may name nobody or others, but must end.
            users(&changed);
        }
    }
}
