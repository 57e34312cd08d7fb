//! Compares the responses of the server with the model.

use super::*;

impl Trial {
    /// Applies a turn of a command to the model, and then checks the reply.
    pub(super) fn answered(&mut self, who: usize, command: ModelCommand, text: &str, more: Option<Request>) {
        let is_over = more.is_none();
        let is_ok = text.lines().any(|line| line.starts_with('t') && line.contains(" OK"));
        let view = |trial: &Self| trial.clients[who].selected.as_ref().map(|view| (view.mailbox, view.is_read_only));
        match &command {
            ModelCommand::Select { mailbox, is_read_only } => {
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
            ModelCommand::Close | ModelCommand::Unselect => {
                if let Some((mailbox, false)) = view(self).filter(|_| command == ModelCommand::Close) {
                    self.box_mut(mailbox).entries.retain(|_, flags| !flags.contains("\\Deleted"));
                }
                assert!(is_ok && !text.contains("* "), "{}", self.story());
                self.clients[who].selected = None;
                return;
            }
            ModelCommand::Idle => {
                assert_eq!(text, "+ idling\r\n", "{}", self.story());
                self.clients[who].is_idling = true;
                return;
            }
            ModelCommand::Append { mailbox } => {
                let uid = self.file(mailbox, [String::from("\\Seen")].into());
                assert!(text.contains(&format!(" {uid}] Appended")), "{}", self.story());
            }
            ModelCommand::Store { uids, way, flag, .. } if is_ok || text.contains("EXPUNGEISSUED") => {
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
                // A client knows its own changes, whether the server reports them or not.
                let client = &mut self.clients[who];
                client.selected.as_mut().expect("a mailbox is selected").known.extend(now);
            }
            ModelCommand::Expunge { uids } if is_over && is_ok => {
                let (mailbox, _) = view(self).expect("a mailbox is selected");
                let is_meant = |uid: &u32| uids.as_ref().is_none_or(|uids| uids.contains(uid));
                let known = self.clients[who].selected.as_ref().expect("a mailbox is selected").uids.clone();
                self.box_mut(mailbox)
                    .entries
                    .retain(|uid, flags| !(known.contains(uid) && is_meant(uid) && flags.contains("\\Deleted")));
            }
            ModelCommand::Copy { uids, to, is_move, .. } => {
                let (from, _) = view(self).expect("a mailbox is selected");
                for uid in uids {
                    let flags = self.boxes[from].entries.get(uid).cloned();
                    if let Some(flags) = flags.filter(|_| text.contains("COPYUID")) {
                        self.file(to, flags);
                    }
                    // MOVE expunges in a turn of its own.
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

    /// Reads the responses. At the end of a command the client must know all changes.
    pub(super) fn check(&mut self, who: usize, command: &ModelCommand, text: &str, is_over: bool) {
        let by_number = matches!(
            command,
            ModelCommand::Fetch { by_uid: false, .. }
                | ModelCommand::Store { by_uid: false, .. }
                | ModelCommand::Search { by_uid: false, .. }
        );
        if let (ModelCommand::Search { by_uid, flag }, true) = (command, is_over) {
            let view = self.clients[who].selected.as_ref().expect("a mailbox is selected");
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
                    assert_eq!(count, wanted, "{}\nEXISTS has a wrong number", self.story());
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
                        let its = self.box_mut(name).entries.get_mut(&uid).expect("the model has the message");
                        its.insert("\\Seen".to_owned());
                        let flags = its.clone();
                        let view = self.clients[who].selected.as_mut().expect("a mailbox is selected");
                        view.known.insert(uid, flags);
                    }
                    if let Some(said) = line.split("FLAGS (").nth(1).and_then(|rest| rest.split(')').next()) {
                        self.told(who, uid, said);
                    }
                }
                _ => {}
            }
        }
        if let ModelCommand::Store { uids, is_silent: false, .. } = command {
            let view = self.clients[who].selected.as_ref().expect("a mailbox is selected");
            let there = uids.iter().filter(|uid| self.boxes[view.mailbox].entries.contains_key(uid));
            let is_told = view.is_read_only || there.clone().all(|uid| stored.contains(uid));
            assert!(is_told, "{}\nSTORE did not return the flags", self.story());
        }
        if is_over {
            self.know(who, !by_number);
        }
    }

    /// The flags in the response must be those of the model.
    pub(super) fn told(&mut self, who: usize, uid: u32, said: &str) {
        let view = self.clients[who].selected.as_mut().expect("a mailbox is selected");
        let mut flags: FlagSet = said.split(' ').filter(|flag| !flag.is_empty()).map(str::to_owned).collect();
        let (mailbox, is_read_only) = (view.mailbox, view.is_read_only);
        if flags.remove("\\Recent") && !is_read_only {
            // RFC 3501 §2.3.2: a message is recent only in the first session that may change the mailbox.
            let first = *self.recent.entry((mailbox, uid)).or_insert(who);
            assert_eq!(first, who, "{}\n{uid} is recent to two sessions", self.story());
        }
        let view = self.clients[who].selected.as_mut().expect("a mailbox is selected");
        view.known.insert(uid, flags.clone());
        let truth = self.boxes[mailbox].entries.get(&uid);
        assert!(truth.is_none_or(|truth| *truth == flags), "{}\n{uid} has {truth:?}", self.story());
    }

    /// The view must contain the messages of the mailbox. If expunges could not be announced, it also contains expunged
    /// messages.
    pub(super) fn know(&mut self, who: usize, is_complete: bool) {
        let Some(view) = &self.clients[who].selected else { return };
        let truth = &self.boxes[view.mailbox].entries;
        let there: Vec<u32> = truth.keys().copied().collect();
        let kept: Vec<u32> = view.uids.iter().copied().filter(|uid| truth.contains_key(uid)).collect();
        assert_eq!(kept, there, "{}\na message is missing in the view", self.story());
        assert!(!is_complete || kept == view.uids, "{}\nthe view contains expunged messages", self.story());
        for (uid, flags) in truth {
            assert_eq!(
                view.known.get(uid),
                Some(flags),
                "{}\nthe client was not told of the flags of {uid}",
                self.story()
            );
        }
    }
}
