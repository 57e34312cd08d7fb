//! The files of the page: styles and scripts.

use std::borrow::Cow;

use rust_embed::{Embed, EmbeddedFile};

/// Files below `files`. A debug build reads them from there at each request, so that a change needs no compiler; other
/// builds contain them.
#[derive(Embed)]
#[folder = "src/page/files"]
struct Files;

/// A file of the page.
pub(crate) struct File {
    pub(crate) content: Cow<'static, [u8]>,
    pub(crate) media_type: &'static str,
    /// A weak validator, because the file may be compressed on the way (RFC 9110 §8.8.3).
    pub(crate) etag: String,
}

impl File {
    /// The file of this name, such as `page.css`.
    pub(crate) fn named(name: &str) -> Option<Self> {
        let EmbeddedFile { data, metadata } = Files::get(name)?;
        let media_type = match name.rsplit_once('.')?.1 {
            "css" => "text/css; charset=utf-8",
            "js" => "text/javascript; charset=utf-8",
            "svg" => "image/svg+xml",
            _ => return None,
        };
        let hash = metadata.sha256_hash();
        Some(Self { content: data, media_type, etag: format!("W/\"{}\"", data_encoding::HEXLOWER.encode(&hash[..16])) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_embedded_file_can_be_served() {
        for name in Files::iter() {
            let file = File::named(&name).unwrap_or_else(|| panic!("{name} has no media type"));

            assert!(!file.content.is_empty(), "{name}");
            assert_eq!(file.etag.len(), 36, "{}", file.etag);
        }
        assert!(File::named("page.css").is_some());
        assert!(File::named("../mod.rs").is_none());
        assert!(File::named("page").is_none());
    }
}
