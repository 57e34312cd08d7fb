//! `mailjig send`: a client that programs can use in place of sendmail.

mod address;
mod compose;
mod dsn;
mod input;
mod relay;
mod server;
mod smtp;
mod status;

use std::io;
use std::time::Duration;

use clap::Args;
use serde_json::json;

use super::failure::Failure;
use super::output::print_json;
use super::{after_help, time};
use crate::cli::examples;
use crate::mail::Address;
use address::{address, addresses, user};
use compose::Composed;
use dsn::Dsn;
use input::Draft;
use server::SmtpServer;
use smtp::{Dialogue, Outgoing, Sent};
use status::{DATAERR, IOERR, STATUSES, status};

/// Send a message over SMTP, with the options of sendmail or composed from options.
///
/// Like sendmail, the command reads a message from standard input and adds From, Date and Message-ID if they are missing,
/// so programs can use it in place of sendmail, as in `sendmail_path = mailjig send -t` (PHP). The message goes through
/// the server's SMTP listener, where rules act on it.
#[derive(Args)]
#[command(after_help = after_help(examples::SEND, STATUSES))]
pub(in crate::cli) struct Send {
    /// Recipients, in addition to those of `-t` and `--to`.
    #[arg(value_name = "RECIPIENT")]
    recipients: Vec<String>,
    /// Take the recipients from the fields To, Cc and Bcc, and remove Bcc.
    #[arg(short = 't', conflicts_with = "composed")]
    from_header: bool,
    /// A line with a single dot does not end the message; also `-oi`.
    #[arg(short = 'i')]
    ignores_dots: bool,
    /// Sender of the envelope, and for a From field that is missing; `-r` is the same [default: the user at localhost].
    #[arg(short = 'f', short_alias = 'r', long, value_name = "ADDRESS", value_parser = address)]
    from: Option<Address>,
    /// The sender's full name, for a From field that is missing.
    #[arg(short = 'F', value_name = "NAME")]
    name: Option<String>,
    /// `-bm` reads a message; `-bs` speaks SMTP on standard input and output, forwarded to the server.
    #[arg(short = 'b', value_name = "MODE", default_value = "m", value_parser = mode)]
    mode: Mode,
    /// Print the session to stderr.
    #[arg(short = 'v')]
    verbose: bool,
    #[command(flatten)]
    composed: Composed,
    #[command(flatten)]
    dsn: Dsn,
    #[command(flatten)]
    ignored: Ignored,
    #[command(flatten)]
    server: SmtpServer,
    /// How long the server may take for a reply.
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = time)]
    timeout: Duration,
    /// Print JSON: the server's reply, and which recipients it accepted and refused.
    #[arg(long)]
    pub(super) json: bool,
}

/// Options of sendmail that have no effect here.
#[derive(Args)]
struct Ignored {
    /// Options of sendmail. `-oi` is the same as `-i`; all others are ignored, because they configure sendmail's delivery.
    #[arg(short = 'o', value_name = "OPTION", help_heading = "Options of sendmail without effect")]
    options: Vec<String>,
    /// Ignored: it configures sendmail.
    #[arg(short = 'O', value_name = "NAME=VALUE", help_heading = "Options of sendmail without effect")]
    _settings: Vec<String>,
    /// Ignored: the message is always sent at once, and there is no queue.
    #[arg(short = 'q', action = clap::ArgAction::Count, help_heading = "Options of sendmail without effect")]
    _queue: u8,
    /// Ignored: the octets of the message say what it is.
    #[arg(short = 'B', value_name = "TYPE", help_heading = "Options of sendmail without effect")]
    _body_type: Vec<String>,
}

/// What `-b` asks for.
#[derive(Clone, Copy, PartialEq)]
enum Mode {
    Message,
    Smtp,
}

fn mode(text: &str) -> Result<Mode, String> {
    match text {
        "m" => Ok(Mode::Message),
        "s" => Ok(Mode::Smtp),
        _ => Err("mailjig has no queue, no aliases and no daemon here; write `-bm` or `-bs`".to_owned()),
    }
}

impl Send {
    pub(super) fn run(&self) -> Result<(), Failure> {
        if self.mode == Mode::Smtp {
            return relay::relay(self.server.connect()?);
        }
        let outgoing = self.outgoing()?;
        let dialogue = Dialogue::begin(self.server.connect()?, self.timeout, self.verbose)?;
        let sent = dialogue.send(&outgoing)?;
        if self.json {
            print_sent(&sent)?;
        }
        let Some(first) = sent.refused.first() else { return Ok(()) };
        let lines: Vec<String> = sent.refused.iter().map(ToString::to_string).collect();
        Err(Failure::Undelivered(lines.join("\n"), status(first)))
    }

    /// The message and its envelope.
    fn outgoing(&self) -> Result<Outgoing, Failure> {
        let mut from = self.from.clone().unwrap_or_else(user);
        if let Some(name) = &self.name {
            from.name = Some(name.clone());
        }
        let mut recipients = self.composed.recipients();
        let message = match self.composed.is_wanted() {
            true => self.composed.message(&from)?,
            false => {
                let mut draft = self.draft()?;
                if self.from_header {
                    recipients.extend(draft.recipients());
                    draft.remove("bcc");
                }
                draft.complete(&from);
                draft.octets()
            }
        };
        recipients.extend(self.recipients.iter().flat_map(|list| addresses(list.as_bytes())));
        let mut outgoing = Outgoing { sender: from.address, recipients: Vec::new(), message, dsn: self.dsn.clone() };
        for Address { address, .. } in recipients {
            if !outgoing.recipients.contains(&address) {
                outgoing.recipients.push(address);
            }
        }
        if outgoing.recipients.is_empty() {
            let text =
                "the message has no recipient: write recipients as arguments, with `--to`, or with `-t` in the header";
            return Err(Failure::Undelivered(text.to_owned(), DATAERR));
        }
        Ok(outgoing)
    }

    /// The message of standard input.
    fn draft(&self) -> Result<Draft, Failure> {
        let ignores_dots = self.ignores_dots || self.ignored.options.iter().any(|option| option == "i");
        let message = input::read(io::stdin().lock(), ignores_dots);
        let failed = |error| Failure::Undelivered(format!("cannot read standard input: {error}"), IOERR);
        Ok(Draft::parse(&message.map_err(failed)?))
    }
}

fn print_sent(sent: &Sent) -> Result<(), Failure> {
    let refused = sent.refused.iter().map(|its| json!({ "address": its.about, "reply": its.reply.to_string() }));
    print_json(&json!({
        "accepted": sent.accepted,
        "refused": refused.collect::<Vec<_>>(),
        "reply": sent.reply.to_string(),
    }))
}
