//! What becomes of a request: the command is performed, the news told, the tagged line said.

use super::command::{self, ImapCommand};
use super::parser::Parser;
use super::tokenizer::RawCommand;
use super::{Answer, Ask, Imap, ImapState, Mode, Progress, Refusal, Request};
use crate::protocol::{Event, Layer, MailTxn, Next, Outcome, Reply, StartTls, Status};

impl Imap {
    pub(super) fn answer(&mut self, ask: Ask, txn: &mut MailTxn<'_>) -> Outcome<Request> {
        let mut out = Reply::default();
        if let Some(gone) = self.is_gone(txn).filter(|_| !matches!(ask, Ask::Stop | Ask::Lapse)) {
            return bye(format_args!("{gone}"));
        }
        match ask {
            Ask::Greeting => self.greet(out),
            Ask::Command(tag, command) => {
                let may_expunge = command.may_expunge();
                let answer = self.command(&tag, command, txn, &mut out);
                self.complete(tag, may_expunge, answer, txn, out)
            }
            Ask::More { tag, may_expunge, work } => {
                let answer = self.go_on(work, txn, &mut out);
                self.complete(tag, may_expunge, answer, txn, out)
            }
            Ask::Literal(raw) => self.literal(&raw, txn, out),
            Ask::Refused(tag, Refusal { status, text }) => {
                // Without a tag there is nothing to answer but to say that something was wrong.
                out.add(format_args!("{} {status} {text}\r\n", tag.as_deref().unwrap_or("*")));
                Outcome { reply: out, status: Some(Status::Negative), next: Next::Continue }
            }
            Ask::Sasl(response) => {
                let Mode::Sasl(tag, exchange) = std::mem::replace(&mut self.mode, Mode::Command) else {
                    unreachable!("a response is heard only while a login is under way")
                };
                let answer = self.respond(&tag, exchange, &response, txn, &mut out);
                self.complete(tag, true, answer, txn, out)
            }
            Ask::EndIdle(line) => {
                let Mode::Idle(tag) = std::mem::replace(&mut self.mode, Mode::Command) else {
                    unreachable!("the end of IDLE is heard only within it")
                };
                let answer = self.end_idle(&line, txn);
                self.complete(tag, true, answer, txn, out)
            }
            Ask::Push => {
                if let ImapState::Selected(_, view) = &mut self.state {
                    view.sync(txn, &mut out, true);
                }
                Outcome { reply: out, status: None, next: Next::Continue }
            }
            // What follows is not meant for a mail server, or comes from a page that means harm.
            Ask::Http => bye(format_args!("This is IMAP, not HTTP")),
            Ask::Lapse => bye(format_args!("I have waited too long for you")),
            Ask::Stop => bye(format_args!("I am shutting down")),
        }
    }

    fn greet(&self, mut out: Reply) -> Outcome<Request> {
        let host = &self.config.host;
        if self.is_busy {
            return bye(format_args!("{host} has too many sessions; come back later"));
        }
        match self.offers().and_then(|offer| offer.greeting.as_deref()) {
            Some(greeting) => out.add(format_args!("* OK {greeting}\r\n")),
            None => {
                out.push("* OK [CAPABILITY ");
                self.push_capabilities(&mut out);
                out.add(format_args!("] {host} mailjig\r\n"));
            }
        }
        Outcome { reply: out, status: Some(Status::Positive), next: Next::Continue }
    }

