//! Performing the commands.

use std::fmt::Write;
use std::mem;

use bytes::Bytes;

use super::capabilities::{language, languages};
use super::command::{Pop3Command, UNKNOWN_MECHANISM};
use super::maildrop::{self, Maildrop};
use super::read::{Extent, Read};
use super::{Ask, Pop3, Pop3State, Request, UniqueIds};
use crate::mail::{AccountNo, MailboxId};
use crate::protocol::{Disconnect, Event, Layer, MailTxn, Next, NoStartTls, Outcome, Reply, StartTls, Status};
use crate::sasl::{self, Authentication, LoginVerdict, Mechanism, Progress, Rejection};

/// The result of a command: its reply, or why it is refused.
type Answer = Result<Outcome<Request>, String>;

fn positive(reply: Reply) -> Outcome<Request> {
    Outcome { reply, status: Some(Status::Positive), next: Next::Continue }
}

fn ok(text: &str) -> Outcome<Request> {
    positive(Reply::default().line(&["+OK ", text]))
}

fn refused(why: &str) -> Outcome<Request> {
    let reply = Reply::default().line(&["-ERR ", why]);
    Outcome { reply, status: Some(Status::Negative), next: Next::Continue }
}

fn end(last: Outcome<Request>) -> Outcome<Request> {
    Outcome { next: Next::End, ..last }
}

impl Pop3 {
    pub(super) fn answer(&mut self, ask: Ask, read: Read, txn: &mut MailTxn<'_>) -> Outcome<Request> {
        if let Pop3State::Transaction(account, _) = self.state
            && txn.account(account).is_none()
        {
            return end(refused("[SYS/TEMP] the account is gone"));
        }
        let answer = match ask {
            Ask::Greeting => Ok(self.greet(txn)),
            Ask::Command(command) => self.command(command, read, txn),
            Ask::Wrong(event, why) => self.may_come_before_tls(event).and(Err(why)),
            Ask::Refused(why) => {
                // An invalid response ends a SASL exchange.
                if matches!(self.state, Pop3State::Sasl(_)) {
                    self.state = Pop3State::Authorization(None);
                }
                Err(why)
            }
            Ask::Sasl(response) => self.respond(&response, txn),
            Ask::Disconnect(why) => Ok(self.disconnect(why)),
        };
        answer.unwrap_or_else(|why| refused(&why))
    }

    /// Keeps the timestamp of the greeting for APOP, if the greeting has one.
    pub(super) fn take_timestamp(&mut self, greeting: &str) {
        self.timestamp = timestamp(greeting).map(str::to_owned);
    }

    /// Greets the client. The timestamp is `<unique@host>`, and different in each session (RFC 1939 §7).
    fn greet(&mut self, txn: &MailTxn<'_>) -> Outcome<Request> {
        if self.is_busy {
            return self.disconnect(Disconnect::Busy);
        }
        let host = &self.config.host;
        let own = || match self.capability_overrides.accepts_apop(&self.tls) {
            true => format!("mailjig {}", txn.sasl_context(host, self.config.seed).timestamp()),
            // RFC 1939 §7: a timestamp says that APOP is available.
            false => "mailjig".to_owned(),
        };
        let greeting = self.capability_overrides.greeting(&self.tls).map_or_else(own, str::to_owned);
        self.take_timestamp(&greeting);
        ok(&greeting)
    }

    /// The codes are those of RFC 3206.
    fn disconnect(&self, why: Disconnect) -> Outcome<Request> {
        let code = match why {
            Disconnect::Busy | Disconnect::Stop => "[SYS/TEMP]",
            Disconnect::Http => "[SYS/PERM]",
            // RFC 1939 §3: the server closes the connection without a reply and without deleting messages.
            Disconnect::Lapse => return Outcome { reply: Reply::default(), status: None, next: Next::End },
        };
        end(refused(&format!("{code} {}", why.text("POP3", &self.config.host))))
    }

