//! `mailjig show`.

use std::path::PathBuf;

use clap::Args;
use serde_json::Value;

use super::failure::Failure;
use super::messages::recipient;
use super::output::{copy, harmless, print, print_json, print_text};
use super::table::{Column, print_table};
use super::target::{Query, Target};
use super::{LATEST, STATUSES, after_help};
use crate::cli::examples;

/// The header fields that are shown with the text.
const FIELDS: [&str; 7] = ["from", "to", "cc", "reply-to", "date", "subject", "message-id"];

/// Show a message: its header and text, or its bytes, parts, links or codes.
///
/// Without an option that says what to show, the command shows the envelope, the most important header fields and the
/// text, decoded, and the list of parts if there are attachments.
#[derive(Args)]
#[command(after_help = after_help(examples::SHOW, STATUSES))]
pub(in crate::cli) struct Show {
    /// The message, as in `m1`, or `latest`.
    #[arg(value_name = "MESSAGE")]
    message: String,
    /// Its bytes, as received.
    #[arg(long, group = "what", conflicts_with = "json")]
    raw: bool,
    /// Its HTML text, decoded.
    #[arg(long, group = "what", conflicts_with = "json")]
    html: bool,
    /// All header fields, decoded.
    #[arg(long, group = "what")]
    headers: bool,
    /// A table of its MIME parts.
    #[arg(long, group = "what")]
    parts: bool,
    /// The URLs in its text.
    #[arg(long, group = "what")]
    links: bool,
    /// The one-time codes in it.
    #[arg(long, group = "what")]
    codes: bool,
    /// The octets of a MIME part, decoded, as in `1.2`; `--parts` lists the numbers.
    #[arg(long, value_name = "N", group = "what", conflicts_with = "json")]
    part: Option<String>,
    /// With `--part`, `--raw` or `--html`: write to this file.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["headers", "parts", "links", "codes", "json"], requires = "what")]
    output: Option<PathBuf>,
    /// Print the API's JSON.
    #[arg(long)]
    pub(super) json: bool,
    #[command(flatten)]
    target: Target,
}

/// A message of a server, and what of it is shown.
struct Shown<'s> {
    options: &'s Show,
    path: String,
}

impl Show {
    pub(super) fn run(&self) -> Result<(), Failure> {
        let id = match self.message.as_str() {
            // Only once, because what is shown may take several requests and a later message may come in between.
            LATEST => text(&self.target.json("/messages/latest", Query::new())?["id"]),
            id => id.to_owned(),
        };
        Shown { options: self, path: format!("/messages/{}", encoded(&id)) }.print()
    }
}

