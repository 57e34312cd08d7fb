//! Addresses on the command line and in headers.

use std::env;

use crate::mail::{Address, addresses as listed};

/// The domain of addresses that have none, and of message identifiers.
pub(super) const DOMAIN: &str = "localhost";

/// The addresses of a list. An address without a domain, as in `root`, gets one, as sendmail does.
pub(super) fn addresses(list: &[u8]) -> Vec<Address> {
    listed(list).into_iter().map(qualified).filter(|its| !its.address.is_empty()).collect()
}

/// An address as an option gives it, as `ann@example.org` or `Ann <ann@example.org>`; empty or `<>` for none.
pub(super) fn address(text: &str) -> Result<Address, String> {
    if matches!(text.trim(), "" | "<>") {
        return Ok(Address { name: None, address: String::new() });
    }
    match <[Address; 1]>::try_from(addresses(text.as_bytes())) {
        Ok([address]) => Ok(address),
        Err(_) => Err("write an address such as `ann@example.org` or `Ann <ann@example.org>`".to_owned()),
    }
}

/// The user who runs the command.
pub(super) fn user() -> Address {
    let name = ["LOGNAME", "USER"].into_iter().find_map(|name| env::var(name).ok().filter(|name| !name.is_empty()));
    qualified(Address { name: None, address: name.unwrap_or_else(|| "nobody".to_owned()) })
}

fn qualified(its: Address) -> Address {
    match its.address.is_empty() || its.address.contains('@') {
        true => its,
        false => Address { address: format!("{}@{DOMAIN}", its.address), ..its },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_of_an_option_is_read() {
        for (text, read) in [
            ("ann@example.org", Some("ann@example.org")),
            ("<ann@example.org>", Some("ann@example.org")),
            ("Ann Lee <ann@example.org>", Some("Ann Lee <ann@example.org>")),
            ("root", Some("root@localhost")),
            ("", Some("")),
            ("<>", Some("")),
            ("a@b.example, c@d.example", None),
            (",", None),
        ] {
            assert_eq!(address(text).ok().map(|its| its.to_string()).as_deref(), read, "{text}");
        }
    }
}
