//! A session that a script plays: the script compares what the client sends, and the machine follows.

use bytes::BytesMut;

use super::news::News;
use super::{Driver, let_others};
use crate::journal::{Ending, RecordKind, Weight};
use crate::protocol::{Decoded, Event, Input, Machine, Protocol, masked};
use crate::rule::script::{Act, Divergence, Expected, Heard, ScriptNext};
use crate::rule::{Playing, ScriptTurn};
use crate::world::ScriptInput;

/// The input of a script that has no exchange yet.
#[derive(Default)]
struct Pending {
    /// What the machine has not decoded.
    undecoded: BytesMut,
    /// What is in no record.
    unrecorded: BytesMut,
}

impl<M: Machine> Driver<M> {
    /// Plays a script to its end, or until it hands over to the conforming server.
    pub(super) async fn play_script(&mut self, mut playing: Box<Playing>) -> Result<(), Ending> {
        let mut pending = Pending::default();
        let mut spent = 0;
        while playing.next != ScriptNext::Pass {
            match playing.player.hear(&self.input, self.machine.most_data()) {
                Heard::More => self.more(&playing).await?,
                Heard::Skipped => {
                    let (acts, next) = playing.player.act();
                    playing.next = next;
                    if !acts.is_empty() {
                        let turn = playing.acts(acts);
                        self.script_exchange(Event::TcpSay, Input::Silence, None, turn, Vec::new()).await?;
                    }
                }
                Heard::Fits { octets, is_data, wrong } => {
                    spent += octets;
                    self.fits(&mut playing, &mut pending, (octets, is_data), &wrong).await?;
                }
                Heard::Diverges { octets, wrong } => {
                    let turn = match playing.player.on_divergence() {
                        Divergence::Pass => {
                            let failures = self.failures(&playing, unknown(&playing), &self.input[..octets], &wrong);
                            self.note(failures);
                            break;
                        }
                        Divergence::Close => playing.closes(),
                        Divergence::Reply(text) => playing.refuses(Some(text)),
                    };
                    let taken = self.input.split_to(octets);
                    pending.unrecorded.extend_from_slice(&taken);
                    pending.undecoded.unsplit(taken);
                    self.hear(&playing, &mut pending, turn, &wrong, true).await?;
                }
            }
            let_others(&mut spent).await;
        }
        self.engine.update(|world, now| world.hand_over(self.session, &playing, now));
        let rest = std::mem::replace(&mut self.input, pending.undecoded);
        self.input.unsplit(rest);
        Ok(())
    }

    /// Takes octets that fit, and plays what follows.
    async fn fits(
        &mut self,
        playing: &mut Playing,
        pending: &mut Pending,
        (octets, is_data): (usize, bool),
        wrong: &[Expected],
    ) -> Result<(), Ending> {
        let taken = self.input.split_to(octets);
        pending.unrecorded.extend_from_slice(&taken);
        // A machine that expects no data would take its lines for commands.
        let is_unexpected = is_data && self.machine.unfinished().within.is_none();
        if !is_unexpected {
            pending.undecoded.unsplit(taken);
        }
        let (acts, next) = playing.player.act();
        playing.next = next;
        let is_secured = acts.contains(&Act::Tls);
        let is_answered = !acts.is_empty() || !wrong.is_empty();
        let turn = playing.acts(acts);
        self.hear(playing, pending, turn, wrong, is_answered).await?;
        if is_unexpected {
            let text = format!("the conforming server does not expect these {octets} octets of data");
            self.note(vec![playing.noted(Weight::Note, text)]);
        }
        if is_secured {
            *pending = Pending::default();
        }
        Ok(())
    }

