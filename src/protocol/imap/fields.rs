//! The fields of a request before it is performed, and the rejection of requests.

use bytes::Bytes;

use super::command::Command;
use super::long_command::LongCommand;
use super::parser::Parser;
use super::sequence_set::SequenceSet;
use super::view::View;
use super::{Ask, Imap, Mode, Request, date};
use crate::mail::{Accounts, Entry, Mailbox, Message};
use crate::protocol::field::{message, of_line};
use crate::protocol::{Decoded, Event, Framing, Next, RequestField, Value};
use crate::sasl::Authentication;

impl Imap {
    pub(super) fn value_of<'a>(
        &'a self,
        decoded: &'a Decoded<Request>,
        field: &RequestField,
        accounts: &'a Accounts,
    ) -> Option<Value<'a>> {
        let Request(ask) = &decoded.request;
        let command = ask.command();
        let refused = || self.refused(ask, &decoded.input);
        match field {
            RequestField::Line | RequestField::Verb | RequestField::Argument | RequestField::Tag => {
                value_of_line(decoded, field)
            }
            RequestField::Mechanism => match command {
                Some(command) => command.mechanism().map(Value::text),
                None if matches!(ask, Ask::Refused(..)) && decoded.event == Event::ImapAuthStart => {
                    of_line(&decoded.input, field, true)
                }
                None => self.sasl_under_way(ask).map(|(_, login)| Value::text(login.mechanism().name())),
            },
            RequestField::User => match command {
                Some(command) => command.user(self.tls.channel()).map(Value::text),
                None => match self.sasl_under_way(ask) {
                    Some((response, login)) => login.login(response).map(Value::text),
                    None => refused().user.map(Value::text),
                },
            },
            RequestField::Token => self.token(ask).map(Value::text),
            RequestField::Items => {
                let items = command.and_then(Command::items).or_else(|| ask.work().and_then(LongCommand::items));
                items.map(Value::text).or_else(|| refused().items.map(Value::text))
            }
            RequestField::Flags => match command {
                Some(command) => command.flags(),
                None => self.fetched_flags(ask, accounts).or_else(|| refused().flags).map(Value::text),
            },
            RequestField::InternalDate => self.fetched_date(ask, accounts).map(Value::text),
            RequestField::Mailbox => {
                let named = command.and_then(Command::mailbox).map(str::to_owned).or(refused().mailbox);
                self.named_or_selected(named, accounts)
            }
            RequestField::UidValidity => Some(Value::Number(self.selected(accounts)?.1.uid_validity.into())),
            RequestField::Exists => Some(Value::Number(self.view().ok()?.len() as u64)),
            RequestField::Size | RequestField::Octets => match command.and_then(Command::appended) {
                Some(message) => Some(Value::Number(message.len() as u64)),
                None => self.value_of_messages(decoded, accounts, size),
            },
            RequestField::Uid => {
                let value = self.value_of_messages(decoded, accounts, |uid, _, _| Some(Value::Number(uid.into())));
                value.or_else(|| numbers(refused().messages.filter(|(_, by_uid)| *by_uid)?.0))
            }
            RequestField::UidKnown => {
                self.value_of_messages(decoded, accounts, |uid, _, view| Some(Value::Truth(view.number(uid).is_some())))
            }
            RequestField::Msn => {
                let value = self.value_of_messages(decoded, accounts, |uid, _, view| {
                    view.number(uid).map(|number| Value::Number(number.into()))
                });
                value.or_else(|| numbers(refused().messages.filter(|(_, by_uid)| !by_uid)?.0))
            }
            RequestField::Sender
            | RequestField::Recipient
            | RequestField::Recipients
            | RequestField::Parameter(_)
            | RequestField::Typed(_) => None,
        }
    }

    /// The mailbox of this name, or else the selected one.
    fn named_or_selected<'a>(&'a self, named: Option<String>, accounts: &'a Accounts) -> Option<Value<'a>> {
        match named {
            Some(name) => Some(Value::text(accounts.namespace().canonical(&name).into_string())),
            None => Some(Value::text(&*self.selected(accounts)?.1.name)),
        }
    }

    /// The value of a field for each message that a command names, or for the next message of a long command.
    fn value_of_messages<'a>(
        &self,
        Decoded { request: Request(ask), input, .. }: &Decoded<Request>,
        accounts: &Accounts,
        value: impl Fn(u32, Option<&Entry>, &View) -> Option<Value<'a>>,
    ) -> Option<Value<'a>> {
        let (view, mailbox) = self.selected(accounts)?;
        if let Some(uid) = ask.work().and_then(LongCommand::next_message) {
            return value(uid, mailbox.entry(uid), view);
        }
        let refused = self.refused(ask, input).messages;
        let named = ask.command().and_then(Command::messages).or(refused.as_ref().map(|(set, by_uid)| (set, *by_uid)));
        let (set, by_uid) = named?;
        let uids = uids(set, by_uid, view).into_iter();
        Some(Value::Several(uids.filter_map(|uid| value(uid, mailbox.entry(uid), view)).collect()))
    }

    /// The flags of the message that a FETCH is about to send.
    fn fetched_flags(&self, ask: &Ask, accounts: &Accounts) -> Option<String> {
        let (entry, view, mailbox) = self.fetched(ask, accounts)?;
        let names: Vec<&str> = view.flag_names(entry.uid, entry.flags, mailbox).collect();
        Some(names.join(" "))
    }

    fn fetched_date(&self, ask: &Ask, accounts: &Accounts) -> Option<String> {
        let (entry, ..) = self.fetched(ask, accounts)?;
        Some(date::date_time(entry.date))
    }

    /// The message that a FETCH is about to send, as this session sees it.
    fn fetched<'a>(&'a self, ask: &Ask, accounts: &'a Accounts) -> Option<(&'a Entry, &'a View, &'a Mailbox)> {
        let (view, mailbox) = self.selected(accounts)?;
        Some((mailbox.entry(ask.work()?.next_message()?)?, view, mailbox))
    }

    /// The client's response in the current SASL exchange, and that exchange.
    fn sasl_under_way<'a>(&'a self, ask: &'a Ask) -> Option<(&'a Bytes, &'a Authentication)> {
        match (ask, &self.mode) {
            (Ask::Sasl(response), Mode::Sasl(_, login)) => Some((response, login)),
            (_, Mode::Command | Mode::Sasl(..) | Mode::Idle(_)) => None,
        }
    }

    /// The access token of a login.
    fn token(&self, ask: &Ask) -> Option<String> {
        match ask.command() {
            Some(command) => command.token(),
            None => self.sasl_under_way(ask).and_then(|(response, login)| login.token(response)),
        }
    }

    pub(super) fn reads_for(ask: &Ask) -> bool {
        ask.work().is_some()
            || ask.command().is_some_and(|command| command.appended().is_some() || command.messages().is_some())
    }

    /// The messages that a command names, or the first message that it appends.
    pub(super) fn messages_of(&self, ask: &Ask, accounts: &Accounts) -> Option<Vec<Message>> {
        if let Some(raw) = ask.command().and_then(Command::appended) {
            return Some(vec![message(raw.clone())]);
        }
        let (view, mailbox) = self.selected(accounts)?;
        let message = |uid| mailbox.entry(uid).map(|entry| entry.message.clone());
        if let Some(work) = ask.work() {
            return Some(vec![message(work.next_message()?)?]);
        }
        let (set, by_uid) = ask.command()?.messages()?;
        Some(uids(set, by_uid, view).into_iter().filter_map(message).collect())
    }

    pub(super) fn framing_of(&self, ask: &Ask) -> Framing {
        Framing::Imap(match ask {
            Ask::Command(tag, _) | Ask::More { tag, .. } => Some(tag.clone()),
            Ask::Refused(tag, _) => tag.clone(),
            Ask::Literal(raw) => Parser::new(&raw.text, &raw.messages).tag().ok().map(Box::<str>::from),
            Ask::Sasl(_) | Ask::EndIdle(_) => match &self.mode {
                Mode::Sasl(tag, _) | Mode::Idle(tag) => Some(tag.clone()),
                Mode::Command => None,
            },
            Ask::Greeting | Ask::Push | Ask::Disconnect(_) => None,
        })
    }

    /// Drops a request that got another reply. Changes the state as the client must expect after that reply.
    pub(super) fn rejected(&mut self, ask: Ask, is_positive: bool) -> Next<Request> {
        match ask {
            Ask::Sasl(_) | Ask::EndIdle(_) => self.mode = Mode::Command,
            Ask::Push => {
                if let Ok(view) = self.view_mut() {
                    view.defer();
                }
            }
            Ask::Literal(_) if is_positive => self.tokenizer.permit(),
            Ask::Literal(_) => self.tokenizer.reject(),
            Ask::More { tag, may_expunge, mut work } if work.next_message().is_some() => {
                work.skip_message();
                return Next::More(Request(Ask::More { tag, may_expunge, work }));
            }
            Ask::Disconnect(why) => return why.after_other_reply(),
            Ask::Greeting | Ask::Command(..) | Ask::Refused(..) | Ask::More { .. } => {}
        }
        Next::Continue
    }

    pub(super) fn item_of(ask: &Ask) -> Option<Event> {
        ask.work()?.next_message().map(|_| Event::ImapFetchItem)
    }
}

