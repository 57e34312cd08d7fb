//! `/api/v1/message/{ID}/part/{PartID}`: the parts of a message, and thumbnails of images.

use std::io::Cursor;

use axum::extract::Path;
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use image::codecs::jpeg::JpegEncoder;
use image::imageops::{FilterType, overlay};
use image::{DynamicImage, ImageReader, Limits, Rgb, RgbImage};
use md5::{Digest, Md5};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use ring::digest;
use serde::Serialize;
use utoipa::ToSchema;

use super::super::blocking::run_blocking;
use super::Refusal;
use super::found::{Found, Latest, MessageId};
use crate::mail::{Message, Part};

/// The size of a thumbnail, and its JPEG quality.
const SIZE: (u32, u32) = (180, 120);
const QUALITY: u8 = 70;
/// Octets that decoding an image may take.
const MOST_MEMORY: u64 = 64 << 20;

/// Media types that a browser would run scripts of, as of all whose names end with `+xml`.
const ACTIVE: &[&str] = &["text/html", "text/xml", "text/xsl", "application/xml"];

/// An attachment, or an inline part.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
#[schema(as = Attachment)]
pub(super) struct PartJson {
    #[serde(rename = "PartID")]
    part_id: String,
    file_name: String,
    content_type: String,
    #[serde(rename = "ContentID")]
    content_id: String,
    size: usize,
    checksums: Checksums,
}

/// Checksums of the decoded octets, in hexadecimal.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Checksums {
    #[serde(rename = "MD5")]
    md5: String,
    #[serde(rename = "SHA1")]
    sha1: String,
    #[serde(rename = "SHA256")]
    sha256: String,
}

impl PartJson {
    pub(super) fn of(part: &Part<'_>) -> Self {
        let octets = part.bytes();
        let hex = |algorithm| data_encoding::HEXLOWER.encode(digest::digest(algorithm, &octets).as_ref());
        Self {
            part_id: part.number().to_owned(),
            file_name: name_of(part),
            content_type: part.content_type().to_owned(),
            content_id: part.content_id().unwrap_or_default(),
            size: octets.len(),
            checksums: Checksums {
                md5: data_encoding::HEXLOWER.encode(&Md5::digest(&octets)),
                sha1: hex(&digest::SHA1_FOR_LEGACY_USE_ONLY),
                sha256: hex(&digest::SHA256),
            },
        }
    }
}

fn name_of(part: &Part<'_>) -> String {
    part.filename().or_else(|| part.content_id()).unwrap_or_default()
}

/// The decoded octets of a part.
#[utoipa::path(get, path = "/api/v1/message/{ID}/part/{PartID}", tag = "message", operation_id = "GetAttachment",
    params(MessageId,
        ("PartID" = String, Path, description = "Such as `1.2`."), Latest),
    responses((status = 200, body = Vec<u8>, content_type = "*/*"), (status = 404, body = String)))]
pub(super) async fn part(
    Found { message, .. }: Found,
    Path((_, number)): Path<(String, String)>,
) -> Result<Response, Refusal> {
    run_blocking(move || {
        let part = part_of(&message, &number)?;
        let is_active = ACTIVE.contains(&part.content_type()) || part.content_type().ends_with("+xml");
        let (content_type, disposition) =
            if is_active { ("application/octet-stream", "attachment") } else { (part.content_type(), "inline") };
        Ok(file(part.bytes(), content_type, &format!("{disposition}; filename=\"{}\"", escaped(&part))))
    })
    .await?
}

/// A thumbnail of an image: JPEG, 180 × 120 pixels. Of anything else, a white one.
#[utoipa::path(get, path = "/api/v1/message/{ID}/part/{PartID}/thumb", tag = "message", operation_id = "GetThumbnail",
    params(MessageId,
        ("PartID" = String, Path, description = "Such as `1.2`."), Latest),
    responses((status = 200, body = Vec<u8>, content_type = "image/jpeg"), (status = 404, body = String)))]
