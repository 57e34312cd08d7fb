//! The files of the page: styles and scripts.

use std::borrow::Cow;

use rust_embed::{Embed, EmbeddedFile};

/// Files below `files`. A debug build reads them from there at each request, so that a change needs no compiler; other
/// builds contain them.
#[derive(Embed)]
#[folder = "src/page/files"]
struct Files;

/// The parts of `style.css`. One stylesheet compresses better than six, and a browser loads it once for all views.
const STYLES: [&str; 6] = ["page.css", "messages.css", "sessions.css", "rules.css", "mailboxes.css", "servers.css"];

/// A file of the page.
pub(crate) struct File {
    pub(crate) content: Cow<'static, [u8]>,
    pub(crate) media_type: &'static str,
    /// A weak validator, because the file may be compressed on the way (RFC 9110 §8.8.3).
    pub(crate) etag: String,
}

impl File {
    /// The file of this name, such as `page.js`; its styles are in `style.css`.
    pub(crate) fn named(name: &str) -> Option<Self> {
        let media_type = match name.rsplit_once('.')?.1 {
            "css" if name == "style.css" => return style(),
            "js" => "text/javascript; charset=utf-8",
            "svg" => "image/svg+xml",
            _ => return None,
        };
        let EmbeddedFile { data, metadata } = Files::get(name)?;
        Some(Self { content: data, media_type, etag: etag(&metadata.sha256_hash()[..16]) })
    }
}

fn style() -> Option<File> {
    let parts = STYLES.map(Files::get).into_iter().collect::<Option<Vec<_>>>()?;
    let hashes: Vec<_> = parts.iter().flat_map(|part| part.metadata.sha256_hash().into_iter().take(8)).collect();
    let content: Vec<_> = parts.iter().flat_map(|part| part.data.iter().copied()).collect();
    Some(File { content: content.into(), media_type: "text/css; charset=utf-8", etag: etag(&hashes) })
}

fn etag(hash: &[u8]) -> String {
    format!("W/\"{}\"", data_encoding::HEXLOWER.encode(hash))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_embedded_file_can_be_served() {
        let style = File::named("style.css").unwrap();
        let style = str::from_utf8(&style.content).unwrap();
        for name in Files::iter() {
            if name.ends_with(".css") {
                let part = Files::get(&name).unwrap().data;
                assert!(style.contains(str::from_utf8(&part).unwrap()), "{name} is not in style.css");
                continue;
            }
            let file = File::named(&name).unwrap_or_else(|| panic!("{name} has no media type"));

            assert!(!file.content.is_empty(), "{name}");
            assert_eq!(file.etag.len(), 36, "{}", file.etag);
        }
        assert!(File::named("../mod.rs").is_none());
        assert!(File::named("page").is_none());
    }
}