    fn command(&mut self, command: Pop3Command, read: Read, txn: &mut MailTxn<'_>) -> Answer {
        match (command, &mut self.state) {
            (Pop3Command::Capa, _) => {
                let mut reply = Reply::default().line(&["+OK these are my capabilities"]);
                let capabilities = self.capabilities();
                if !capabilities.is_empty() {
                    reply.push_capabilities(self.capability_overrides.label(&self.tls), capabilities);
                    reply.push("\r\n");
                }
                Ok(positive(reply.line(&["."])))
            }
            (Pop3Command::Quit, _) => Ok(self.quit(txn)),
            (Pop3Command::Lang(range), _) => {
                self.may_come_before_tls(Event::Pop3Lang)?;
                lang(range.as_deref())
            }
            (Pop3Command::Retr(number), Pop3State::Transaction(..)) => self.retrieve(number, None, read),
            (Pop3Command::Top { number, lines }, Pop3State::Transaction(..)) => {
                self.retrieve(number, Some(lines), read)
            }
            (command, Pop3State::Transaction(_, maildrop)) => {
                read.keep_hashes(maildrop);
                transact(command, maildrop, &self.config.policy.unique_ids)
            }
            (command, Pop3State::Silent | Pop3State::Authorization(_) | Pop3State::Sasl(_)) => {
                self.may_come_before_tls(command.event())?;
                self.is_enabled(command.event())?;
                self.authorize(command, txn)
            }
        }
    }

    fn begin_tls(&self) -> Answer {
        // RFC 6856 §2.1: a client must not issue STLS after UTF8.
        if self.is_utf8 {
            return Err("STLS must come before UTF8".to_owned());
        }
        match self.tls.may_begin() {
            Ok(()) => Ok(Outcome { next: Next::Layer(Layer::Tls), ..ok("begin the TLS handshake") }),
            Err(NoStartTls::Active) => Err("TLS is active already".to_owned()),
            Err(NoStartTls::Never) => Err("STLS is not implemented".to_owned()),
        }
    }

    fn authorize(&mut self, command: Pop3Command, txn: &mut MailTxn<'_>) -> Answer {
        let named = match &mut self.state {
            Pop3State::Authorization(user) => user.take(),
            Pop3State::Silent | Pop3State::Sasl(_) | Pop3State::Transaction(..) => None,
        };
        match command {
            Pop3Command::Stls => self.begin_tls(),
            Pop3Command::Utf8 => {
                self.is_utf8 = true;
                Ok(ok("UTF-8 is enabled"))
            }
            Pop3Command::User(login) => {
                self.state = Pop3State::Authorization(Some(login));
                Ok(ok("now the password"))
            }
            Pop3Command::Pass(password) => {
                let login = named.ok_or("PASS must follow USER")?;
                let verdict = LoginVerdict::of_password(&login, &password, &txn.credentials());
                self.enter(&verdict, "USER", txn)
            }
            Pop3Command::Apop { login, digest } => {
                let timestamp = self.timestamp.as_deref().ok_or("there is no timestamp in the greeting")?;
                let verdict = sasl::apop(&login, &digest, timestamp, &txn.credentials());
                self.enter(&verdict, "APOP", txn)
            }
            Pop3Command::Auth(None) => {
                let lines = self.capability_lines();
                let announced = lines.iter().filter_map(|line| line.strip_prefix("SASL "));
                Ok(listing("these are the mechanisms", announced.flat_map(str::split_whitespace)))
            }
            Pop3Command::Auth(Some((mechanism, initial))) => {
                if !self.capability_overrides.accepts(mechanism, &self.tls) {
                    return Err(UNKNOWN_MECHANISM.to_owned());
                }
                let context = txn.sasl_context(&self.config.host, self.config.seed);
                let context = self.capability_overrides.sasl_context(context, &self.tls);
                let progress = Authentication::begin(mechanism, initial.as_deref(), &context, &txn.credentials());
                self.proceed(mechanism, progress, txn)
            }
            Pop3Command::Dele(_)
            | Pop3Command::List(_)
            | Pop3Command::Noop
            | Pop3Command::Retr(_)
            | Pop3Command::Rset
            | Pop3Command::Stat
            | Pop3Command::Top { .. }
            | Pop3Command::Uidl(_) => Err("log in first".to_owned()),
            Pop3Command::Capa | Pop3Command::Lang(_) | Pop3Command::Quit => {
                unreachable!("they are handled before, in any state")
            }
        }
    }

    fn respond(&mut self, response: &Bytes, txn: &mut MailTxn<'_>) -> Answer {
        let Pop3State::Sasl(login) = mem::replace(&mut self.state, Pop3State::Authorization(None)) else {
            return Err("no login is under way".to_owned());
        };
        self.proceed(login.mechanism(), txn.respond(&login, response), txn)
    }

    fn proceed(
        &mut self,
        mechanism: &Mechanism,
        progress: Result<Progress, Rejection>,
        txn: &mut MailTxn<'_>,
    ) -> Answer {
        match progress.map_err(|rejection| rejection.to_string())? {
            Progress::Challenge(login) => {
                let mut challenge = positive(Reply::default().challenge("+ ", &login));
                challenge.status = Some(if login.is_refused() { Status::Negative } else { Status::Positive });
                self.state = Pop3State::Sasl(login);
                Ok(challenge)
            }
            Progress::Verdict(verdict) => self.enter(&verdict, mechanism.name(), txn),
        }
    }

