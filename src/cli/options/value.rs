//! The types of option values, as text.

use std::net::SocketAddr;
use std::str::FromStr;
use std::time::Duration;

use clap::ValueEnum;
use clap::builder::PossibleValue;

use crate::base::{is_identifier, span};
use crate::mail::{Member, Namespace, is_subaddress_separator};
use crate::protocol::StartTls;

#[derive(Clone, Copy, PartialEq, ValueEnum)]
pub(super) enum Ports {
    Default,
    Auto,
}

/// The address of a listener, or none.
#[derive(Clone, Copy)]
pub(super) enum Where {
    Off,
    Port(u16),
    Address(SocketAddr),
}

#[derive(Clone)]
pub(super) struct Login(pub(super) Member);

/// The sub-address separator; none for `off`.
#[derive(Clone, Copy)]
pub(super) struct Separator(pub(super) Option<char>);

#[derive(Clone, Copy)]
pub(super) struct Size(pub(super) u64);

#[derive(Clone, Copy)]
pub(super) struct Time(pub(super) Duration);

/// The value of a switch.
pub(in crate::cli) fn truth(text: &str) -> Result<bool, String> {
    match text {
        "true" | "yes" | "on" | "1" => Ok(true),
        "false" | "no" | "off" | "0" => Ok(false),
        _ => Err("write `true` or `false`".to_owned()),
    }
}

pub(in crate::cli) fn number<N: FromStr>(text: &str) -> Result<N, String> {
    text.parse().map_err(|_| "write a whole number, such as `100`".to_owned())
}

pub(super) fn delimiter(text: &str) -> Result<char, String> {
    let mut chars = text.chars();
    match (chars.next(), chars.next()) {
        (Some(delimiter), None) if Namespace::is_delimiter(delimiter) => Ok(delimiter),
        _ => Err("write one punctuation character, such as `/` or `.`, but not * % \" or \\".to_owned()),
    }
}

pub(super) fn separator(text: &str) -> Result<Separator, String> {
    let mut chars = text.chars();
    match (chars.next(), chars.next()) {
        (Some(separator), None) if is_subaddress_separator(separator) => Ok(Separator(Some(separator))),
        _ if text == "off" => Ok(Separator(None)),
        _ => Err("write one punctuation character, such as `+` or `-`, or `off`".to_owned()),
    }
}

impl ValueEnum for StartTls {
    fn value_variants<'a>() -> &'a [Self] {
        Self::ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        let what = match self {
            Self::Never => "neither announced nor accepted",
            Self::Offered => "announced; optional for clients",
            Self::BeforeLogin => "login is refused before it",
            Self::BeforeAnything => "everything that is not needed for STARTTLS is refused before it",
        };
        Some(PossibleValue::new(self.name()).help(what))
    }
}

impl FromStr for Where {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "off" {
            return Ok(Self::Off);
        }
        let port = text.parse().map(Self::Port).ok();
        let address = || text.parse().map(Self::Address).ok();
        port.or_else(address)
            .ok_or_else(|| "write a port such as `2525`, an address such as `0.0.0.0:2525`, or `off`".to_owned())
    }
}

impl FromStr for Login {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            Some((login, password)) if is_identifier(login) => Ok(Self(Member {
                login: login.into(),
                password: password.into(),
                tokens: Vec::new(),
                addresses: Vec::new(),
            })),
            _ => Err("write a login and a password, as in `bob@example.org:secret`".to_owned()),
        }
    }
}

/// The first and the last port of a range.
#[derive(Clone, Copy)]
pub(super) struct PortRange(pub(super) u16, pub(super) u16);

impl FromStr for PortRange {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let port = |text: &str| text.trim().parse::<u16>().ok().filter(|port| *port > 0);
        let range = text.split_once('-').and_then(|(first, last)| Some((port(first)?, port(last)?)));
        let range = range.filter(|(first, last)| first <= last);
        range
            .map(|(first, last)| Self(first, last))
            .ok_or_else(|| "write a range of ports, as in `20000-20999`".to_owned())
    }
}

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let unit = match text[digits.len()..].to_ascii_lowercase().as_str() {
            "" | "b" => Some(1),
            "kb" => Some(1000),
            "mb" => Some(1000 * 1000),
            "gb" => Some(1000 * 1000 * 1000),
            "k" | "kib" => Some(1 << 10),
            "m" | "mib" => Some(1 << 20),
            "g" | "gib" => Some(1 << 30),
            _ => None,
        };
        let size = unit.and_then(|unit: u64| digits.parse::<u64>().ok()?.checked_mul(unit));
        size.map(Self).ok_or_else(|| "write a size such as `1000000`, `25MiB` or `1GB`".to_owned())
    }
}

impl FromStr for Time {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let time = span(text).map(Duration::from_micros).filter(|time| !time.is_zero());
        time.map(Self).ok_or_else(|| "write a time such as `30s` or `5m`".to_owned())
    }
}
