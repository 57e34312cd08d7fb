//! The messages that a journal keeps: captured messages, in the orders of capture and of closing, and messages that
//! clients and tests put into mailboxes. Records only have message numbers, so that an evicted message is freed.

use std::collections::{BTreeMap, HashMap, VecDeque};

use crate::base::{MessageNo, Seq, fold_domain};
use crate::mail::Message;

/// A captured message, and the records about it.
#[derive(Debug, Clone)]
pub(crate) struct Captured {
    pub(crate) message: Message,
    /// The record of the exchange that captured it.
    pub(crate) seq: Seq,
    /// The record that closed that exchange. Waits and cursors use this one.
    pub(crate) closed: Option<Seq>,
}

impl Captured {
    /// The record that closed its exchange; before that, the exchange itself.
    fn place(&self) -> Seq {
        self.closed.unwrap_or(self.seq)
    }
}

/// How many places of messages that were removed one by one are kept, so that a server that is never reset does not grow.
#[cfg(feature = "api")]
const MOST_REMOVED: usize = 10_000;

#[derive(Debug, Default)]
pub(super) struct Messages {
    pub(super) captured: VecDeque<Captured>,
    /// Messages that were put into mailboxes, even if they were expunged; without those of scenarios.
    appended: VecDeque<Message>,
    /// The messages whose exchange is closed, in the order of closing: all, and those accepted for each address.
    closed: VecDeque<MessageNo>,
    by_recipient: HashMap<Box<str>, VecDeque<MessageNo>>,
    /// The messages whose exchange is not closed yet, by the number of its record, which may be evicted.
    unclosed: Vec<(Seq, MessageNo)>,
    /// The places of messages that were removed one by one, those with the highest numbers, for waits that begin after one of them.
    removed: BTreeMap<MessageNo, Seq>,
    /// The octets of all messages here.
    octets: u64,
    /// How many captured messages were evicted or cleared.
    pub(super) forgotten: u32,
}

impl Messages {
    pub(super) fn octets(&self) -> u64 {
        self.octets
    }

    /// How many messages there are, captured or not.
    pub(super) fn len(&self) -> usize {
        self.captured.len() + self.appended.len()
    }

    pub(super) fn get(&self, no: MessageNo) -> Option<&Captured> {
        self.place(no).map(|at| &self.captured[at])
    }

    /// The message of this number, captured or not.
    pub(super) fn any(&self, no: MessageNo) -> Option<&Message> {
        let appended = || {
            let at = self.appended.binary_search_by_key(&no, Message::no).ok()?;
            self.appended.get(at)
        };
        self.get(no).map(|captured| &captured.message).or_else(appended)
    }

    /// The messages that were closed after a cursor, in the order of closing; with an address, only those that were
    /// accepted for it.
    pub(super) fn closed_since(
        &self,
        cursor: Seq,
        address: Option<&str>,
    ) -> impl DoubleEndedIterator<Item = &Captured> {
        let numbers = self.closed_for(address);
        let behind = numbers.map(|numbers| numbers.range(self.count_through(numbers, cursor)..));
        behind.into_iter().flatten().filter_map(|no| self.get(*no))
    }

    /// Like `closed_since`, up to another cursor.
    #[cfg(feature = "api")]
    pub(super) fn closed_between(
        &self,
        cursor: Seq,
        last: Seq,
        address: Option<&str>,
    ) -> impl DoubleEndedIterator<Item = &Captured> {
        let numbers = self.closed_for(address);
        let between = numbers.map(|numbers| {
            let end = self.count_through(numbers, last);
            numbers.range(self.count_through(numbers, cursor).min(end)..end)
        });
        between.into_iter().flatten().filter_map(|no| self.get(*no))
    }

    fn closed_for(&self, address: Option<&str>) -> Option<&VecDeque<MessageNo>> {
        match address {
            Some(address) => self.by_recipient.get(&*fold_domain(address)),
            None => Some(&self.closed),
        }
    }

    /// How many of these were closed up to this cursor.
    fn count_through(&self, numbers: &VecDeque<MessageNo>, cursor: Seq) -> usize {
        numbers.partition_point(|no| self.get(*no).is_some_and(|its| its.closed <= Some(cursor)))
    }

    /// The message whose exchange this record closed.
    pub(super) fn closed_at(&self, closed: Seq) -> Option<&Message> {
        let is_before = |no: &MessageNo| self.get(*no).is_some_and(|its| its.closed < Some(closed));
        let captured = self.get(*self.closed.get(self.closed.partition_point(is_before))?)?;
        (captured.closed == Some(closed)).then_some(&captured.message)
    }

    pub(super) fn unclosed(&self) -> impl DoubleEndedIterator<Item = &Captured> {
        self.unclosed.iter().filter_map(|(_, no)| self.get(*no))
    }

    pub(super) fn capture(&mut self, message: Message, seq: Seq) {
        self.octets += message.raw().len() as u64;
        // An exchange that is answered in parts may capture its message after exchanges that began later.
        let at = self.unclosed.partition_point(|(exchange, _)| *exchange <= seq);
        self.unclosed.insert(at, (seq, message.no()));
        self.captured.push_back(Captured { message, seq, closed: None });
    }

    pub(super) fn append(&mut self, message: Message) {
        if !message.is_of_scenario() {
            self.octets += message.raw().len() as u64;
            self.appended.push_back(message);
        }
    }

    /// Lets waits see the message that this exchange captured, if it captured one that is still kept.
    pub(super) fn reveal_of(&mut self, exchange: Seq, closed: Seq) {
        if let Ok(at) = self.unclosed.binary_search_by_key(&exchange, |(exchange, _)| *exchange) {
            let (_, no) = self.unclosed.remove(at);
            self.reveal(no, closed);
        }
    }

