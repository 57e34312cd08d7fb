//! The steps of a rule, in each of their spellings.

use super::values::boxed;
use crate::document::{Entry, Node, Reader};
use crate::protocol::Protocol;
use crate::rule::*;

/// Every step: its key, its spellings, and what it does.
pub(crate) const STEPS: &[(&str, &str, &str)] = &[
    (
        "pass",
        "`true`, `\"silent\"`, `{ status = \"NO later\" }`",
        "runs what is inside: the next rule that matches, at last the conforming server",
    ),
    ("reply", "a text, or a list of lines", "says lines in the protocol's own form"),
    ("raw", "octets with `\\r \\n \\t \\0 \\\\ \\xff`", "says octets as they are"),
    ("wait", "`\"200ms\"`, `{ min = \"0ms\", max = \"1s\" }`", "lets server time pass before what is said next"),
    ("stall", "`\"reply\"`, `\"conn\"`", "never answers this request; never says anything again"),
    ("await", "a pattern", "reads the client's next line; one that does not match is a failure"),
    ("pace", "`{ chunk = 1, gap = \"50ms\" }`", "output leaves in chunks, with a gap of server time between two"),
    ("split", "`[3, 10]`", "segments end behind these octets of the output"),
    ("hold", "`true`", "what the rule lets out leaves in one write, at its end"),
    (
        "cut",
        "`{ at = 17, close = \"rst\" }`, `{ before = '~…', close = \"fin\" }`",
        "the connection ends in the midst of the output",
    ),
    ("eol", "`\"lf\"`, `\"cr\"`, `\"none\"`", "lines end otherwise"),
    (
        "edit",
        "`{ find = '~…', replace = \"…\" }`, `{ find = '~…', drop = true }`, `{ line = 2, drop = true }`, `{ line = 2, dup = true }`, `{ below = 1, insert = \"…\" }`",
        "changes lines",
    ),
    ("pad", "`{ line = 1, to = 70000 }`", "makes a line so long"),
    (
        "data",
        "`{ item = \"FLAGS\", value = '…' }`, `{ item = \"…\", drop = true }`, `{ literal = \"+7\" }`, `{ listing = 2, uid = \"x\" }`, `{ listing = 2, size = \"+10\" }`, `{ listing = 2, drop = true }`, `{ code = \"UIDNEXT\", drop = true }`",
        "changes the parts of a response",
    ),
    ("close", "`\"fin\"`, `\"rst\"`, `\"half\"`, `\"tls-no-notify\"`", "ends the connection"),
    ("read", "`\"stop\"`, `\"slow\"`", "input is read no more, or little at a time"),
    ("tls", "`{ cert = \"expired\" }`, `{ alert = \"handshake_failure\" }`", "answers a ClientHello"),
    (
        "listen",
        "`{ down = \"1s\" }`",
        "every listener is closed for so long; where somebody else has its port then, that is a failure",
    ),
    ("set", "`{ phase = \"up\", session.tries = \"+1\" }`", "changes variables"),
    (
        "deliver",
        "`false`, `{ mailbox = \"INBOX\", message = \"m1\", user = \"…\" }`",
        "puts a message into a mailbox; at `smtp.message` without `message`: the one that is accepted",
    ),
    (
        "expunge",
        "`{ msn = 1 }`, `{ uid = 7 }`, `{ all = true }`, with `mailbox`, `user`, `tell = \"now\" \\| \"legal\" \\| \"never\"`",
        "takes messages out of a mailbox",
    ),
    ("flag", "as `expunge`, with `add = [\"\\\\Seen\"]` and `remove = […]`", "changes flags"),
    (
        "mailbox",
        "`{ name = \"INBOX\", uidvalidity = \"+1\", renumber = true }`",
        "gives a mailbox another UIDVALIDITY, and its messages UIDs from 1, or with `\"reverse\"` the last first",
    ),
    ("caps", "`{ add = […], remove = […] }`", "changes what this session is told is possible"),
    ("kick", "`{ user = \"…\", proto = \"imap\", reply = \"* BYE\" }`", "ends sessions"),
    ("note", "a text", "writes into the journal"),
    ("fail", "a text", "verification fails with this text"),
];