/// The fields that depend on the line alone.
fn value_of_line<'a>(decoded: &'a Decoded<Request>, field: &RequestField) -> Option<Value<'a>> {
    let Request(ask) = &decoded.request;
    match ask {
        // Of a session that ends, only an HTTP request has a line.
        Ask::Command(..) | Ask::Refused(..) | Ask::Literal(_) | Ask::Disconnect(_) => {
            of_line(&decoded.input, field, true)
        }
        // Such a line has neither a tag nor a command name.
        Ask::Sasl(_) | Ask::EndIdle(_) if *field == RequestField::Line => of_line(&decoded.input, field, false),
        Ask::Sasl(_) | Ask::EndIdle(_) => None,
        Ask::Greeting | Ask::More { .. } | Ask::Push => None,
    }
}

fn size<'a>(_uid: u32, entry: Option<&Entry>, _view: &View) -> Option<Value<'a>> {
    Some(Value::Number(entry?.message.raw().len() as u64))
}

/// The ends of the ranges of a set, as far as they are known without a mailbox.
fn numbers<'a>(set: SequenceSet) -> Option<Value<'a>> {
    let mut ends: Vec<u32> = set.resolve(0).into_iter().flat_map(|(first, last)| [first, last]).collect();
    ends.dedup();
    Some(Value::Several(ends.into_iter().filter(|end| *end > 0).map(|end| Value::Number(end.into())).collect()))
}

/// The UIDs of a set: those in the mailbox, and the two ends of each range even if no message has them.
fn uids(set: &SequenceSet, by_uid: bool, view: &View) -> Vec<u32> {
    if !by_uid {
        return view.named(set, false).unwrap_or_default();
    }
    let mut uids = view.named(set, true).unwrap_or_default();
    uids.extend(set.resolve(view.highest_uid()).into_iter().flat_map(|(first, last)| [first, last]));
    uids.sort_unstable();
    uids.dedup();
    uids
}