    /// Why this session cannot go on: its account, or the mailbox it selected, is no longer there (RFC 2180 §3.3).
    fn is_gone(&self, txn: &MailTxn<'_>) -> Option<&'static str> {
        let account = self.account()?;
        if txn.account(account).is_none() {
            return Some("The account is gone");
        }
        let view = self.view().ok()?;
        match txn.mailbox(view.place) {
            None => Some("The mailbox was deleted"),
            // RFC 3501 §2.3.1.1: within a session UIDs stay what they are.
            Some(mailbox) if mailbox.uid_validity != view.uid_validity => Some("The UIDs of the mailbox changed"),
            Some(_) => None,
        }
    }

    fn command(&mut self, tag: &str, command: ImapCommand, txn: &mut MailTxn<'_>, out: &mut Reply) -> Answer {
        let Some(account) = self.account() else { return self.command_before_login(tag, command, txn, out) };
        match command {
            ImapCommand::Append(append) => self.append(account, append, txn),
            ImapCommand::Check => Ok(Progress::Done("Checked".to_owned())),
            ImapCommand::Close => self.close(account, txn),
            ImapCommand::Copy { set, by_uid, mailbox, is_move } => {
                self.copy(account, (&set, by_uid), &mailbox, is_move, txn, out)
            }
            ImapCommand::Create { mailbox, special_use } => self.create(account, &mailbox, special_use, txn),
            ImapCommand::Delete(mailbox) => self.delete(account, &mailbox, txn),
            ImapCommand::Enable => {
                // RFC 5161 §3.2: what is not known is not enabled, and no error.
                out.push("* ENABLED\r\n");
                Ok(Progress::Done("There is nothing that needs to be enabled".to_owned()))
            }
            ImapCommand::Expunge(uids) => self.expunge(uids.as_ref(), txn),
            ImapCommand::Fetch(fetch) => self.fetch(fetch, txn, out),
            ImapCommand::Idle => self.idle(tag, txn, out),
            ImapCommand::List(list) => self.list(account, &list, txn, out),
            ImapCommand::Namespace => self.namespace(txn, out),
            ImapCommand::Rename { from, to } => self.rename(account, &from, &to, txn),
            ImapCommand::Search(search) => self.search(search, txn, out),
            ImapCommand::Select(select) => self.select(account, select, txn, out),
            ImapCommand::Status { mailbox, items } => self.status(account, &mailbox, &items, txn, out),
            ImapCommand::Store(store) => self.store(store, txn, out),
            ImapCommand::Subscribe { mailbox, subscribed } => self.subscribe(account, &mailbox, subscribed, txn),
            ImapCommand::Unselect => self.unselect(account, txn),
            other => self.command_before_login(tag, other, txn, out),
        }
    }

    fn command_before_login(
        &mut self,
        tag: &str,
        command: ImapCommand,
        txn: &mut MailTxn<'_>,
        out: &mut Reply,
    ) -> Answer {
        let leads_to_tls = matches!(
            command,
            ImapCommand::Capability | ImapCommand::Logout | ImapCommand::Noop | ImapCommand::Starttls
        );
        if self.lacks_tls(StartTls::BeforeAnything) && !leads_to_tls {
            return Err(Refusal::starttls_first());
        }
        match command {
            ImapCommand::Authenticate { mechanism, initial } => self.authenticate(tag, &mechanism, initial, txn, out),
            ImapCommand::Capability => {
                out.push("* CAPABILITY ");
                self.push_capabilities(out);
                out.push("\r\n");
                Ok(Progress::Done("That is what I can do".to_owned()))
            }
            ImapCommand::Id => {
                let version = env!("CARGO_PKG_VERSION");
                out.add(format_args!("* ID (\"name\" \"mailjig\" \"version\" \"{version}\")\r\n"));
                Ok(Progress::Done("Pleased to meet you".to_owned()))
            }
            ImapCommand::Login { login, password } => self.login(&login, &password, txn),
            ImapCommand::Logout => {
                out.push("* BYE Goodbye\r\n");
                Ok(Progress::End("Logged out".to_owned()))
            }
            ImapCommand::Noop => Ok(Progress::Done("Done".to_owned())),
            ImapCommand::Starttls if self.is_secured => Err(Refusal::bad("TLS is active already")),
            ImapCommand::Starttls if self.config.starttls == StartTls::Never => {
                Err(Refusal::bad("STARTTLS is not implemented"))
            }
            ImapCommand::Starttls => Ok(Progress::Secure("Begin the TLS handshake".to_owned())),
            _ => Err(Refusal::bad("log in first")),
        }
    }

    /// The news that may be told now, and the tagged line.
    fn complete(
        &mut self,
        tag: Box<str>,
        may_expunge: bool,
        answer: Answer,
        txn: &mut MailTxn<'_>,
        mut out: Reply,
    ) -> Outcome<Request> {
        // Behind BYE nothing is told but the end of LOGOUT (RFC 3501 §6.1.3).
        let is_over = !matches!(answer, Ok(Progress::More(_) | Progress::Continuation | Progress::End(_)));
        if let ImapState::Selected(_, view) = &mut self.state
            && is_over
        {
            view.sync(txn, &mut out, may_expunge);
        }
        let (word, text, status, next) = match answer {
            Ok(Progress::Done(text)) => ("OK", text, Status::Positive, Next::Continue),
            Ok(Progress::LoggedIn) => {
                out.add(format_args!("{tag} OK [CAPABILITY "));
                self.push_capabilities(&mut out);
                out.push("] You are logged in\r\n");
                return Outcome { reply: out, status: Some(Status::Positive), next: Next::Continue };
            }
            Ok(Progress::Secure(text)) => ("OK", text, Status::Positive, Next::Layer(Layer::Tls)),
            Ok(Progress::End(text)) => ("OK", text, Status::Positive, Next::End),
            Ok(Progress::Continuation) => {
                return Outcome { reply: out, status: Some(Status::Positive), next: Next::Continue };
            }
            Ok(Progress::More(work)) => {
                let next = Next::More(Request(Ask::More { tag, may_expunge, work }));
                return Outcome { reply: out, status: None, next };
            }
            Err(Refusal { status, text }) => (status, text, Status::Negative, Next::Continue),
        };
        out.add(format_args!("{tag} {word} {text}\r\n"));
        Outcome { reply: out, status: Some(status), next }
    }

    /// A literal may come, unless what stands before it is refused already (RFC 3501 §7.5).
    fn literal(&mut self, raw: &RawCommand, txn: &MailTxn<'_>, mut out: Reply) -> Outcome<Request> {
        let status = match self.objection(raw, txn) {
            None => {
                self.tokenizer.permit();
                out.push("+ go ahead\r\n");
                Status::Positive
            }
            Some((tag, Refusal { status, text })) => {
                self.tokenizer.reject();
                out.add(format_args!("{} {status} {text}\r\n", tag.as_deref().unwrap_or("*")));
                Status::Negative
            }
        };
        Outcome { reply: out, status: Some(status), next: Next::Continue }
    }

    /// What can be said of a command before its literal has come: that it may not come at all, and for APPEND all
    /// that stands before the message.
    fn objection(&self, raw: &RawCommand, txn: &MailTxn<'_>) -> Option<(Option<Box<str>>, Refusal)> {
        let leniency = self.config.leniency;
        let mut parser = Parser::new(&raw.text, &raw.messages).lenient(leniency);
        let tag: Box<str> = match parser.tag() {
            Ok(tag) => tag.into(),
            Err(wrong) => return Some((None, Refusal::wrong(wrong))),
        };
        let refused = |refusal| Some((Some(tag), refusal));
        let (verb, by_uid) = match command::verb(&mut parser) {
            Ok(verb) => verb,
            Err(wrong) => return refused(Refusal::wrong(wrong)),
        };
        if let Err(refusal) = self.admits(verb.needs, verb.name) {
            return refused(refusal);
        }
        // A user name or a password is not asked for where it may not be sent.
        if verb.event == Event::ImapLogin
            && let Err(refusal) = self.may_log_in()
        {
            return refused(refusal);
        }
        if verb.event != Event::ImapAppend {
            return None;
        }
        // The size announced ends the line; the parser looks for the line's end.
        let text = [&raw.text, &b"\r\n"[..]].concat();
        let mut whole = Parser::new(&text, &raw.messages).lenient(leniency);
        let parsed = whole.tag().and_then(|_| command::verb(&mut whole)).and_then(|_| verb.parse(&mut whole, by_uid));
        match (parsed, self.account()) {
            // What is missing is what comes.
            (Err(wrong), _) if wrong.at >= text.len() => None,
            (Err(wrong), _) => refused(Refusal::wrong(wrong)),
            (Ok(ImapCommand::Append(append)), Some(account)) => {
                Self::may_append(account, &append, txn).err().and_then(refused)
            }
            (Ok(_), _) => None,
        }
    }
}

/// The session is over, whatever the client wanted (RFC 3501 §7.1.5).
fn bye(why: std::fmt::Arguments<'_>) -> Outcome<Request> {
    let mut reply = Reply::default();
    reply.add(format_args!("* BYE {why}\r\n"));
    Outcome { reply, status: Some(Status::Negative), next: Next::End }
}