/// Known words that are no steps yet.
const LATER: &[&str] = &["script", "ask", "run", "token"];

impl Reader {
    /// `do`: one table or a list of them.
    pub(super) fn steps(&mut self, node: &Node) -> Vec<(Timed, Node)> {
        node.items().iter().filter_map(|item| Some((self.timed(item)?, item.clone()))).collect()
    }

    fn timed(&mut self, node: &Node) -> Option<Timed> {
        let Some(entries) = node.entries() else {
            self.wrong_help(
                &node.place,
                format!("a step is a table, and this is {}", node.kind()),
                "write `{ reply = \"…\" }`",
            );
            return None;
        };
        let after = entries.iter().find(|entry| entry.key == "after");
        let mut others = entries.iter().filter(|entry| entry.key != "after");
        let (Some(entry), rest) = (others.next(), others.next()) else {
            self.wrong(&node.place, "a step says what to do, and this says nothing");
            return None;
        };
        if let Some(second) = rest {
            let help = format!("write {{ {} = … }}, {{ {} = … }}", entry.key, second.key);
            self.wrong_help(&second.place, "a step does one thing; this is a second", help);
        }
        let step = self.step(entry)?;
        let after = match after {
            Some(entry) => Some(self.duration(&entry.value)?),
            None => None,
        };
        Some(Timed { step, after })
    }

