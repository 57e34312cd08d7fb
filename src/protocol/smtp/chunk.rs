//! BDAT: a message in chunks of announced sizes (RFC 3030 §2). Nothing in a chunk is unstuffed.

use bytes::{Buf, Bytes, BytesMut};

use super::data::Body;
use super::perform::say;
use super::refusal::Refusal;
use super::{Receiver, Request, Smtp, SmtpState};
use crate::protocol::{Decoded, Event, Input, Next, Outcome, Status};

/// A chunk that is arriving.
#[derive(Debug)]
pub(super) struct PendingChunk {
    /// The command with its CRLF.
    command: Bytes,
    size: u64,
    is_last: bool,
    /// How many of its octets are missing.
    missing: u64,
    /// Why its octets are discarded.
    refusal: Option<Refusal>,
}

/// A chunk that has arrived, but not the last one of a message.
#[derive(Debug)]
pub(crate) struct Chunk {
    size: u64,
    is_last: bool,
    /// The octets of its message before it.
    before: u64,
    refusal: Option<Refusal>,
}

impl Chunk {
    pub(super) fn size(&self) -> u64 {
        self.size
    }
}

impl PendingChunk {
    /// How many octets of the command and its chunk have arrived.
    pub(super) fn octets(&self) -> u64 {
        self.command.len() as u64 + (self.size - self.missing)
    }

    pub(super) fn command(&self) -> &[u8] {
        &self.command
    }

    /// Those of its octets that are kept.
    pub(super) fn kept<'r>(&self, receiver: &'r Receiver) -> &'r [u8] {
        let came = if self.refusal.is_none() { self.size - self.missing } else { 0 };
        let kept = receiver.kept();
        &kept[kept.len().saturating_sub(came as usize)..]
    }
}

impl Smtp {
    /// BDAT has arrived. Its octets follow, whether they are welcome or not (RFC 3030 §2).
    pub(super) fn begin_chunk(&mut self, line: &[u8], size: u64, is_last: Result<bool, Refusal>) {
        let (is_last, wrong) = is_last.map_or_else(|wrong| (false, Some(wrong)), |is_last| (is_last, None));
        let refusal = wrong.or_else(|| self.may_begin_chunk(size).err());
        let command = [line, b"\r\n"].concat().into();
        self.pending_chunk = Some(Box::new(PendingChunk { command, size, is_last, missing: size, refusal }));
    }

    fn may_begin_chunk(&mut self, size: u64) -> Result<(), Refusal> {
        self.may_come_before_tls(Event::SmtpBdat)?;
        let limit = self.config.limits.message;
        if let SmtpState::Transaction(transaction) = &self.state {
            self.may_receive(transaction, "BDAT")?;
            let receiver = Receiver::new(transaction.sender.parameters().size(), limit);
            if let SmtpState::Transaction(transaction) = std::mem::replace(&mut self.state, SmtpState::Idle) {
                self.state = SmtpState::Chunks(transaction, receiver);
            }
        }
        match &mut self.state {
            SmtpState::Chunks(_, receiver) => {
                if size > limit.saturating_sub(receiver.octets()) {
                    return Err(Refusal::too_large(limit));
                }
                receiver.expect(size);
                Ok(())
            }
            SmtpState::ChunkRefused
            | SmtpState::Silent
            | SmtpState::Idle
            | SmtpState::Transaction(_)
            | SmtpState::Body(..)
            | SmtpState::Sasl(_) => {
                self.may_send()?;
                self.may_follow_chunks()?;
                Err(Refusal::sequence("MAIL and RCPT are required before BDAT"))
            }
        }
    }

    /// Refuses what must not come between the chunks of a message.
    pub(super) fn may_follow_chunks(&self) -> Result<(), Refusal> {
        match &self.state {
            SmtpState::Chunks(..) => Err(Refusal::sequence("a message began with BDAT; end it with BDAT LAST or RSET")),
            SmtpState::ChunkRefused => Err(Refusal::sequence("a chunk was refused; RSET is required")),
            SmtpState::Silent
            | SmtpState::Idle
            | SmtpState::Transaction(_)
            | SmtpState::Body(..)
            | SmtpState::Sasl(_) => Ok(()),
        }
    }

