//! A message from options.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use clap::Args;
use mail_builder::MessageBuilder;
use mail_builder::headers::address::Address as Written;

use super::address::addresses;
use super::status::IOERR;
use crate::cli::client::failure::Failure;
use crate::mail::Address;

/// With one of these options, the message is composed from options, and standard input is not read.
#[derive(Args)]
#[group(id = "composed", multiple = true)]
pub(super) struct Composed {
    /// A recipient, as `bob@example.org` or `Bob <bob@example.org>`, or several, separated by commas. May be repeated.
    #[arg(long, value_name = "ADDRESS", help_heading = "Compose a message")]
    to: Vec<String>,
    /// The subject.
    #[arg(long, value_name = "TEXT", help_heading = "Compose a message")]
    subject: Option<String>,
    /// The text; `-` reads it from standard input.
    #[arg(long, value_name = "TEXT", help_heading = "Compose a message")]
    body: Option<String>,
    /// The text as HTML, in addition to or in place of `--body`.
    #[arg(long, value_name = "HTML", help_heading = "Compose a message")]
    html: Option<String>,
    /// A file to attach, as `application/octet-stream`. May be repeated.
    #[arg(long, value_name = "FILE", help_heading = "Compose a message")]
    attach: Vec<PathBuf>,
}

impl Composed {
    /// Whether the message is composed from options.
    pub(super) fn is_wanted(&self) -> bool {
        let texts = [&self.subject, &self.body, &self.html];
        !self.to.is_empty() || !self.attach.is_empty() || texts.iter().any(|text| text.is_some())
    }

    /// The recipients of `--to`.
    pub(super) fn recipients(&self) -> Vec<Address> {
        self.to.iter().flat_map(|list| addresses(list.as_bytes())).collect()
    }

    /// The message.
    pub(super) fn message(&self, from: &Address) -> Result<Vec<u8>, Failure> {
        let written = |its: &Address| Written::new_address(its.name.clone(), its.address.clone());
        let to: Vec<Written<'_>> = self.recipients().iter().map(written).collect();
        let mut message = MessageBuilder::new().from(written(from));
        if !to.is_empty() {
            message = message.to(Written::new_list(to));
        }
        if let Some(subject) = &self.subject {
            message = message.subject(subject.as_str());
        }
        if self.body.is_some() || self.html.is_none() {
            message = message.text_body(self.text()?);
        }
        if let Some(html) = &self.html {
            message = message.html_body(html.as_str());
        }
        for path in &self.attach {
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            message = message.attachment("application/octet-stream", name, read(path)?);
        }
        message.write_to_vec().map_err(|error| Failure::Undelivered(error.to_string(), IOERR))
    }

    fn text(&self) -> Result<String, Failure> {
        match self.body.as_deref() {
            Some("-") => {
                let mut text = String::new();
                let read = io::stdin().read_to_string(&mut text);
                read.map_err(|error| Failure::Undelivered(format!("cannot read standard input: {error}"), IOERR))?;
                Ok(text)
            }
            text => Ok(text.unwrap_or_default().to_owned()),
        }
    }
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let failed = |error| Failure::Undelivered(format!("`--attach {}`: {error}", path.display()), IOERR);
    fs::read(path).map_err(failed)
}