    fn step(&mut self, entry: &Entry) -> Option<Step> {
        let node = &entry.value;
        Some(match entry.key.as_str() {
            "pass" => Step::Pass(self.pass(node)?),
            "reply" => {
                let lines: Vec<Template> = node.items().iter().filter_map(|item| self.template(item)).collect();
                (lines.len() == node.items().len() && !lines.is_empty()).then_some(Step::Reply(lines))?
            }
            "raw" => Step::Raw(self.raw(node)?),
            "wait" => Step::Wait(self.span(node)?),
            "stall" => Step::Stall(self.word(node, "stall", &[("reply", Stall::Reply), ("conn", Stall::Conn)])?),
            "await" => Step::Await(self.pattern(node)?),
            "pace" => {
                let table = self.table(node, "`pace`", &["chunk", "gap"]);
                let chunk = self.need(table, node, "chunk", |reader, its| reader.number(its, "a count of octets"))?;
                let gap = self.need(table, node, "gap", Self::duration)?;
                if chunk == 0 {
                    self.wrong(&node.place, "a chunk has one octet at least");
                }
                Step::Shape(Shape::Pace { chunk, gap })
            }
            "split" => {
                let mut at: Vec<usize> =
                    node.items().iter().filter_map(|item| self.number(item, "a count of octets")).collect();
                at.sort_unstable();
                at.dedup();
                Step::Shape(Shape::Split(at))
            }
            "hold" => match self.truth(node)? {
                true => Step::Shape(Shape::Hold),
                false => {
                    self.wrong(&node.place, "`hold = false` holds nothing; leave it out");
                    return None;
                }
            },
            "cut" => {
                let table = self.table(node, "`cut`", &["at", "before", "close"]);
                let end = match table.get("close") {
                    Some(close) => self.word(close, "close", &CloseMode::ALL)?,
                    None => CloseMode::Fin,
                };
                let place = match (table.get("at"), table.get("before")) {
                    (Some(at), None) => CutPoint::At(self.number(at, "a count of octets")?),
                    (None, Some(before)) => CutPoint::Before(self.pattern(before)?),
                    _ => {
                        self.wrong(&node.place, "`cut` has either `at` or `before`");
                        return None;
                    }
                };
                Step::Shape(Shape::Cut { place, end })
            }
            "eol" => Step::Shape(Shape::Eol(self.word(
                node,
                "eol",
                &[("lf", Eol::Lf), ("cr", Eol::Cr), ("none", Eol::None)],
            )?)),
            "edit" => Step::Shape(Shape::Edit(self.edit(node)?)),
            "pad" => {
                let table = self.table(node, "`pad`", &["line", "to"]);
                let line = self.need(table, node, "line", |reader, its| reader.number(its, "the number of a line"))?;
                let to = self.need(table, node, "to", |reader, its| reader.number(its, "a count of octets"))?;
                Step::Shape(Shape::Pad { line, to })
            }
            "data" => Step::Data(self.data(node)?),
            "close" => Step::Close(self.word(node, "close", &CloseMode::ALL)?),
            "read" => Step::Read(self.word(node, "read", &[("stop", Reading::Stop), ("slow", Reading::Slow)])?),
            "tls" => {
                let table = self.table(node, "`tls`", &["cert", "alert"]);
                match (table.get("cert"), table.get("alert")) {
                    (Some(cert), None) => Step::Tls(Hello::Profile(Profile::of(self.certificate(cert)?))),
                    (None, Some(alert)) => {
                        let names: Vec<(&str, Alert)> = ALERTS.iter().map(|alert| (alert.name, *alert)).collect();
                        Step::Tls(Hello::Alert(self.word(alert, "alert", &names)?))
                    }
                    _ => {
                        self.wrong(&node.place, "`tls` has either `cert` or `alert`");
                        return None;
                    }
                }
            }
            "listen" => {
                let table = self.table(node, "`listen`", &["down"]);
                Step::Listen(self.need(table, node, "down", Self::duration)?)
            }
            "set" => Step::Set(self.assignments(node)),
            "deliver" => Step::Deliver(self.deliver(node)?),
            "expunge" => {
                let table = self.table(node, "`expunge`", &["msn", "uid", "all", "mailbox", "user", "tell"]);
                Step::Expunge { which: self.which(table, node)?, tell: self.tell(table)? }
            }
            "flag" => {
                let keys = ["msn", "uid", "all", "mailbox", "user", "tell", "add", "remove"];
                let table = self.table(node, "`flag`", &keys);
                let mut flags = |key| table.get(key).map_or_else(Vec::new, |its| boxed(self.texts(its)));
                let (add, remove) = (flags("add"), flags("remove"));
                Step::Flag { which: self.which(table, node)?, add, remove, tell: self.tell(table)? }
            }
            "mailbox" => {
                let table = self.table(node, "`mailbox`", &["name", "uidvalidity", "renumber", "user"]);
                let renumber = match table.get("renumber") {
                    None => None,
                    Some(its) => self.word(
                        its,
                        "renumber",
                        &[("true", Some(Renumber::Forward)), ("reverse", Some(Renumber::Reverse)), ("false", None)],
                    )?,
                };
                Step::Mailbox(MailboxChange {
                    user: self.user(table)?,
                    name: table.get("name").and_then(|its| self.text(its)).unwrap_or_else(|| "INBOX".to_owned()).into(),
                    uid_validity: match table.get("uidvalidity") {
                        Some(its) => Some(self.literal(its)?),
                        None => None,
                    },
                    renumber,
                })
            }
            "caps" => Step::Caps(self.offer(node, "`caps`")),
            "kick" => {
                let table = self.table(node, "`kick`", &["user", "proto", "reply"]);
                let protocol = match table.get("proto") {
                    Some(its) => {
                        let names: Vec<_> = Protocol::ALL.iter().map(|protocol| (protocol.name(), *protocol)).collect();
                        Some(self.word(its, "proto", &names)?)
                    }
                    None => None,
                };
                Step::Kick {
                    user: table.get("user").and_then(|its| self.pattern(its)),
                    protocol,
                    reply: table.get("reply").and_then(|its| self.template(its)),
                }
            }
            "note" => Step::Note(self.template(node)?),
            "fail" => Step::Fail(self.template(node)?),
            later if LATER.contains(&later) => {
                self.wrong(&entry.place, format!("the step `{later}` is not built yet"));
                return None;
            }
            other => {
                let known: Vec<&str> = STEPS.iter().map(|(name, ..)| *name).collect();
                self.unknown(&entry.place, "step", other, &known);
                return None;
            }
        })
    }

