//! What is known of a request before it is performed.

use super::command::ImapCommand;
use super::parser::Parser;
use super::set::Set;
use super::view::View;
use super::{Ask, Imap, Mode, Request, Work};
use crate::mail::{Accounts, Entry, Message};
use crate::protocol::field::{message, of_line};
use crate::protocol::sasl::{self, Mechanism};
use crate::protocol::{Decoded, Event, Framing, Next, RequestField, Value};

impl Imap {
    pub(super) fn value_of<'a>(
        &'a self,
        decoded: &'a Decoded<Request>,
        field: &RequestField,
        accounts: &'a Accounts,
    ) -> Option<Value<'a>> {
        let Request(ask) = &decoded.request;
        let command = match ask {
            Ask::Command(_, command) => Some(command),
            _ => None,
        };
        match (field, ask) {
            (RequestField::Line, Ask::Sasl(_) | Ask::EndIdle(_)) => of_line(&decoded.input, field, false),
            (
                RequestField::Line | RequestField::Verb | RequestField::Argument | RequestField::Tag,
                Ask::Command(..) | Ask::Refused(..) | Ask::Literal(_) | Ask::Http,
            ) => of_line(&decoded.input, field, true),
            (RequestField::Mechanism, Ask::Refused(..)) if decoded.event == Event::ImapAuthStart => {
                of_line(&decoded.input, field, true)
            }
            (RequestField::Mechanism | RequestField::User, ask) => self.login_asked(ask, field),
            (RequestField::Items, Ask::Command(_, ImapCommand::Fetch(fetch))) => Some(Value::text(&*fetch.written)),
            (RequestField::Items, Ask::More { work: Work::Fetch(fetching), .. }) => {
                Some(Value::text(&*fetching.written))
            }
            (RequestField::Flags, Ask::Command(_, ImapCommand::Store(store))) => {
                Some(Value::text(store.flags.join(" ")))
            }
            (RequestField::Flags, Ask::Command(_, ImapCommand::Append(append))) => {
                Some(Value::Several(append.messages.iter().map(|given| Value::text(given.flags.join(" "))).collect()))
            }
            (RequestField::Mailbox, _) => match command.and_then(named) {
                Some(name) => Some(Value::text(accounts.namespace().canonical(name).into_string())),
                None => Some(Value::text(&*accounts.mailbox(self.view().ok()?.place)?.name)),
            },
            (RequestField::UidValidity, _) => {
                Some(Value::Number(accounts.mailbox(self.view().ok()?.place)?.uid_validity.into()))
            }
            (RequestField::Exists, _) => Some(Value::Number(self.view().ok()?.len() as u64)),
            (RequestField::Size | RequestField::Octets, Ask::Command(_, ImapCommand::Append(append))) => {
                Some(Value::Number(append.messages.first()?.raw.as_ref()?.len() as u64))
            }
            (field, Ask::More { work: Work::Fetch(fetching), .. }) => {
                let view = self.view().ok()?;
                let uid = fetching.next()?;
                let entry = accounts.mailbox(view.place)?.entry(uid);
                of_entry(uid, entry, view, field)
            }
            (field, Ask::Command(_, command)) => {
                let (set, by_uid) = numbers(command)?;
                let view = self.view().ok()?;
                let mailbox = accounts.mailbox(view.place)?;
                let uids = uids(set, by_uid, view);
                let values = uids.into_iter().filter_map(|uid| of_entry(uid, mailbox.entry(uid), view, field));
                Some(Value::Several(values.collect()))
            }
            _ => None,
        }
    }

    pub(super) fn reads_for(ask: &Ask) -> bool {
        match ask {
            Ask::More { .. } | Ask::Command(_, ImapCommand::Append(_)) => true,
            Ask::Command(_, command) => numbers(command).is_some(),
            _ => false,
        }
    }

    /// The messages that a command names; of several that it appends the first.
    pub(super) fn messages_of(&self, ask: &Ask, accounts: &Accounts) -> Option<Vec<Message>> {
        if let Ask::Command(_, ImapCommand::Append(append)) = ask {
            return Some(vec![message(append.messages.first()?.raw.clone()?)]);
        }
        let view = self.view().ok()?;
        let mailbox = accounts.mailbox(view.place)?;
        let message = |uid| mailbox.entry(uid).map(|entry| entry.message.clone());
        match ask {
            Ask::More { work: Work::Fetch(fetching), .. } => Some(vec![message(fetching.next()?)?]),
            Ask::Command(_, command) => {
                let (set, by_uid) = numbers(command)?;
                Some(uids(set, by_uid, view).into_iter().filter_map(message).collect())
            }
            _ => None,
        }
    }

    fn login_asked(&self, ask: &Ask, field: &RequestField) -> Option<Value<'_>> {
        let (mechanism, user) = match (ask, &self.mode) {
            (Ask::Command(_, ImapCommand::Login { login, .. }), _) => ("LOGIN".to_owned(), Some(login.clone())),
            (Ask::Command(_, ImapCommand::Authenticate { mechanism, initial }), _) => {
                let known = Mechanism::parse(mechanism.as_bytes());
                let user = known.and_then(|known| sasl::login_of(known, None, initial.clone()));
                (mechanism.clone(), user)
            }
            (Ask::Sasl(response), Mode::Sasl(_, exchange)) => {
                let mechanism = exchange.mechanism();
                let user = sasl::login_of(mechanism, Some(exchange.clone()), sasl::decode(response));
                (mechanism.name().to_owned(), user)
            }
            _ => return None,
        };
        if *field == RequestField::Mechanism { Some(Value::text(mechanism)) } else { user.map(Value::text) }
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
            Ask::Greeting | Ask::Push | Ask::Http | Ask::Lapse | Ask::Stop => None,
        })
    }

    /// The request is dropped; the client believes the answer that it got instead.
    pub(super) fn rejected(&mut self, ask: Ask, is_positive: bool) -> Next<Request> {
        match ask {
            Ask::Sasl(_) | Ask::EndIdle(_) => self.mode = Mode::Command,
            Ask::Push => {
                if let Ok(view) = self.view_mut() {
                    view.put_off();
                }
            }
            Ask::Literal(_) if is_positive => self.tokenizer.permit(),
            Ask::Literal(_) => self.tokenizer.reject(),
            Ask::More { tag, may_expunge, work: Work::Fetch(mut fetching) } => {
                fetching.skip();
                return Next::More(Request(Ask::More { tag, may_expunge, work: Work::Fetch(fetching) }));
            }
            Ask::Stop => return Next::End,
            _ => {}
        }
        Next::Continue
    }

    pub(super) fn item_of(ask: &Ask) -> Option<Event> {
        match ask {
            Ask::More { work: Work::Fetch(fetching), .. } => fetching.next().map(|_| Event::ImapFetchItem),
            _ => None,
        }
    }
}