pub(super) async fn thumbnail(
    Found { message, .. }: Found,
    Path((_, number)): Path<(String, String)>,
) -> Result<Response, Refusal> {
    run_blocking(move || {
        let part = part_of(&message, &number)?;
        let picture = part.content_type().starts_with("image/").then(|| decode(&part.bytes())).flatten();
        Ok(file(jpeg(picture), "image/jpeg", &format!("inline; filename=\"{}\"", escaped(&part))))
    })
    .await?
}

fn part_of<'m>(message: &'m Message, number: &str) -> Result<Part<'m>, Refusal> {
    let found = message.parts().into_iter().find(|part| part.number() == number);
    found.ok_or_else(|| Refusal::none("Part"))
}

fn escaped(part: &Part<'_>) -> String {
    utf8_percent_encode(&name_of(part), NON_ALPHANUMERIC).to_string().replace("%2E", ".")
}

fn file(octets: Vec<u8>, content_type: &str, disposition: &str) -> Response {
    let mut response = octets.into_response();
    let mut insert = |name: HeaderName, value: &str| {
        let value = HeaderValue::from_str(value).unwrap_or(HeaderValue::from_static("application/octet-stream"));
        response.headers_mut().insert(name, value);
    };
    insert(header::CONTENT_TYPE, content_type);
    insert(header::CONTENT_DISPOSITION, disposition);
    insert(header::CONTENT_SECURITY_POLICY, "sandbox");
    response
}

/// The picture in these octets, if they are one of a known format that is not too large.
fn decode(octets: &[u8]) -> Option<DynamicImage> {
    let mut reader = ImageReader::new(Cursor::new(octets)).with_guessed_format().ok()?;
    let mut limits = Limits::default();
    limits.max_alloc = Some(MOST_MEMORY);
    reader.limits(limits);
    reader.decode().ok()
}

/// The thumbnail of a picture, in its middle if it is smaller.
fn jpeg(picture: Option<DynamicImage>) -> Vec<u8> {
    let (width, height) = SIZE;
    let mut thumbnail = DynamicImage::from(RgbImage::from_pixel(width, height, Rgb([255; 3])));
    if let Some(picture) = picture {
        let is_small = picture.width() <= width && picture.height() <= height;
        let is_large = picture.width() >= width && picture.height() >= height;
        let fitted = match (is_small, is_large) {
            (_, true) => picture.resize_to_fill(width, height, FilterType::Triangle),
            (true, false) => picture,
            (false, false) => picture.resize(width, height, FilterType::Triangle),
        };
        let (x, y) = ((width - fitted.width()) / 2, (height - fitted.height()) / 2);
        overlay(&mut thumbnail, &fitted, x.into(), y.into());
    }
    let mut octets = Vec::new();
    let written = JpegEncoder::new_with_quality(&mut octets, QUALITY).encode_image(&thumbnail.into_rgb8());
    written.expect("a picture of this size is written to memory");
    octets
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thumbnail_has_the_same_size_whatever_the_picture() {
        for (width, height) in [(1, 1), (400, 300), (20, 900), (900, 20), (180, 120)] {
            let red = DynamicImage::from(RgbImage::from_pixel(width, height, Rgb([255, 0, 0])));

            let thumbnail = decode(&jpeg(Some(red))).unwrap().into_rgb8();

            assert_eq!(thumbnail.dimensions(), SIZE, "{width} × {height}");
            let Rgb([red, green, _]) = *thumbnail.get_pixel(90, 60);
            assert!(width.min(height) < 10 || (red > 200 && green < 50), "{width} × {height}: {red} {green}");
        }
        let white = decode(&jpeg(None)).unwrap().into_rgb8();
        assert!(white.pixels().all(|Rgb(pixel)| pixel.iter().all(|its| *its > 250)));
    }

    #[test]
    fn a_picture_that_claims_to_be_huge_is_not_decoded() {
        // A PNG header with 100,000 × 100,000 pixels.
        let mut png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
        png.extend([0, 1, 0x86, 0xa0, 0, 1, 0x86, 0xa0, 8, 2, 0, 0, 0]);
        png.extend([0; 4]);

        assert!(decode(&png).is_none());
        assert!(decode(b"no picture").is_none());
    }
}