    /// Takes the octets of the chunk that is arriving. Returns the chunk, or with the last one the message, when it is
    /// complete.
    pub(super) fn receive_chunk(&mut self, input: &mut BytesMut) -> Option<Decoded<Request>> {
        let mut chunk = self.pending_chunk.take()?;
        let octets = usize::try_from(chunk.missing).map_or(input.len(), |missing| missing.min(input.len()));
        chunk.missing -= octets as u64;
        if let SmtpState::Chunks(_, receiver) = &mut self.state
            && chunk.refusal.is_none()
        {
            let is_all = chunk.is_last && chunk.missing == 0 && octets as u64 == chunk.size;
            receiver.take_as_is(input, octets, is_all);
        } else {
            input.advance(octets);
        }
        if chunk.missing > 0 {
            self.pending_chunk = Some(chunk);
            return None;
        }
        Some(self.chunk_arrived(*chunk))
    }

    fn chunk_arrived(&mut self, chunk: PendingChunk) -> Decoded<Request> {
        let PendingChunk { command, size, is_last, refusal, .. } = chunk;
        let line = command.slice(..command.len() - 2);
        let is_kept = refusal.is_none();
        let (event, request, before) = match &mut self.state {
            SmtpState::Chunks(_, receiver) if is_last && is_kept => {
                let body = receiver.finish();
                let before = body.octets - size;
                (Event::SmtpMessage, Request::Message(body), before)
            }
            SmtpState::Chunks(_, receiver) if is_last => {
                let before = receiver.octets();
                let body = Body { raw: None, octets: before.saturating_add(size), odd_dots: None, ends_bare: false };
                (Event::SmtpMessage, Request::Message(body), before)
            }
            SmtpState::Chunks(_, receiver) => {
                let before = receiver.octets() - if is_kept { size } else { 0 };
                (Event::SmtpBdat, Request::Chunk(Chunk { size, is_last, before, refusal }), before)
            }
            SmtpState::ChunkRefused
            | SmtpState::Silent
            | SmtpState::Idle
            | SmtpState::Transaction(_)
            | SmtpState::Body(..)
            | SmtpState::Sasl(_) => (Event::SmtpBdat, Request::Chunk(Chunk { size, is_last, before: 0, refusal }), 0),
        };
        Decoded { event, input: Input::Chunk { line, before, octets: size }, request }
    }

    /// The reply to a chunk whose end the server cannot wait for. RFC 3030 §2 has it read the octets before it replies; the
    /// connection is closed instead, because what follows must not be taken for commands.
    pub(super) fn endless_chunk(&self) -> Outcome<Request> {
        let too_large = Refusal::too_large(self.config.limits.message);
        let refusal = self.may_come_before_tls(Event::SmtpBdat).err().unwrap_or(too_large);
        Outcome { reply: refusal.reply(), status: Some(Status::Negative), next: Next::End }
    }

    /// The reply to a chunk that is not the last one of a message.
    pub(super) fn chunk(&mut self, chunk: Chunk) -> Result<Outcome<Request>, Refusal> {
        match chunk.refusal {
            None => Ok(say(&format!("250 2.0.0 Ok: {} octets received", chunk.size))),
            Some(refusal) => {
                self.refuse_chunks(chunk.is_last);
                Err(refusal)
            }
        }
    }

    /// A rule gave another reply to this chunk. If the reply is positive, the chunk is not a part of the message.
    pub(super) fn reject_chunk(&mut self, chunk: &Chunk, is_positive: bool) {
        if !is_positive {
            self.refuse_chunks(chunk.is_last);
        } else if let SmtpState::Chunks(_, receiver) = &mut self.state {
            receiver.truncate(chunk.before);
        }
    }

    /// A message without one of its chunks must not be accepted: the transaction waits for RSET (RFC 3030 §2).
    fn refuse_chunks(&mut self, is_last: bool) {
        if matches!(self.state, SmtpState::Chunks(..) | SmtpState::Transaction(_)) && !is_last {
            self.state = SmtpState::ChunkRefused;
        }
    }
}

