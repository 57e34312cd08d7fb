//! Several sessions send random commands to the same mailboxes, and a simple model checks the replies: every untagged
//! response must be correct, and after every command the session must know all changes.

mod check;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::BytesMut;

use super::{Config, Imap, Request};
use crate::base::{SessionNo, Timestamp};
use crate::mail::{Accounts, Envelope, MailboxId, Namespace, Origin, Parameters, Recipient, Sender, Verdict};
use crate::protocol::{Machine, MailStore, MailTxn, Next, Outcome};

const SESSIONS: usize = 3;
const MAILBOXES: [&str; 2] = ["INBOX", "Work"];
const FLAGS: [&str; 5] = ["\\Seen", "\\Flagged", "\\Deleted", "$Work", "$Play"];
const LOGIN: &str = "bob@example.org";

type FlagSet = BTreeSet<String>;

#[test]
fn three_sessions_always_see_the_content_of_the_mailbox() {
    for seed in 1..=60 {
        let mut trial = Trial::new(seed);
        for _ in 0..400 {
            trial.act();
        }
        trial.finish();
    }
}

#[test]
fn no_response_is_sent_between_bye_and_the_end_of_logout() {
    let mut trial = Trial::new(1);
    trial.say(0, "b SELECT INBOX");
    trial.deliver();

    let decoded = trial.clients[0].imap.decode(&mut BytesMut::from(&b"c LOGOUT\r\n"[..])).expect("a line is a request");
    let mut txn = MailTxn::new(&mut trial.mail, Origin::Delivered, Timestamp::from_micros(0));
    let Outcome { reply, .. } = trial.clients[0].imap.perform(decoded.request, &mut txn);

    assert_eq!(reply.text(), b"* BYE Goodbye\r\nc OK Logged out\r\n");
}

/// The content of a mailbox.
#[derive(Default)]
struct Box_ {
    entries: BTreeMap<u32, FlagSet>,
    uid_next: u32,
}

/// A session, and what its client knows.
struct Client {
    imap: Imap,
    no: SessionNo,
    tag: u32,
    selected: Option<View>,
    is_idling: bool,
    under_way: Option<(Request, ModelCommand)>,
}

struct View {
    mailbox: &'static str,
    is_read_only: bool,
    uids: Vec<u32>,
    seen_to: u32,
    known: BTreeMap<u32, FlagSet>,
}

