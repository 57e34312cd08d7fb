//! Several sessions on the same mailboxes, with random commands, against a model that is too simple to be wrong: every
//! untagged response is checked, and after every command each session must know what there is to know.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::BytesMut;

use super::{Config, Imap, Leniency, Limits, Request};
use crate::base::{SessionNo, Timestamp};
use crate::mail::{Accounts, Envelope, Namespace, Origin, Parameters, Place, Recipient, Sender, Verdict};
use crate::protocol::{Desk, Machine, Mail, Next, StartTls, Step};

const SESSIONS: usize = 3;
const MAILBOXES: [&str; 2] = ["INBOX", "Work"];
const FLAGS: [&str; 5] = ["\\Seen", "\\Flagged", "\\Deleted", "$Work", "$Play"];
const LOGIN: &str = "bob@example.org";

type FlagSet = BTreeSet<String>;

#[test]
fn three_sessions_always_see_what_is_there() {
    for seed in 1..=60 {
        let mut trial = Trial::new(seed);
        for _ in 0..400 {
            trial.act();
        }
        trial.finish();
    }
}

#[test]
fn nothing_comes_between_bye_and_the_end_of_logout() {
    let mut trial = Trial::new(1);
    trial.say(0, "b SELECT INBOX");
    trial.deliver();

    let heard = trial.clients[0].imap.decode(&mut BytesMut::from(&b"c LOGOUT\r\n"[..])).expect("it is a line");
    let mut desk = Desk::new(&mut trial.mail, Origin::Delivered, Timestamp::from_micros(0));
    let Step { reply, .. } = trial.clients[0].imap.perform(heard.request, &mut desk);

    assert_eq!(reply.text(), b"* BYE Goodbye\r\nc OK Logged out\r\n");
}

/// What is in a mailbox.
#[derive(Default)]
struct Box_ {
    entries: BTreeMap<u32, FlagSet>,
    uid_next: u32,
}

/// A session, and what its client has been told.
struct Client {
    imap: Imap,
    no: SessionNo,
    tag: u32,
    selected: Option<View>,
    is_idling: bool,
    under_way: Option<(Request, Command)>,
}

struct View {
    mailbox: &'static str,
    is_read_only: bool,
    uids: Vec<u32>,
    seen_to: u32,
    known: BTreeMap<u32, FlagSet>,
}

