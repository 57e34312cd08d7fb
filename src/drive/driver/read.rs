//! Reading mail before the turn that needs it.

use tokio::task::spawn_blocking;

use super::Driver;
use crate::journal::Ending;
use crate::protocol::{Decoded, Event, Machine};

/// Up to so many octets of mail are read on the thread that serves the session; more are read on another thread.
const LITTLE: u64 = 256 << 10;

impl<M: Machine> Driver<M> {
    /// Reads the mail that a turn needs, before the turn and without the lock; on another thread if it is much. Keeps the
    /// answers to what rules ask about that mail at this event.
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
        // Every recipient of one message over LMTP makes rules ask the same.
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

    /// The same for a request that was not performed yet.
    pub(super) async fn prepared(&mut self, decoded: Decoded<M::Request>) -> Result<Decoded<M::Request>, Ending> {
        let Decoded { event, input, request } = decoded;
        let request = self.read(Some(event), request).await?;
        Ok(Decoded { event, input, request })
    }

    /// Frees the answers on another thread. They can consist of a hundred thousand pieces, so that it takes long.
    pub(super) fn free_answers(&mut self) {
        if let Some(answers) = self.answers.take() {
            let _freed = spawn_blocking(|| drop(answers));
        }
    }
}