#[derive(Clone, Debug, PartialEq)]
enum ModelCommand {
    Select { mailbox: &'static str, is_read_only: bool },
    Noop,
    Close,
    Unselect,
    Idle,
    Append { mailbox: &'static str },
    Store { uids: Vec<u32>, by_uid: bool, way: char, is_silent: bool, flag: &'static str },
    Fetch { uids: Vec<u32>, by_uid: bool, reads: bool },
    Search { by_uid: bool, flag: &'static str },
    Expunge { uids: Option<Vec<u32>> },
    Copy { uids: Vec<u32>, by_uid: bool, to: &'static str, is_move: bool },
}

struct Trial {
    seed: u64,
    state: u64,
    mail: MailStore,
    boxes: BTreeMap<&'static str, Box_>,
    clients: Vec<Client>,
    /// The session in which a message is recent, by mailbox and UID.
    recent: BTreeMap<(&'static str, u32), usize>,
    log: Vec<String>,
}

impl Trial {
    fn new(seed: u64) -> Self {
        let mut mail = MailStore::new(Accounts::new(Vec::new(), Namespace::default(), 1));
        let mut txn = MailTxn::new(&mut mail, Origin::Delivered, Timestamp::from_micros(0));
        txn.mailbox_of(LOGIN, "Work").expect("the mailbox is valid");
        let config = Arc::new(Config::for_test());
        let mut trial = Self {
            seed,
            state: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1,
            mail,
            boxes: MAILBOXES.map(|name| (name, Box_ { uid_next: 1, ..Box_::default() })).into(),
            clients: Vec::new(),
            recent: BTreeMap::new(),
            log: Vec::new(),
        };
        for i in 0..SESSIONS {
            let no = SessionNo(i as u32 + 1);
            let imap = Imap::new(Arc::clone(&config), false, false);
            let client = Client { imap, no, tag: 0, selected: None, is_idling: false, under_way: None };
            trial.clients.push(client);
            trial.say(i, "");
            trial.say(i, &format!("a LOGIN {LOGIN} secret"));
        }
        trial
    }

    fn draw(&mut self, below: usize) -> usize {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        (self.state % below as u64) as usize
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.draw(from.len())]
    }

    /// Sends a line to the server. Returns the text of its reply, and the rest of a long reply.
    fn say(&mut self, who: usize, line: &str) -> (String, Option<Request>) {
        let mut input = BytesMut::from(format!("{line}\r\n").as_bytes());
        if line.is_empty() {
            input.clear();
        }
        let decoded = self.clients[who].imap.decode(&mut input).expect("a line is a request");
        self.perform(who, decoded.request)
    }

    fn perform(&mut self, who: usize, mut request: Request) -> (String, Option<Request>) {
        // A long reply has parts of any size, which are computed before or during their turns.
        let (is_single, is_ahead) = (self.draw(2) == 0, self.draw(2) == 0);
        let client = &mut self.clients[who];
        if is_ahead && client.imap.gather(&mut request, &self.mail.accounts) > 0 {
            Imap::compute(&mut request);
        }
        let mut txn = MailTxn::new(&mut self.mail, Origin::Session(client.no), Timestamp::from_micros(0));
        if is_single {
            txn.give_single();
        }
        let Outcome { reply, next, .. } = client.imap.perform(request, &mut txn);
        let text = String::from_utf8(reply.recorded().text.into_owned()).expect("replies are text");
        self.log.push(format!("{who}: {}", text.replace("\r\n", "\n   ")));
        match next {
            Next::More(rest) => (text, Some(rest)),
            Next::Continue => (text, None),
            Next::Layer(_) | Next::End => panic!("{}: the session ends", self.story()),
        }
    }

    /// Does one random action.
    fn act(&mut self) {
        let who = self.draw(SESSIONS);
        if self.draw(8) == 0 {
            self.deliver();
        } else if self.draw(25) == 0 {
            self.expunge_from_outside();
        } else if let Some((rest, command)) = self.clients[who].under_way.take() {
            let (text, more) = self.perform(who, rest);
            self.answered(who, command, &text, more);
        } else if self.clients[who].is_idling {
            self.log.push(format!("{who}< DONE"));
            let (text, _) = self.say(who, "DONE");
            self.clients[who].is_idling = false;
            self.check(who, &ModelCommand::Noop, &text, true);
        } else {
            let command = self.command(who);
            self.clients[who].tag += 1;
            let line = format!("t{} {}", self.clients[who].tag, self.spell(who, &command));
            self.log.push(format!("{who}< {line}"));
            let (text, more) = self.say(who, &line);
            self.answered(who, command, &text, more);
        }
        self.push();
    }

    /// Completes the command of every session. Then each session must know all changes.
    fn finish(&mut self) {
        for who in 0..SESSIONS {
            while let Some((rest, command)) = self.clients[who].under_way.take() {
                let (text, more) = self.perform(who, rest);
                self.answered(who, command, &text, more);
            }
            let line = if self.clients[who].is_idling { "DONE" } else { "z NOOP" };
            let (text, _) = self.say(who, line);
            self.clients[who].is_idling = false;
            self.check(who, &ModelCommand::Noop, &text, true);
        }
    }

    /// Sessions in IDLE must get changes at once.
    fn push(&mut self) {
        for who in 0..SESSIONS {
            if !self.clients[who].is_idling {
                continue;
            }
            if let Some(decoded) = self.clients[who].imap.notice(&self.mail.accounts) {
                let (text, _) = self.perform(who, decoded.request);
                self.check(who, &ModelCommand::Idle, &text, true);
            } else {
                self.check(who, &ModelCommand::Idle, "", true);
            }
        }
    }

    fn deliver(&mut self) {
        let recipient = Recipient::new(LOGIN, Parameters::default(), Verdict::Accepted);
        let envelope =
            Envelope::new(Sender::new("", Parameters::default()), vec![recipient]).expect("a recipient is accepted");
        let mut txn = MailTxn::new(&mut self.mail, Origin::Delivered, Timestamp::from_micros(0));
        txn.deliver(envelope, "Subject: x\r\n\r\ntext\r\n".into());
        self.file("INBOX", FlagSet::new());
        self.log.push("delivered".to_owned());
    }

    fn expunge_from_outside(&mut self) {
        let Some(uid) = self.boxes["INBOX"].entries.keys().next().copied() else { return };
        let account = self.mail.accounts.find(LOGIN).expect("bob has an account");
        let mailbox = self.mail.accounts.account(account).expect("bob has an account").inbox().no;
        let mut txn = MailTxn::new(&mut self.mail, Origin::Delivered, Timestamp::from_micros(0));
        txn.expunge(MailboxId { account, mailbox }, uid);
        self.box_mut("INBOX").entries.remove(&uid);
        self.log.push(format!("INBOX {uid} expunged from outside"));
    }

    fn file(&mut self, name: &str, flags: FlagSet) -> u32 {
        let its = self.box_mut(name);
        let uid = its.uid_next;
        its.uid_next += 1;
        its.entries.insert(uid, flags);
        uid
    }

    fn box_mut(&mut self, name: &str) -> &mut Box_ {
        self.boxes.get_mut(name).expect("the model has this mailbox")
    }

    fn command(&mut self, who: usize) -> ModelCommand {
        let mailbox = self.pick(&MAILBOXES);
        let Some(view) = &self.clients[who].selected else {
            return match self.draw(6) {
                0 => ModelCommand::Append { mailbox },
                1 => ModelCommand::Noop,
                _ => ModelCommand::Select { mailbox, is_read_only: self.draw(4) == 0 },
            };
        };
        let all = view.uids.clone();
        let mut some: Vec<u32> = Vec::new();
        for uid in all {
            if self.draw(3) == 0 {
                some.push(uid);
            }
        }
        let (by_uid, flag) = (self.draw(2) == 0, self.pick(&FLAGS));
        // A set of numbers must not be empty.
        let by_uid = by_uid || some.is_empty();
        match self.draw(20) {
            0 => ModelCommand::Select { mailbox, is_read_only: self.draw(4) == 0 },
            1 => ModelCommand::Close,
            2 => ModelCommand::Unselect,
            3 | 4 => ModelCommand::Noop,
            5 | 6 => ModelCommand::Idle,
            7 => ModelCommand::Append { mailbox },
            8..=11 => {
                let (way, is_silent) = (self.pick(&['+', '-', '=']), self.draw(2) == 0);
                ModelCommand::Store { uids: some, by_uid, way, is_silent, flag }
            }
            12..=14 => ModelCommand::Fetch { uids: some, by_uid, reads: self.draw(2) == 0 },
            15 => ModelCommand::Search { by_uid, flag },
            16 => ModelCommand::Expunge { uids: None },
            17 => ModelCommand::Expunge { uids: Some(some) },
            18 => ModelCommand::Copy { uids: some, by_uid, to: mailbox, is_move: false },
            _ => ModelCommand::Copy { uids: some, by_uid, to: mailbox, is_move: true },
        }
    }

    fn spell(&self, who: usize, command: &ModelCommand) -> String {
        let set = |uids: &[u32], by_uid: bool| -> String {
            let view = self.clients[who].selected.as_ref().expect("a mailbox is selected");
            let number = |uid: &u32| match by_uid {
                true => *uid,
                false => view.uids.binary_search(uid).expect("the view has the message") as u32 + 1,
            };
            let numbers: Vec<String> = uids.iter().map(|uid| number(uid).to_string()).collect();
            if numbers.is_empty() { "4000000000".to_owned() } else { numbers.join(",") }
        };
        let uid = |by_uid: bool| if by_uid { "UID " } else { "" };
        match command {
            ModelCommand::Select { mailbox, is_read_only: true } => format!("EXAMINE {mailbox}"),
            ModelCommand::Select { mailbox, .. } => format!("SELECT {mailbox}"),
            ModelCommand::Noop => "NOOP".to_owned(),
            ModelCommand::Close => "CLOSE".to_owned(),
            ModelCommand::Unselect => "UNSELECT".to_owned(),
            ModelCommand::Idle => "IDLE".to_owned(),
            ModelCommand::Append { mailbox } => format!("APPEND {mailbox} (\\Seen) {{12+}}\r\nSubject: x\r\n"),
            ModelCommand::Store { uids, by_uid, way, is_silent, flag } => {
                let way = if *way == '=' { String::new() } else { way.to_string() };
                let silent = if *is_silent { ".SILENT" } else { "" };
                format!("{}STORE {} {way}FLAGS{silent} ({flag})", uid(*by_uid), set(uids, *by_uid))
            }
            ModelCommand::Fetch { uids, by_uid, reads } => {
                let items = if *reads { "(UID BODY[])" } else { "(UID FLAGS)" };
                format!("{}FETCH {} {items}", uid(*by_uid), set(uids, *by_uid))
            }
            ModelCommand::Search { by_uid, flag } => format!("{}SEARCH {}", uid(*by_uid), key(flag)),
            ModelCommand::Expunge { uids: None } => "EXPUNGE".to_owned(),
            ModelCommand::Expunge { uids: Some(uids) } => format!("UID EXPUNGE {}", set(uids, true)),
            ModelCommand::Copy { uids, by_uid, to, is_move } => {
                let verb = if *is_move { "MOVE" } else { "COPY" };
                format!("{}{verb} {} {to}", uid(*by_uid), set(uids, *by_uid))
            }
        }
    }

    fn story(&self) -> String {
        let from = self.log.len().saturating_sub(60);
        format!("seed {}\n{}", self.seed, self.log[from..].join("\n"))
    }
}

/// The search key for a flag.
fn key(flag: &str) -> String {
    match flag.strip_prefix('\\') {
        Some(system) => system.to_ascii_uppercase(),
        None => format!("KEYWORD {flag}"),
    }
}