    /// Locks the maildrop and numbers its messages (RFC 1939 §4).
    fn enter(&mut self, verdict: &LoginVerdict, mechanism: &str, txn: &mut MailTxn<'_>) -> Answer {
        let delay = self.config.policy.login_delay;
        let Some(account) = txn.log_in(verdict, mechanism) else {
            return Err(format!("[AUTH] {}", verdict.failure_text()));
        };
        // RFC 2449 §8.1.1: only after the user has proven who it is.
        if let Some(wait) = txn.wait_for_maildrop(account, delay) {
            let seconds = wait.as_millis().div_ceil(1000);
            return Err(format!("[LOGIN-DELAY] you may log in again in {seconds} s"));
        }
        let (count, octets) = self.open(account, txn)?;
        if !delay.is_zero() {
            txn.note_login(account);
        }
        Ok(ok(&format!("{count} messages, {octets} octets")))
    }

    /// Locks the maildrop of an account, instead of another one that is open. Returns how many messages and octets it
    /// has.
    pub(super) fn open(&mut self, account: AccountNo, txn: &mut MailTxn<'_>) -> Result<(usize, u64), String> {
        if !txn.hold_maildrop(account) {
            return Err("[IN-USE] another session has locked the maildrop".to_owned());
        }
        if matches!(self.state, Pop3State::Transaction(other, _) if other != account) {
            txn.leave_maildrop();
            txn.hold_maildrop(account);
        }
        let gone = "[SYS/TEMP] the account is gone";
        let its = txn.account(account).ok_or(gone)?;
        let (place, expire) =
            (MailboxId { account, mailbox: its.inbox().no }, self.config.policy.expire_of(&its.login));
        if let Some(time) = expire.time() {
            let count = txn.expunge_older(place, time);
            expire.note(count).into_iter().for_each(|text| txn.note(text));
        }
        let maildrop = Maildrop::of(place, txn.mailbox(place).ok_or(gone)?, expire);
        let stat = maildrop.stat();
        self.state = Pop3State::Transaction(account, maildrop);
        Ok(stat)
    }

    /// RETR and TOP.
    fn retrieve(&mut self, number: u32, lines: Option<u32>, read: Read) -> Answer {
        let Pop3State::Transaction(_, maildrop) = &self.state else { return Err("log in first".to_owned()) };
        let message = maildrop.message(number).ok_or_else(|| no_message(number))?;
        let mut reply = match lines {
            None => Reply::default().line(&["+OK ", &format!("{} octets", maildrop::size(message))]),
            Some(_) => Reply::default().line(&["+OK the top follows"]),
        };
        let may_have_utf8 = self.may_have_utf8(message);
        reply.append(read.text(message, Extent { lines, may_have_utf8 })?);
        if let Pop3State::Transaction(_, maildrop) = &mut self.state
            && lines.is_none()
        {
            maildrop.retrieve(number);
        }
        Ok(positive(reply))
    }

    /// Deletes the messages that are marked as deleted (RFC 1939 §6).
    fn quit(&mut self, txn: &mut MailTxn<'_>) -> Outcome<Request> {
        let Pop3State::Transaction(_, maildrop) = &self.state else { return end(ok("goodbye")) };
        // If UIDVALIDITY has changed since the login, these UIDs may belong to other messages.
        let is_same = txn.mailbox(maildrop.place).is_some_and(|mailbox| maildrop.is_of(mailbox));
        if is_same {
            maildrop.expired().into_iter().for_each(|text| txn.note(text));
            maildrop.deleted().for_each(|uid| txn.expunge(maildrop.place, uid));
        }
        let failed = !is_same && maildrop.deleted().next().is_some();
        // Unlock it now, because the client may come back before this connection ends.
        txn.leave_maildrop();
        end(if failed { refused("[SYS/TEMP] some deleted messages were not removed") } else { ok("goodbye") })
    }

