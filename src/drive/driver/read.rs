//! Reading mail before the turn that needs it.

use tokio::task::spawn_blocking;

use super::Driver;
use crate::journal::Ending;
use crate::protocol::{Decoded, Event, Machine};
use crate::rule::Answers;

/// Up to so many octets of mail are read on the thread that serves the session; more are read on another thread.
const LITTLE: u64 = 256 << 10;

impl<M: Machine> Driver<M> {
    /// Reads the mail that a turn needs, before the turn and without the lock; on another thread if it is much. Gives the
    /// answers to what rules ask about that mail at this event.
    pub(super) async fn read(
        &mut self,
        event: Option<Event>,
        mut request: M::Request,
    ) -> Result<(M::Request, Option<Box<Answers>>), Ending> {
        let machine = &self.machine;
        if !machine.reads(&request) {
            return Ok((request, None));
        }
        let (octets, questions) = self.engine.read(|world| {
            let octets = machine.gather(&mut request, &world.mail.accounts);
            (octets, event.and_then(|event| world.questions(machine, event, &request)))
        });
        let is_long = questions.is_some() || octets > LITTLE;
        let read = move || {
            if octets > 0 {
                M::compute(&mut request);
            }
            (request, questions.map(|questions| Box::new(questions.answer())))
        };
        if is_long { spawn_blocking(read).await.map_err(|_panic| Ending::Bug) } else { Ok(read()) }
    }

    /// The same for a request that was not performed yet.
    pub(super) async fn prepared(
        &mut self,
        decoded: Decoded<M::Request>,
    ) -> Result<(Decoded<M::Request>, Option<Box<Answers>>), Ending> {
        let Decoded { event, input, request } = decoded;
        let (request, answers) = self.read(Some(event), request).await?;
        Ok((Decoded { event, input, request }, answers))
    }
}