    fn pass(&mut self, node: &Node) -> Option<Pass> {
        if node.entries().is_some() {
            let table = self.table(node, "`pass`", &["status"]);
            return Some(Pass::Status(self.need(table, node, "status", Self::template)?));
        }
        match self.written(node)?.as_str() {
            "true" => Some(Pass::Loud),
            "silent" => Some(Pass::Silent),
            _ => {
                self.wrong(&node.place, "`pass` is true, \"silent\" or { status = \"…\" }");
                None
            }
        }
    }

    fn edit(&mut self, node: &Node) -> Option<Edit> {
        let table = self.table(node, "`edit`", &["find", "replace", "line", "drop", "dup", "below", "insert"]);
        let line = |reader: &mut Self, its: &Node| reader.number(its, "the number of a line");
        match (table.get("find"), table.get("line"), table.get("below")) {
            (Some(find), None, None) => {
                let find = self.pattern(find)?;
                if table.get("drop").is_some_and(|its| self.truth(its) == Some(true)) {
                    return Some(Edit::DropFound(find));
                }
                Some(Edit::Replace { find, with: self.need(table, node, "replace", Self::template)? })
            }
            (None, Some(n), None) => {
                let n = line(self, n)?;
                let is_set = |reader: &mut Self, key| table.get(key).and_then(|its| reader.truth(its)) == Some(true);
                match (is_set(self, "drop"), is_set(self, "dup")) {
                    (true, false) => Some(Edit::Drop(n)),
                    (false, true) => Some(Edit::Duplicate(n)),
                    _ => {
                        self.wrong(&node.place, "`edit` of a line has either `drop = true` or `dup = true`");
                        None
                    }
                }
            }
            (None, None, Some(below)) => {
                let below = line(self, below)?;
                Some(Edit::Insert { below, text: self.need(table, node, "insert", Self::template)? })
            }
            _ => {
                self.wrong(&node.place, "`edit` has `find` and `replace`, or `line`, or `below` and `insert`");
                None
            }
        }
    }

    fn data(&mut self, node: &Node) -> Option<Data> {
        let keys = ["item", "value", "drop", "literal", "listing", "uid", "size", "code"];
        let table = self.table(node, "`data`", &keys);
        let drop = match table.get("drop") {
            Some(its) => self.truth(its)?,
            None => false,
        };
        let mut value = |key| match table.get(key) {
            Some(its) => Some(Some(self.template(its)?)),
            None => Some(None),
        };
        let (new, uid) = (value("value")?, value("uid")?);
        let whole = |reader: &mut Self, new: &Option<Template>| {
            if new.is_some() == drop {
                reader.wrong(&node.place, "it has either a `value` or `drop = true`");
            }
        };
        if let Some(item) = table.get("item") {
            whole(self, &new);
            return Some(Data::Item { name: self.pattern(item)?, value: new });
        }
        if let Some(code) = table.get("code") {
            whole(self, &new);
            return Some(Data::Code { name: self.text(code)?.into(), value: new });
        }
        if let Some(literal) = table.get("literal") {
            return Some(Data::Literal(self.literal(literal)?));
        }
        let Some(listing) = table.get("listing") else {
            self.wrong(&node.place, "`data` has `item`, `literal`, `listing` or `code`");
            return None;
        };
        let line = self.number(listing, "the number of a message")?;
        let size = match table.get("size") {
            Some(its) => Some(self.literal(its)?),
            None => None,
        };
        if drop == (uid.is_some() || size.is_some()) {
            self.wrong(&node.place, "a `listing` has a `uid`, a `size`, or `drop = true`");
        }
        Some(Data::Listing { line, change: if drop { Listing::Drop } else { Listing::Change { uid, size } } })
    }

    fn deliver(&mut self, node: &Node) -> Option<Deliver> {
        if node.entries().is_none() {
            return match self.truth(node)? {
                false => Some(Deliver::Lost),
                true => {
                    self.wrong(&node.place, "`deliver` is false or a table");
                    None
                }
            };
        }
        let table = self.table(node, "`deliver`", &["mailbox", "message", "user"]);
        Some(Deliver::Into {
            user: self.user(table)?,
            mailbox: table.get("mailbox").and_then(|its| self.text(its)).unwrap_or_else(|| "INBOX".to_owned()).into(),
            message: table.get("message").and_then(|its| self.text(its)).map(Into::into),
        })
    }
}