/// The mailbox that a command names.
fn named(command: &ImapCommand) -> Option<&str> {
    match command {
        ImapCommand::Append(append) => Some(&append.mailbox),
        ImapCommand::Copy { mailbox, .. }
        | ImapCommand::Create { mailbox, .. }
        | ImapCommand::Delete(mailbox)
        | ImapCommand::Rename { from: mailbox, .. }
        | ImapCommand::Status { mailbox, .. }
        | ImapCommand::Subscribe { mailbox, .. } => Some(mailbox),
        ImapCommand::Select(select) => Some(select.mailbox()),
        _ => None,
    }
}

/// The messages that a command names, and whether by their UIDs.
fn numbers(command: &ImapCommand) -> Option<(&Set, bool)> {
    match command {
        ImapCommand::Copy { set, by_uid, .. } => Some((set, *by_uid)),
        ImapCommand::Expunge(set) => set.as_ref().map(|set| (set, true)),
        ImapCommand::Fetch(fetch) => Some((&fetch.set, fetch.by_uid)),
        ImapCommand::Store(store) => Some((&store.set, store.by_uid)),
        _ => None,
    }
}

/// The UIDs that a set names: those that are there, and the ends of each range that are not.
fn uids(set: &Set, by_uid: bool, view: &View) -> Vec<u32> {
    if !by_uid {
        return view.named(set, false).unwrap_or_default();
    }
    let mut uids = view.named(set, true).unwrap_or_default();
    uids.extend(set.resolve(view.highest_uid()).into_iter().flat_map(|(first, last)| [first, last]));
    uids.sort_unstable();
    uids.dedup();
    uids
}

fn of_entry<'a>(uid: u32, entry: Option<&Entry>, view: &View, field: &RequestField) -> Option<Value<'a>> {
    match field {
        RequestField::Uid => Some(Value::Number(uid.into())),
        RequestField::UidKnown => Some(Value::Truth(view.number(uid).is_some())),
        RequestField::Msn => view.number(uid).map(|number| Value::Number(number.into())),
        RequestField::Size | RequestField::Octets => Some(Value::Number(entry?.message.raw().len() as u64)),
        _ => None,
    }
}