    /// Waits for more input.
    async fn more(&mut self, playing: &Playing) -> Result<(), Ending> {
        let before = self.input.len();
        self.flush().await?;
        if self.input.len() > before {
            self.last_heard = None;
            return Ok(());
        }
        if self.ended_input {
            self.ended_early(playing, "the client closed the connection");
            return Err(Ending::ClientClosed);
        }
        match self.news(None).await? {
            News::Bytes | News::Push(_) => Ok(()),
            News::Lapse => {
                self.ended_early(playing, "the client was silent for too long");
                Err(Ending::Idle)
            }
            News::Command(command) => Box::pin(self.obey(command)).await,
        }
    }

    /// Records a failure if the script expects more of the client.
    fn ended_early(&mut self, playing: &Playing, what: &str) {
        if !playing.player.may_end() {
            let expected = playing.player.expected(None).text;
            self.note(vec![playing.failure(format!("{what}; {expected}"))]);
        }
    }

    /// The failures to record for octets of this event, without what may be a password.
    fn failures(&self, playing: &Playing, event: Event, octets: &[u8], wrong: &[Expected]) -> Vec<RecordKind> {
        if wrong.is_empty() {
            return Vec::new();
        }
        let line = octets.strip_suffix(b"\r\n").unwrap_or(octets);
        let is_hidden = self.engine.read(|world| {
            let log = world.journal.session(self.session);
            log.is_some_and(|log| world.journal.may_go_on_with_login(log, event, line))
        });
        let shown = if is_hidden { b"***"[..].into() } else { masked(event, line) };
        playing.failures(&shown, wrong)
    }

    fn note(&mut self, notes: Vec<RecordKind>) {
        self.engine.update(|world, now| notes.into_iter().for_each(|its| world.note(self.session, its, now)));
    }

    /// Gives what the client sent to the machine, and plays the exchange of each request; the script answers the last
    /// one. Input that is no request yet waits for more, unless the script answers it.
    async fn hear(
        &mut self,
        playing: &Playing,
        pending: &mut Pending,
        turn: ScriptTurn,
        wrong: &[Expected],
        is_answered: bool,
    ) -> Result<(), Ending> {
        let mut last: Option<Decoded<M::Request>> = None;
        while let Some(decoded) = self.machine.decode(&mut pending.undecoded) {
            if let Some(Decoded { event, input, request }) = last.replace(decoded) {
                let turn = playing.acts(Vec::new());
                self.script_exchange(event, input, Some(request), turn, Vec::new()).await?;
            }
        }
        let octets = &pending.unrecorded;
        let (event, input, request) = match last {
            Some(Decoded { event, input, request }) => (event, input, Some(request)),
            None if !is_answered => return Ok(()),
            None => {
                let text = octets.strip_suffix(b"\r\n").unwrap_or(octets);
                (unknown(playing), Input::Line(text.to_vec().into()), None)
            }
        };
        let failures = self.failures(playing, event, octets, wrong);
        pending.unrecorded.clear();
        self.script_exchange(event, input, request, turn, failures).await
    }

    async fn script_exchange(
        &mut self,
        event: Event,
        input: Input,
        request: Option<M::Request>,
        turn: ScriptTurn,
        failures: Vec<RecordKind>,
    ) -> Result<(), Ending> {
        self.reported = Default::default();
        let is_early = self.came_early || !self.open.is_empty();
        self.came_early = false;
        let request = match request {
            Some(request) if self.machine.reads(&request) => Some(self.read(Some(event), request).await?),
            request => request,
        };
        let came = ScriptInput { event, input, request, is_early };
        let turn = self.turn_knowing(|world, machine, session, now| {
            world.script_turn(session, machine, came, turn, failures, now)
        });
        Box::pin(self.take_turns(turn, Ending::Clean)).await?;
        self.flush_full().await
    }
}

/// The event of input that is no request.
fn unknown(playing: &Playing) -> Event {
    match playing.player.protocol() {
        Protocol::Smtp => Event::SmtpUnknown,
        Protocol::Lmtp => Event::LmtpUnknown,
        Protocol::Imap => Event::ImapUnknown,
        Protocol::Pop3 => Event::Pop3Unknown,
    }
}
