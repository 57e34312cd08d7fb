//! BINARY (RFC 3516): FETCH of parts without their transfer encoding. APPEND takes a literal8, which the parser reads.

use super::{Capability, Extension};
use crate::protocol::Reply;
use crate::protocol::imap::command::fetch::{
    DeepItem, FetchItem, FetchItemSpec, IsPeek, Partial, Rank, Source, origin, parse_partial, parse_path, write_literal,
};
use crate::protocol::imap::parser::{Parsed, Parser};

pub(super) const EXTENSION: Extension = Extension {
    capabilities: &[Capability::always("BINARY")],
    fetch_items: &[
        FetchItemSpec { name: "BINARY", parse: |parser| Binary::parse(parser, IsPeek::No) },
        FetchItemSpec { name: "BINARY.PEEK", parse: |parser| Binary::parse(parser, IsPeek::Yes) },
        FetchItemSpec { name: "BINARY.SIZE", parse: BinarySize::parse },
    ],
    ..Extension::of("RFC 3516", "FETCH of decoded parts; APPEND with a literal8")
};

/// Octets of a part without their transfer encoding.
#[derive(Debug)]
struct Binary {
    name: String,
    path: Vec<u32>,
    partial: Partial,
    is_peek: IsPeek,
}

/// The number of these octets.
#[derive(Debug)]
struct BinarySize {
    name: String,
    path: Vec<u32>,
}

impl Binary {
    fn parse(parser: &mut Parser<'_>, is_peek: IsPeek) -> Parsed<FetchItem> {
        let (path, text) = parse_path(parser)?;
        let partial = parse_partial(parser)?;
        Ok(FetchItem::deep(Self { name: format!("BINARY[{text}]{}", origin(partial)), path, partial, is_peek }))
    }
}

impl BinarySize {
    fn parse(parser: &mut Parser<'_>) -> Parsed<FetchItem> {
        let (path, text) = parse_path(parser)?;
        Ok(FetchItem::deep(Self { name: format!("BINARY.SIZE[{text}]"), path }))
    }
}

impl DeepItem for Binary {
    fn rank(&self) -> Rank {
        Rank::Octets
    }

    fn identity(&self) -> (&str, Partial, IsPeek) {
        (&self.name, self.partial, self.is_peek)
    }

    fn write(&self, source: &mut Source<'_>, out: &mut Reply) -> bool {
        out.add(format_args!("{} ", self.name));
        let Some(octets) = source.decoded(&self.path, self.partial) else {
            out.push("NIL");
            return !source.has_part(&self.path);
        };
        // RFC 3516 §4.3: octets with NUL among them are a literal8.
        let sign = if memchr::memchr(0, &octets).is_some() { "~" } else { "" };
        write_literal(sign, &self.name, octets, source, out);
        true
    }
}

impl DeepItem for BinarySize {
    fn rank(&self) -> Rank {
        Rank::Number
    }

    fn identity(&self) -> (&str, Partial, IsPeek) {
        (&self.name, None, IsPeek::Yes)
    }

    fn write(&self, source: &mut Source<'_>, out: &mut Reply) -> bool {
        let octets = source.decoded_len(&self.path);
        out.add(format_args!("{} {}", self.name, octets.unwrap_or_default()));
        octets.is_some()
    }
}