    /// Refuses what is not allowed before TLS (RFC 2595 §4), with the codes of RFC 3206: AUTH for a login, SYS/PERM for
    /// what fails until the client's configuration changes.
    fn may_come_before_tls(&self, event: Event) -> Result<(), String> {
        if matches!(event, Event::Pop3Caps | Event::Pop3Quit | Event::Pop3Stls) {
            return Ok(());
        }
        let is_login = matches!(event, Event::Pop3User | Event::Pop3Pass | Event::Pop3Apop | Event::Pop3AuthStart);
        if is_login && self.tls.is_required(StartTls::BeforeLogin) {
            return Err("[AUTH] STLS is required before the login".to_owned());
        }
        if self.tls.is_required(StartTls::BeforeAnything) {
            return Err("[SYS/PERM] STLS is required first".to_owned());
        }
        Ok(())
    }
}

/// The timestamp in a greeting, a msg-id (RFC 1939 §7).
fn timestamp(greeting: &str) -> Option<&str> {
    let ids = greeting.match_indices('<').filter_map(|(from, _)| {
        let end = from + greeting[from..].find('>')?;
        Some(&greeting[from..=end])
    });
    ids.into_iter().find(|id| id.contains('@') && !id[1..].contains('<'))
}

/// A reply with these lines and the final dot.
fn listing<'l>(text: &str, lines: impl Iterator<Item = &'l str>) -> Outcome<Request> {
    let reply = Reply::default().line(&["+OK ", text]);
    positive(lines.fold(reply, |reply, line| reply.line(&[line])).line(&["."]))
}

/// The scan listing (RFC 1939 §5).
fn sizes(maildrop: &Maildrop) -> Reply {
    let (count, octets) = maildrop.stat();
    let mut reply = Reply::default().line(&["+OK ", &format!("{count} messages, {octets} octets")]);
    for (number, message) in maildrop.each() {
        let _infallible = write!(reply, "{number} {}\r\n", maildrop::size(message));
    }
    reply.line(&["."])
}

/// The unique-id listing (RFC 1939 §7).
fn unique_ids(maildrop: &Maildrop, ids: &UniqueIds) -> Reply {
    let mut reply = Reply::default().line(&["+OK unique ids follow"]);
    for (number, _) in maildrop.each() {
        let id = maildrop.unique_id(number, ids).unwrap_or_default();
        let _infallible = write!(reply, "{number} {id}\r\n");
    }
    reply.line(&["."])
}

fn no_message(number: u32) -> String {
    format!("there is no message {number}")
}

/// LANG (RFC 6856 §3.2).
fn lang(range: Option<&str>) -> Answer {
    let Some(range) = range else {
        let languages: Vec<String> = languages().collect();
        return Ok(listing("these are the languages", languages.iter().map(String::as_str)));
    };
    let tag = language(range).ok_or_else(|| format!("there are no texts in the language {range}"))?;
    Ok(ok(&format!("{tag} the language was changed")))
}

fn transact(command: Pop3Command, maildrop: &mut Maildrop, ids: &UniqueIds) -> Answer {
    let none = no_message;
    let mut reply = Reply::default();
    match command {
        Pop3Command::Stat => {
            let (count, octets) = maildrop.stat();
            reply = reply.line(&["+OK ", &format!("{count} {octets}")]);
        }
        Pop3Command::List(Some(number)) => {
            let message = maildrop.message(number).ok_or_else(|| none(number))?;
            reply = reply.line(&["+OK ", &format!("{number} {}", maildrop::size(message))]);
        }
        Pop3Command::List(None) => reply = sizes(maildrop),
        Pop3Command::Uidl(Some(number)) => {
            let id = maildrop.unique_id(number, ids).ok_or_else(|| none(number))?;
            reply = reply.line(&["+OK ", &format!("{number} {id}")]);
        }
        Pop3Command::Uidl(None) => reply = unique_ids(maildrop, ids),
        Pop3Command::Dele(number) => {
            if !maildrop.delete(number) {
                return Err(none(number));
            }
            reply = reply.line(&["+OK ", &format!("message {number} is marked as deleted")]);
        }
        Pop3Command::Rset => {
            maildrop.undelete();
            let (count, octets) = maildrop.stat();
            reply = reply.line(&["+OK ", &format!("{count} messages, {octets} octets")]);
        }
        Pop3Command::Noop => reply = reply.line(&["+OK"]),
        Pop3Command::Apop { .. }
        | Pop3Command::Auth(_)
        | Pop3Command::Pass(_)
        | Pop3Command::Stls
        | Pop3Command::User(_)
        | Pop3Command::Utf8 => {
            return Err("you are logged in already".to_owned());
        }
        Pop3Command::Capa
        | Pop3Command::Lang(_)
        | Pop3Command::Quit
        | Pop3Command::Retr(_)
        | Pop3Command::Top { .. } => unreachable!("they are handled before"),
    }
    Ok(positive(reply))
}