impl Shown<'_> {
    fn print(&self) -> Result<(), Failure> {
        let options = self.options;
        if options.raw {
            return self.copy("/raw");
        }
        if options.html && options.output.is_some() {
            return self.copy("/html");
        }
        if options.html {
            return print_text(&self.text("/html")?);
        }
        if let Some(part) = &options.part {
            return self.copy(&format!("/parts/{}", encoded(part)));
        }
        if options.headers {
            return self.list("/headers", print_headers);
        }
        if options.parts {
            return self.list("/parts", print_parts);
        }
        if options.links {
            return self.list("/links", print_lines);
        }
        if options.codes {
            return self.list("/codes", print_lines);
        }
        self.list("", |message| self.overview(message))
    }

    fn json(&self, what: &str) -> Result<Value, Failure> {
        self.options.target.json(&format!("{}{what}", self.path), Query::new())
    }

    fn text(&self, what: &str) -> Result<String, Failure> {
        self.options.target.text(&format!("{}{what}", self.path))
    }

    fn copy(&self, what: &str) -> Result<(), Failure> {
        let body = self.options.target.body(&format!("{}{what}", self.path), Query::new())?;
        copy(body, self.options.output.as_deref())
    }

    /// Prints a JSON document of the API, as it is or for people.
    fn list(&self, what: &str, print: impl Fn(&Value) -> Result<(), Failure>) -> Result<(), Failure> {
        let document = self.json(what)?;
        if self.options.json { print_json(&document) } else { print(&document) }
    }

    fn overview(&self, message: &Value) -> Result<(), Failure> {
        let envelope = &message["envelope"];
        let recipients = envelope["recipients"].as_array().into_iter().flatten().map(recipient);
        let recipients = recipients.collect::<Vec<_>>().join(", ");
        let (id, from, size) = (text(&message["id"]), text(&envelope["from"]["address"]), &message["size"]);
        let mut out = harmless(&format!("{id}: from <{from}> to {recipients}, {size} octets"), &[]) + "\n";
        out += &parameters("MAIL", &envelope["from"]);
        out.extend(envelope["recipients"].as_array().into_iter().flatten().map(|its| parameters("RCPT", its)));
        out += &forwarded(&envelope["forwarded"]);
        let headers = self.json("/headers")?;
        for field in headers.as_array().into_iter().flatten() {
            let name = text(&field["name"]);
            if FIELDS.contains(&name.to_ascii_lowercase().as_str()) {
                out += &(harmless(&format!("{name}: {}", text(&field["value"])), &[]) + "\n");
            }
        }
        let body = self.text("/text")?;
        print(format!("{out}\n").as_bytes())?;
        print_text(&body)?;
        if message["attachments"] == 0 {
            return Ok(());
        }
        print(if body.ends_with('\n') { b"\n" } else { b"\n\n" })?;
        print_parts(&self.json("/parts")?)
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// A line with the parameters of a command, as sent, if there are others than SIZE.
fn parameters(command: &str, its: &Value) -> String {
    let all = its["parameters"].as_object().into_iter().flatten();
    let all = all.filter(|(keyword, _)| !keyword.eq_ignore_ascii_case("SIZE"));
    let all = all.map(|(keyword, value)| {
        value.as_str().map_or_else(|| format!(" {keyword}"), |its| format!(" {keyword}={its}"))
    });
    let all = all.collect::<String>();
    if all.is_empty() {
        return all;
    }
    harmless(&format!("  {command} <{}>{all}", text(&its["address"])), &[]) + "\n"
}

/// A line with what a relay said of the client with XFORWARD, if it did.
fn forwarded(its: &Value) -> String {
    let names = [
        ("NAME", "name"),
        ("ADDR", "address"),
        ("PORT", "port"),
        ("PROTO", "protocol"),
        ("HELO", "helo"),
        ("IDENT", "ident"),
        ("SOURCE", "source"),
    ];
    let named = names.into_iter().filter(|(_, member)| !its[member].is_null());
    let value = |member: &str| its[member].as_str().map_or_else(|| its[member].to_string(), str::to_owned);
    let attributes = named.map(|(name, member)| format!(" {name}={}", value(member))).collect::<String>();
    if attributes.is_empty() { attributes } else { harmless(&format!("  XFORWARD{attributes}"), &[]) + "\n" }
}

fn print_headers(fields: &Value) -> Result<(), Failure> {
    let lines = fields.as_array().into_iter().flatten();
    let lines =
        lines.map(|field| harmless(&format!("{}: {}", text(&field["name"]), text(&field["value"])), &[]) + "\n");
    print(lines.collect::<String>().as_bytes())
}

fn print_parts(parts: &Value) -> Result<(), Failure> {
    let columns = [Column::fixed("part"), Column::fixed("type"), Column::number("size"), Column::text("file name")];
    let rows = parts.as_array().into_iter().flatten().map(|part| {
        [text(&part["number"]), text(&part["content_type"]), part["size"].to_string(), text(&part["filename"])]
    });
    print_table(columns, rows.collect())
}

/// Prints each text as a line.
fn print_lines(texts: &Value) -> Result<(), Failure> {
    let texts = texts.as_array().into_iter().flatten().filter_map(Value::as_str);
    print(texts.map(|text| harmless(text, &[]) + "\n").collect::<String>().as_bytes())
}

/// A segment of a path: all but letters, digits and `-._~` as `%` and two digits (RFC 3986 §2.1).
pub(super) fn encoded(segment: &str) -> String {
    let mut out = String::new();
    for byte in segment.bytes() {
        match byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            true => out.push(byte.into()),
            false => out += &format!("%{byte:02X}"),
        }
    }
    out
}
