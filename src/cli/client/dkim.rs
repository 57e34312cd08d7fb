//! `mailjig dkim`.

use clap::Args;
use serde_json::{Map, Value, json};

use super::failure::Failure;
use super::output::print_json;
use super::subject::{self, Subject};
use super::table::{Column, print_table};
use super::target::Target;
use super::{STATUSES, after_help};
use crate::api::DkimJson;
use crate::cli::examples;
use crate::mail::DkimKeys;

/// Verify the DKIM signatures of a message with the given keys, and fail if none is valid.
///
/// A signature is judged at the time when the message was received; a file, now. Keys are never looked up in the DNS.
#[derive(Args)]
#[command(after_help = after_help(examples::DKIM, STATUSES))]
pub(in crate::cli) struct Dkim {
    #[arg(value_name = "MESSAGE", help = subject::HELP)]
    message: String,
    /// The text of the TXT record with the public key, for all signatures or, after `selector._domainkey.domain=`, for
    /// those of this name. May be repeated.
    #[arg(long, value_name = "[NAME=]RECORD", required = true)]
    key: Vec<String>,
    /// Print the API's JSON.
    #[arg(long)]
    pub(super) json: bool,
    #[command(flatten)]
    target: Target,
}

impl Dkim {
    pub(super) fn run(&self) -> Result<(), Failure> {
        if self.records().filter(|(name, _)| name.is_none()).count() > 1 {
            return Err(Failure::unusable("`--key`: only one key may be without a name"));
        }
        let result = match Subject::named(&self.message)? {
            Subject::Captured(path) => self.target.post(&format!("{path}/dkim"), &self.body())?,
            Subject::File(message) => json!(DkimJson::of(&message, &self.keys()?)),
        };
        let signatures = &result["signatures"];
        let is_unsigned = signatures.as_array().is_none_or(Vec::is_empty);
        match self.json {
            true => print_json(&result)?,
            false if is_unsigned => {}
            false => print_signatures(signatures)?,
        }
        match (result["valid"] == true, is_unsigned) {
            (true, _) => Ok(()),
            (false, true) => Err(Failure::unmet("the message has no DKIM signature")),
            (false, false) => Err(Failure::unmet("no DKIM signature is valid")),
        }
    }

    /// Each key, with the name of its record if there is one.
    fn records(&self) -> impl Iterator<Item = (Option<&str>, &str)> {
        self.key.iter().map(|key| match key.split_once('=') {
            Some((name, record)) if name.contains("._domainkey.") => (Some(name), record),
            Some(_) | None => (None, key.as_str()),
        })
    }

    fn body(&self) -> Value {
        let named = self.records().filter_map(|(name, record)| Some((name?.to_owned(), record.into())));
        let named: Map<String, Value> = named.collect();
        let any = self.records().find_map(|(name, record)| name.is_none().then_some(record));
        json!({ "key": any, "keys": named })
    }

    fn keys(&self) -> Result<DkimKeys, Failure> {
        let mut keys = DkimKeys::default();
        for (name, record) in self.records() {
            let inserted = match name {
                Some(name) => keys.insert(name, record),
                None => keys.insert_any(record),
            };
            inserted.map_err(|why| Failure::unusable(format!("`--key`: the key is wrong: {why}")))?;
        }
        Ok(keys)
    }
}

fn print_signatures(signatures: &Value) -> Result<(), Failure> {
    let columns = [
        Column::fixed("domain"),
        Column::fixed("selector"),
        Column::fixed("algorithm"),
        Column::fixed("result"),
        Column::text("reason"),
    ];
    let rows = signatures.as_array().into_iter().flatten().map(|its| {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let result = if its["valid"] == true { "valid".to_owned() } else { text(&its["failure"]["kind"]) };
        let reason = match its["unsigned_octets"].as_u64() {
            Some(0) | None => text(&its["failure"]["reason"]),
            Some(octets) => format!("{octets} octets are not signed. {}", text(&its["failure"]["reason"])),
        };
        [text(&its["domain"]), text(&its["selector"]), text(&its["algorithm"]), result, reason.trim_end().to_owned()]
    });
    print_table(columns, rows.collect())
}