/// Parses `chunk-size [SP end-marker]` (RFC 3030 §2). The size is `None` if it does not fit a number: so many octets never
/// come to an end. If only the end marker is wrong, the octets follow nevertheless.
///
/// Without a size, nobody knows what follows. Like Postfix and Exim, the server reads it as commands.
pub(super) fn parse(argument: &str) -> Result<(Option<u64>, Result<bool, Refusal>), Refusal> {
    let wrong = || Refusal::parameters("it must be BDAT size [LAST], with the number of octets that follow");
    let (size, marker) = argument.split_once(' ').unwrap_or((argument, ""));
    if size.is_empty() || !size.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(wrong());
    }
    let is_last = match marker.trim_matches(' ') {
        "" => Ok(false),
        marker if marker.eq_ignore_ascii_case("LAST") => Ok(true),
        _ => Err(wrong()),
    };
    Ok((size.parse().ok(), is_last))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::{Config, Dialect};
    use super::*;
    use crate::base::{SessionNo, Timestamp};
    use crate::mail::{Accounts, Message, Origin};
    use crate::protocol::{Machine, MailStore, MailTxn};

    /// Numbers that a seed determines (xorshift64*).
    struct Random(u64);

    impl Random {
        fn below(&mut self, bound: usize) -> usize {
            self.0 ^= self.0 >> 12;
            self.0 ^= self.0 << 25;
            self.0 ^= self.0 >> 27;
            (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % bound
        }
    }

    /// The message that a session with this input captures, and the last line of the replies. The input arrives in
    /// pieces of random sizes.
    fn captured(input: &[u8], random: &mut Random) -> (Option<Message>, String) {
        let mut machine = Smtp::new(Arc::new(Config::for_test(Dialect::Smtp)), false, false);
        let mut mail = MailStore::new(Accounts::default());
        let (mut buffer, mut rest) = (BytesMut::new(), input);
        let (mut message, mut said) = (None, String::new());
        loop {
            while let Some(decoded) = machine.decode(&mut buffer) {
                let origin = Origin::Session(SessionNo(1));
                let mut txn = MailTxn::new(&mut mail, origin, Timestamp::from_micros(0));
                said = String::from_utf8_lossy(machine.perform(decoded.request, &mut txn).reply.text()).into_owned();
                message = txn.close().accepted.or(message);
            }
            if rest.is_empty() {
                return (message, said);
            }
            let most = if random.below(3) == 0 { 3 } else { 600 };
            let octets = (1 + random.below(most)).min(rest.len());
            buffer.extend_from_slice(&rest[..octets]);
            rest = &rest[octets..];
        }
    }

    #[test]
    fn any_message_in_any_chunks_is_the_same_as_after_data() {
        const WORDS: [&[u8]; 10] =
            [b"\r\n", b"\r\n", b".", b"\r\n.", b"\r", b"\n", b"\0", b"\xff", b"BDAT 3 LAST\r\n", b"text of a line"];
        for seed in 1..=400 {
            let mut random = Random(seed);
            let mut raw = b"Subject: x\r\n".to_vec();
            for _ in 0..random.below(if seed % 20 == 0 { 20_000 } else { 60 }) {
                raw.extend_from_slice(WORDS[random.below(WORDS.len())]);
            }
            raw.extend_from_slice(b"\r\n");
            let head = "EHLO me\r\nMAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.org>\r\n";
            let mut data = [head, "DATA\r\n"].concat().into_bytes();
            let mut bdat = head.as_bytes().to_vec();
            let starts = memchr::memmem::find_iter(&raw, b"\r\n.").map(|at| at + 2);
            let mut from = 0;
            for start in starts {
                data.extend_from_slice(&raw[from..start]);
                data.push(b'.');
                from = start;
            }
            data.extend_from_slice(&raw[from..]);
            data.extend_from_slice(b".\r\n");
            let mut left = &raw[..];
            loop {
                let octets = random.below(left.len() + 1);
                let is_last = octets == left.len() && random.below(2) == 0;
                let last = if is_last { " LAST" } else { "" };
                bdat.extend_from_slice(format!("BDAT {octets}{last}\r\n").as_bytes());
                bdat.extend_from_slice(&left[..octets]);
                left = &left[octets..];
                if is_last {
                    break;
                }
            }

            let [after_data, after_bdat] = [data, bdat].map(|input| captured(&input, &mut random));

            assert_eq!(after_data.1, after_bdat.1, "seed {seed}");
            let [after_data, after_bdat] =
                [after_data, after_bdat].map(|(message, _)| message.expect("it was captured"));
            assert_eq!(after_data.raw(), &raw, "seed {seed}");
            assert_eq!(after_bdat.raw(), &raw, "seed {seed}");
            assert_eq!(after_data.envelope(), after_bdat.envelope());
        }
    }

    #[test]
    fn a_chunk_of_more_octets_than_can_be_counted_ends_the_session() {
        for size in ["18446744073709551616", "99999999999999999999 LAST"] {
            let mut machine = Smtp::new(Arc::new(Config::for_test(Dialect::Smtp)), false, false);
            let mut mail = MailStore::new(Accounts::default());
            let talk = format!("EHLO me\r\nMAIL FROM:<>\r\nRCPT TO:<b@example.org>\r\nBDAT {size}\r\nNOOP\r\n");
            let mut input = BytesMut::from(talk.as_bytes());
            let (mut said, mut is_over) = (String::new(), false);
            while let Some(decoded) = machine.decode(&mut input).filter(|_| !is_over) {
                let mut txn = MailTxn::new(&mut mail, Origin::Session(SessionNo(1)), Timestamp::from_micros(0));
                let outcome = machine.perform(decoded.request, &mut txn);
                said = String::from_utf8_lossy(outcome.reply.text()).into_owned();
                is_over = matches!(outcome.next, Next::End);
            }

            assert!(is_over, "{size}: {said}");
            assert_eq!(said, "552 5.3.4 Message size exceeds fixed maximum message size of 26214400 octets\r\n");
        }
    }

    #[test]
    fn a_chunk_of_an_absurd_size_is_discarded_to_the_end() {
        let mut machine = Smtp::new(Arc::new(Config::for_test(Dialect::Smtp)), false, false);
        let mut mail = MailStore::new(Accounts::default());
        let size = u64::MAX.to_string();
        let talk = format!("EHLO me\r\nMAIL FROM:<>\r\nRCPT TO:<b@example.org>\r\nBDAT {size}\r\nNOOP\r\n");
        let mut input = BytesMut::from(talk.as_bytes());
        let mut events = Vec::new();
        while let Some(decoded) = machine.decode(&mut input) {
            events.push(decoded.event);
            let origin = Origin::Session(SessionNo(1));
            machine.perform(decoded.request, &mut MailTxn::new(&mut mail, origin, Timestamp::from_micros(0)));
        }

        for _ in 0..1000 {
            input.extend_from_slice(&[b'x'; 1000]);
            assert!(machine.decode(&mut input).is_none());
            assert!(input.is_empty());
        }

        assert_eq!(events, [Event::SmtpGreeting, Event::SmtpCaps, Event::SmtpMail, Event::SmtpRcpt]);
        assert_eq!(machine.unfinished().octets, "BDAT \r\n".len() as u64 + 20 + "NOOP\r\n".len() as u64 + 1_000_000);
        assert_eq!(machine.unfinished_octets()[1], b"", "nothing is kept");
    }

    #[test]
    fn small_chunks_do_not_each_move_the_message() {
        let mut receiver = Receiver::new(None, 1 << 20);
        let mut capacities = Vec::new();
        for _ in 0..1000 {
            receiver.expect(100);
            receiver.take_as_is(&mut BytesMut::from(&[b'x'; 100][..]), 100, false);
            capacities.push(receiver.capacity());
        }
        capacities.dedup();

        assert!(capacities.len() < 25, "it grew {} times", capacities.len());
    }

    #[test]
    fn a_message_in_one_chunk_has_an_allocation_of_its_size() {
        let mut receiver = Receiver::new(None, 1 << 20);
        receiver.expect(1000);
        receiver.take_as_is(&mut BytesMut::from(&[b'x'; 1000][..]), 1000, true);
        let place = receiver.kept().as_ptr();

        let raw = receiver.finish().raw.expect("it is within the limit");

        assert_eq!((raw.len(), raw.as_ptr()), (1000, place));
    }
}
