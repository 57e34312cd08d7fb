//! Reading mail before the turn that needs it.

use tokio::task::spawn_blocking;

use super::Driver;
use crate::journal::Ending;
use crate::protocol::{Decoded, Event, Machine};

/// Up to this many octets of mail are read on the session's thread; more are read on another thread.
const LITTLE: u64 = 256 << 10;

impl<M: Machine> Driver<M> {
    /// Reads the mail that a turn needs, before the turn and without the lock; on another thread if it is long. Keeps
    /// the answers to the conditions of rules about that mail.
    pub(super) async fn read(&mut self, event: Option<Event>, mut request: M::Request) -> Result<M::Request, Ending> {
        let machine = &self.machine;
        if !machine.reads(&request) {
            self.free_answers();
            return Ok(request);
        }
        let (octets, mut questions) = self.engine.read(|world| {
            let octets = machine.gather(&mut request, &world.mail.accounts);
            (octets, event.and_then(|event| world.questions(machine, event, &request)))
        });
        // Over LMTP, rules ask the same for every recipient of a message.
        let known = self.answers.as_ref();
        if questions.as_ref().zip(known).is_some_and(|(asked, known)| known.are_to(asked)) {
            questions = None;
        } else {
            self.free_answers();
        }
        let is_long = questions.is_some() || octets > LITTLE;
        let read = move || {
            if octets > 0 {
                M::compute(&mut request);
            }
            (request, questions.map(|questions| Box::new(questions.answer())))
        };
        let (request, answers) =
            if is_long { spawn_blocking(read).await.map_err(|_panic| Ending::Bug)? } else { read() };
        self.answers = answers.or(self.answers.take());
        Ok(request)
    }

    /// Like `read`, for a request that is not performed yet.
    pub(super) async fn prepared(&mut self, decoded: Decoded<M::Request>) -> Result<Decoded<M::Request>, Ending> {
        let Decoded { event, input, request } = decoded;
        let request = self.read(Some(event), request).await?;
        Ok(Decoded { event, input, request })
    }

    /// Frees the answers on another thread: they may have a hundred thousand pieces, which takes long.
    pub(super) fn free_answers(&mut self) {
        if let Some(answers) = self.answers.take() {
            let _freed = spawn_blocking(|| drop(answers));
        }
    }
}