    fn reveal(&mut self, no: MessageNo, closed: Seq) {
        let Some(captured) = self.place(no).map(|at| &mut self.captured[at]) else { return };
        captured.closed = Some(closed);
        self.closed.push_back(no);
        for address in captured.message.envelope().accepted() {
            let key = fold_domain(address);
            match self.by_recipient.get_mut(&*key) {
                Some(numbers) if numbers.back() == Some(&no) => {}
                Some(numbers) => numbers.push_back(no),
                None => drop(self.by_recipient.insert(key.into(), VecDeque::from([no]))),
            }
        }
    }

    /// The oldest messages to evict so that at most this much is kept: the last number, and how many. The newest is
    /// always kept, because it is not acknowledged yet.
    pub(super) fn excess(&self, most: usize, octets: u64) -> Option<(MessageNo, usize)> {
        let (mut count, mut left) = (self.len(), self.octets);
        let (mut captured, mut appended) = (self.captured.iter().peekable(), self.appended.iter().peekable());
        let mut through = None;
        while count > 1 && (count > most || left > octets) {
            let is_captured = match (captured.peek(), appended.peek()) {
                (Some(captured), Some(appended)) => captured.message.no() < appended.no(),
                (captured, _) => captured.is_some(),
            };
            let oldest = if is_captured { captured.next().map(|its| &its.message) } else { appended.next() }?;
            count -= 1;
            left -= oldest.raw().len() as u64;
            through = Some(oldest.no());
        }
        through.map(|through| (through, self.len() - count))
    }

    /// Removes the messages up to this number. Returns them, the last record that captured one of them, and the last that
    /// closed one.
    pub(super) fn forget(&mut self, through: MessageNo) -> (Vec<Message>, Seq, Seq) {
        let (mut seq, mut closed, mut keys, mut forgotten) = (Seq(0), Seq(0), Vec::new(), Vec::new());
        while let Some(captured) = self.captured.pop_front_if(|captured| captured.message.no() <= through) {
            seq = captured.seq;
            closed = closed.max(captured.closed.unwrap_or_default());
            self.forgotten += 1;
            self.octets -= captured.message.raw().len() as u64;
            keys.extend(captured.message.envelope().accepted().map(|address| fold_domain(address).into_owned()));
            forgotten.push(captured.message);
        }
        self.retain_places(keys, |no| no > through);
        self.removed.retain(|no, _| *no > through);
        while let Some(appended) = self.appended.pop_front_if(|appended| appended.no() <= through) {
            self.octets -= appended.raw().len() as u64;
            forgotten.push(appended);
        }
        (forgotten, seq, closed)
    }

    /// Removes these captured messages, and returns them.
    #[cfg(feature = "api")]
    pub(super) fn remove(&mut self, is_chosen: impl Fn(MessageNo) -> bool) -> VecDeque<Captured> {
        let captured = std::mem::take(&mut self.captured).into_iter();
        let (removed, kept): (VecDeque<_>, _) = captured.partition(|its| is_chosen(its.message.no()));
        self.captured = kept;
        let mut keys = Vec::new();
        for captured in &removed {
            self.forgotten += 1;
            self.octets -= captured.message.raw().len() as u64;
            self.removed.insert(captured.message.no(), captured.place());
            keys.extend(captured.message.envelope().accepted().map(|address| fold_domain(address).into_owned()));
        }
        while self.removed.len() > MOST_REMOVED {
            self.removed.pop_first();
        }
        self.retain_places(keys, |no| !is_chosen(no));
        removed
    }

    /// Keeps only these messages in the orders of closing; `keys` are the addresses that others were accepted for.
    fn retain_places(&mut self, mut keys: Vec<String>, is_kept: impl Fn(MessageNo) -> bool) {
        keys.sort_unstable();
        keys.dedup();
        for key in keys {
            let numbers = self.by_recipient.get_mut(&*key);
            if numbers.is_some_and(|numbers| {
                numbers.retain(|no| is_kept(*no));
                numbers.is_empty()
            }) {
                self.by_recipient.remove(&*key);
            }
        }
        self.closed.retain(|no| is_kept(*no));
        self.unclosed.retain(|(_, no)| is_kept(*no));
    }

    /// The record after which a wait for what comes after this message begins.
    pub(super) fn place_of(&self, no: MessageNo) -> Option<Seq> {
        self.get(no).map(Captured::place).or_else(|| self.removed.get(&no).copied())
    }

    /// Removes and returns every captured message, removes other messages that are in no mailbox, and frees the memory.
    pub(super) fn clear(&mut self) -> VecDeque<Captured> {
        let Self { captured, mut appended, forgotten, .. } = std::mem::take(self);
        self.forgotten = forgotten + captured.len() as u32;
        appended.retain(Message::is_shared);
        appended.shrink_to_fit();
        self.octets = appended.iter().map(|message| message.raw().len() as u64).sum();
        self.appended = appended;
        captured
    }

    /// The addresses that have messages, in order.
    #[cfg(test)]
    pub(super) fn recipients(&self) -> Vec<&str> {
        let mut recipients: Vec<&str> = self.by_recipient.keys().map(|key| &**key).collect();
        recipients.sort_unstable();
        recipients
    }

    /// Numbers are in order, with gaps: messages that were put into mailboxes have numbers too.
    fn place(&self, no: MessageNo) -> Option<usize> {
        self.captured.binary_search_by_key(&no, |captured| captured.message.no()).ok()
    }
}