#[derive(Clone, Debug, PartialEq)]
enum Command {
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
    mail: Mail,
    boxes: BTreeMap<&'static str, Box_>,
    clients: Vec<Client>,
    /// Which session was told that a message is recent, by mailbox and UID.
    recent: BTreeMap<(&'static str, u32), usize>,
    log: Vec<String>,
}

impl Trial {
    fn new(seed: u64) -> Self {
        let mut mail = Mail::new(Accounts::new(Vec::new(), Namespace::default(), 1));
        let mut desk = Desk::new(&mut mail, Origin::Delivered, Timestamp::from_micros(0));
        desk.mailbox_of(LOGIN, "Work").expect("it can be made");
        let config = Config {
            host: "test".into(),
            starttls: StartTls::Never,
            limits: Limits::default(),
            leniency: Leniency::STRICT,
        };
        let config = Arc::new(config);
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

    /// A line from a client, and what the server says to it; a rest is kept by the client.
    fn say(&mut self, who: usize, line: &str) -> (String, Option<Request>) {
        let mut input = BytesMut::from(format!("{line}\r\n").as_bytes());
        if line.is_empty() {
            input.clear();
        }
        let heard = self.clients[who].imap.decode(&mut input).expect("a line is a request");
        self.perform(who, heard.request)
    }

    fn perform(&mut self, who: usize, mut request: Request) -> (String, Option<Request>) {
        // A long answer is given in parts of any size, computed before their turn or in it.
        let (is_single, is_ahead) = (self.draw(2) == 0, self.draw(2) == 0);
        let client = &mut self.clients[who];
        if is_ahead && client.imap.gather(&mut request, &self.mail.accounts) > 0 {
            Imap::compute(&mut request);
        }
        let mut desk = Desk::new(&mut self.mail, Origin::Session(client.no), Timestamp::from_micros(0));
        if is_single {
            desk.give_single();
        }
        let Step { reply, next, .. } = client.imap.perform(request, &mut desk);
        let text = String::from_utf8(reply.recorded().text.into_owned()).expect("it is text");
        self.log.push(format!("{who}: {}", text.replace("\r\n", "\n   ")));
        match next {
            Next::More(rest) => (text, Some(rest)),
            Next::Continue => (text, None),
            Next::Secure | Next::End => panic!("{}: the session ends", self.story()),
        }
    }

    /// One random thing.
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
            self.check(who, &Command::Noop, &text, true);
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

    /// Every session ends what it does, and then knows everything.
    fn finish(&mut self) {
        for who in 0..SESSIONS {
            while let Some((rest, command)) = self.clients[who].under_way.take() {
                let (text, more) = self.perform(who, rest);
                self.answered(who, command, &text, more);
            }
            let line = if self.clients[who].is_idling { "DONE" } else { "z NOOP" };
            let (text, _) = self.say(who, line);
            self.clients[who].is_idling = false;
            self.check(who, &Command::Noop, &text, true);
        }
    }

    /// Sessions that idle are told at once.
    fn push(&mut self) {
        for who in 0..SESSIONS {
            if !self.clients[who].is_idling {
                continue;
            }
            if let Some(heard) = self.clients[who].imap.notice(&self.mail.accounts) {
                let (text, _) = self.perform(who, heard.request);
                self.check(who, &Command::Idle, &text, true);
            } else {
                self.check(who, &Command::Idle, "", true);
            }
        }
    }

    fn deliver(&mut self) {
        let recipient = Recipient::new(LOGIN, Parameters::default(), Verdict::Accepted);
        let envelope = Envelope::new(Sender::new("", Parameters::default()), vec![recipient]).expect("it is for bob");
        let mut desk = Desk::new(&mut self.mail, Origin::Delivered, Timestamp::from_micros(0));
        desk.deliver(envelope, "Subject: x\r\n\r\ntext\r\n".into());
        self.file("INBOX", FlagSet::new());
        self.log.push("delivered".to_owned());
    }

    fn expunge_from_outside(&mut self) {
        let Some(uid) = self.boxes["INBOX"].entries.keys().next().copied() else { return };
        let account = self.mail.accounts.find(LOGIN).expect("bob is there");
        let mailbox = self.mail.accounts.account(account).expect("bob is there").inbox().no;
        let mut desk = Desk::new(&mut self.mail, Origin::Delivered, Timestamp::from_micros(0));
        desk.expunge(Place { account, mailbox }, uid);
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
        self.boxes.get_mut(name).expect("there are two")
    }

    fn command(&mut self, who: usize) -> Command {
        let mailbox = self.pick(&MAILBOXES);
        let Some(view) = &self.clients[who].selected else {
            return match self.draw(6) {
                0 => Command::Append { mailbox },
                1 => Command::Noop,
                _ => Command::Select { mailbox, is_read_only: self.draw(4) == 0 },
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
        // A set of numbers is never empty.
        let by_uid = by_uid || some.is_empty();
        match self.draw(20) {
            0 => Command::Select { mailbox, is_read_only: self.draw(4) == 0 },
            1 => Command::Close,
            2 => Command::Unselect,
            3 | 4 => Command::Noop,
            5 | 6 => Command::Idle,
            7 => Command::Append { mailbox },
            8..=11 => {
                let (way, is_silent) = (self.pick(&['+', '-', '=']), self.draw(2) == 0);
                Command::Store { uids: some, by_uid, way, is_silent, flag }
            }
            12..=14 => Command::Fetch { uids: some, by_uid, reads: self.draw(2) == 0 },
            15 => Command::Search { by_uid, flag },
            16 => Command::Expunge { uids: None },
            17 => Command::Expunge { uids: Some(some) },
            18 => Command::Copy { uids: some, by_uid, to: mailbox, is_move: false },
            _ => Command::Copy { uids: some, by_uid, to: mailbox, is_move: true },
        }
    }

    fn spell(&self, who: usize, command: &Command) -> String {
        let set = |uids: &[u32], by_uid: bool| -> String {
            let view = self.clients[who].selected.as_ref().expect("a mailbox is selected");
            let number = |uid: &u32| match by_uid {
                true => *uid,
                false => view.uids.binary_search(uid).expect("it is in the view") as u32 + 1,
            };
            let numbers: Vec<String> = uids.iter().map(|uid| number(uid).to_string()).collect();
            if numbers.is_empty() { "4000000000".to_owned() } else { numbers.join(",") }
        };
        let uid = |by_uid: bool| if by_uid { "UID " } else { "" };
        match command {
            Command::Select { mailbox, is_read_only: true } => format!("EXAMINE {mailbox}"),
            Command::Select { mailbox, .. } => format!("SELECT {mailbox}"),
            Command::Noop => "NOOP".to_owned(),
            Command::Close => "CLOSE".to_owned(),
            Command::Unselect => "UNSELECT".to_owned(),
            Command::Idle => "IDLE".to_owned(),
            Command::Append { mailbox } => format!("APPEND {mailbox} (\\Seen) {{12+}}\r\nSubject: x\r\n"),
            Command::Store { uids, by_uid, way, is_silent, flag } => {
                let way = if *way == '=' { String::new() } else { way.to_string() };
                let silent = if *is_silent { ".SILENT" } else { "" };
                format!("{}STORE {} {way}FLAGS{silent} ({flag})", uid(*by_uid), set(uids, *by_uid))
            }
            Command::Fetch { uids, by_uid, reads } => {
                let items = if *reads { "(UID BODY[])" } else { "(UID FLAGS)" };
                format!("{}FETCH {} {items}", uid(*by_uid), set(uids, *by_uid))
            }
            Command::Search { by_uid, flag } => format!("{}SEARCH {}", uid(*by_uid), key(flag)),
            Command::Expunge { uids: None } => "EXPUNGE".to_owned(),
            Command::Expunge { uids: Some(uids) } => format!("UID EXPUNGE {}", set(uids, true)),
            Command::Copy { uids, by_uid, to, is_move } => {
                let verb = if *is_move { "MOVE" } else { "COPY" };
                format!("{}{verb} {} {to}", uid(*by_uid), set(uids, *by_uid))
            }
        }
    }

    /// A turn of a command was answered: what it did is done to the model, then the answer is checked.
    fn answered(&mut self, who: usize, command: Command, text: &str, more: Option<Request>) {
        let is_over = more.is_none();
        let is_ok = text.lines().any(|line| line.starts_with('t') && line.contains(" OK"));
        let view = |trial: &Self| trial.clients[who].selected.as_ref().map(|view| (view.mailbox, view.is_read_only));
        match &command {
            Command::Select { mailbox, is_read_only } => {
                let its = &self.boxes[mailbox];
                let uids: Vec<u32> = its.entries.keys().copied().collect();
                let exists = format!("* {} EXISTS\r\n", uids.len());
                assert!(text.contains(&exists) && is_ok, "{}", self.story());
                let view = View {
                    mailbox,
                    is_read_only: *is_read_only,
                    uids,
                    seen_to: its.uid_next,
                    known: its.entries.clone(),
                };
                self.clients[who].selected = Some(view);
                return;
            }
            Command::Close | Command::Unselect => {
                if let Some((mailbox, false)) = view(self).filter(|_| command == Command::Close) {
                    self.box_mut(mailbox).entries.retain(|_, flags| !flags.contains("\\Deleted"));
                }
                assert!(is_ok && !text.contains("* "), "{}", self.story());
                self.clients[who].selected = None;
                return;
            }
            Command::Idle => {
                assert_eq!(text, "+ idling\r\n", "{}", self.story());
                self.clients[who].is_idling = true;
                return;
            }
            Command::Append { mailbox } => {
                let uid = self.file(mailbox, [String::from("\\Seen")].into());
                assert!(text.contains(&format!(" {uid}] Appended")), "{}", self.story());
            }
            Command::Store { uids, way, flag, .. } if is_ok || text.contains("EXPUNGEISSUED") => {
                let (mailbox, is_read_only) = view(self).expect("a mailbox is selected");
                assert!(!is_read_only, "{}", self.story());
                let mut now: BTreeMap<u32, FlagSet> = BTreeMap::new();
                for uid in uids {
                    let Some(flags) = self.box_mut(mailbox).entries.get_mut(uid) else { continue };
                    match way {
                        '+' => drop(flags.insert((*flag).to_owned())),
                        '-' => drop(flags.remove(*flag)),
                        _ => *flags = [(*flag).to_owned()].into(),
                    }
                    now.insert(*uid, flags.clone());
                }
                // A client knows what it did itself, said or not.
                let client = &mut self.clients[who];
                client.selected.as_mut().expect("it is selected").known.extend(now);
            }
            Command::Expunge { uids } if is_over && is_ok => {
                let (mailbox, _) = view(self).expect("a mailbox is selected");
                let is_meant = |uid: &u32| uids.as_ref().is_none_or(|uids| uids.contains(uid));
                let known = self.clients[who].selected.as_ref().expect("it is selected").uids.clone();
                self.box_mut(mailbox)
                    .entries
                    .retain(|uid, flags| !(known.contains(uid) && is_meant(uid) && flags.contains("\\Deleted")));
            }
            Command::Copy { uids, to, is_move, .. } => {
                let (from, _) = view(self).expect("a mailbox is selected");
                for uid in uids {
                    let flags = self.boxes[from].entries.get(uid).cloned();
                    if let Some(flags) = flags.filter(|_| text.contains("COPYUID")) {
                        self.file(to, flags);
                    }
                    // What is moved goes in a turn of its own.
                    if *is_move && is_over && is_ok {
                        self.box_mut(from).entries.remove(uid);
                    }
                }
            }
            _ => {}
        }
        if let Some(rest) = more {
            self.clients[who].under_way = Some((rest, command.clone()));
        }
        self.check(who, &command, text, is_over);
    }

    /// Reads what the server said; at the end of a command the session knows what there is to know.
    fn check(&mut self, who: usize, command: &Command, text: &str, is_over: bool) {
        let by_number = matches!(
            command,
            Command::Fetch { by_uid: false, .. }
                | Command::Store { by_uid: false, .. }
                | Command::Search { by_uid: false, .. }
        );
        if let (Command::Search { by_uid, flag }, true) = (command, is_over) {
            let view = self.clients[who].selected.as_ref().expect("it is selected");
            let entries = &self.boxes[view.mailbox].entries;
            let has = |uid: &u32| entries.get(uid).is_some_and(|flags| flags.contains(*flag));
            let found = view.uids.iter().zip(1..).filter(|(uid, _)| has(uid));
            let wanted: String =
                found.map(|(uid, number)| format!(" {}", if *by_uid { *uid } else { number })).collect();
            let line = format!("* SEARCH{wanted}");
            assert!(text.lines().any(|its| its == line), "{}\nwanted {line}", self.story());
        }
        let mut stored: BTreeSet<u32> = BTreeSet::new();
        let text = text.replace("}\r\n", "} ");
        for line in text.lines().filter_map(|line| line.strip_prefix("* ")) {
            let words: Vec<&str> = line.split(' ').collect();
            let Some(view) = self.clients[who].selected.as_mut() else { continue };
            let mailbox = &self.boxes[view.mailbox];
            match (words[0].parse::<usize>(), words.get(1)) {
                (Ok(number), Some(&"EXPUNGE")) => {
                    assert!(!by_number, "{}\nEXPUNGE where numbers must stay", self.story());
                    let uid = view.uids.remove(number - 1);
                    view.known.remove(&uid);
                    let is_gone = !mailbox.entries.contains_key(&uid);
                    assert!(is_gone, "{}\n{uid} is still there", self.story());
                }
                (Ok(count), Some(&"EXISTS")) => {
                    for (uid, flags) in mailbox.entries.range(view.seen_to..) {
                        view.uids.push(*uid);
                        view.known.insert(*uid, flags.clone());
                    }
                    view.seen_to = mailbox.uid_next;
                    let wanted = view.uids.len();
                    assert_eq!(count, wanted, "{}\nit exists otherwise", self.story());
                }
                (Ok(number), Some(&"FETCH")) => {
                    let uid = view.uids[number - 1];
                    if let Some(at) = words.iter().position(|word| word.ends_with("UID")) {
                        let said: u32 = words[at + 1].trim_end_matches(')').parse().expect("a UID is a number");
                        assert_eq!(said, uid, "{}\nmessage {number} has another UID", self.story());
                    }
                    let (name, is_read_only) = (view.mailbox, view.is_read_only);
                    stored.insert(uid);
                    if line.contains("BODY[]") && !is_read_only {
                        let its = self.box_mut(name).entries.get_mut(&uid).expect("it was fetched");
                        its.insert("\\Seen".to_owned());
                        let flags = its.clone();
                        let view = self.clients[who].selected.as_mut().expect("it is selected");
                        view.known.insert(uid, flags);
                    }
                    if let Some(said) = line.split("FLAGS (").nth(1).and_then(|rest| rest.split(')').next()) {
                        self.told(who, uid, said);
                    }
                }
                _ => {}
            }
        }
        if let Command::Store { uids, is_silent: false, .. } = command {
            let view = self.clients[who].selected.as_ref().expect("it is selected");
            let there = uids.iter().filter(|uid| self.boxes[view.mailbox].entries.contains_key(uid));
            let is_told = view.is_read_only || there.clone().all(|uid| stored.contains(uid));
            assert!(is_told, "{}\na STORE did not say what it did", self.story());
        }
        if is_over {
            self.know(who, !by_number);
        }
    }

    /// The flags that were said are those that are there.
    fn told(&mut self, who: usize, uid: u32, said: &str) {
        let view = self.clients[who].selected.as_mut().expect("it is selected");
        let mut flags: FlagSet = said.split(' ').filter(|flag| !flag.is_empty()).map(str::to_owned).collect();
        let (mailbox, is_read_only) = (view.mailbox, view.is_read_only);
        if flags.remove("\\Recent") && !is_read_only {
            // RFC 3501 §2.3.2: the first session that may change the mailbox, and no other.
            let first = *self.recent.entry((mailbox, uid)).or_insert(who);
            assert_eq!(first, who, "{}\n{uid} is recent to two sessions", self.story());
        }
        let view = self.clients[who].selected.as_mut().expect("it is selected");
        view.known.insert(uid, flags.clone());
        let truth = self.boxes[mailbox].entries.get(&uid);
        assert!(truth.is_none_or(|truth| *truth == flags), "{}\n{uid} has {truth:?}", self.story());
    }

    /// The view is what is there; where expunges could not be told, it has what is gone besides.
    fn know(&mut self, who: usize, is_complete: bool) {
        let Some(view) = &self.clients[who].selected else { return };
        let truth = &self.boxes[view.mailbox].entries;
        let there: Vec<u32> = truth.keys().copied().collect();
        let kept: Vec<u32> = view.uids.iter().copied().filter(|uid| truth.contains_key(uid)).collect();
        assert_eq!(kept, there, "{}\nthe view lacks something", self.story());
        assert!(!is_complete || kept == view.uids, "{}\nthe view has what is gone", self.story());
        for (uid, flags) in truth {
            assert_eq!(view.known.get(uid), Some(flags), "{}\nflags of {uid} were not told", self.story());
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
