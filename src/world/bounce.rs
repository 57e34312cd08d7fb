//! Reports about messages to their senders.

use super::World;
use super::effect::noted;
use super::timers::TimerJob;
use super::turn::Progress;
use crate::base::{MessageNo, SessionNo, Timestamp};
use crate::journal::Weight;
use crate::mail::{Bounced, Envelope, Message, NoBounce, Parameters, Recipient, Reporter, Sender, Verdict};
use crate::rule::LateBounce;

impl World {
    /// Delivers a report as any other message.
    pub(crate) fn deliver_report(&mut self, report: Bounced, now: Timestamp) -> Result<Message, NoBounce> {
        let Bounced { to, raw, is_utf8 } = report;
        let parameters = if is_utf8 { vec![("SMTPUTF8".into(), None)] } else { Vec::new() };
        let recipient = Recipient::new(&to, Parameters::default(), Verdict::Accepted);
        let sender = Sender::new("", Parameters::new(parameters));
        let envelope = Envelope::new(sender, vec![recipient]).expect("the recipient is accepted");
        self.deliver(envelope, raw, now).map_err(NoBounce::Stranger)
    }

    /// A message was accepted; schedules the reports about it.
    pub(super) fn bounce_later(
        &mut self,
        message: MessageNo,
        bounces: Vec<LateBounce>,
        session: SessionNo,
        now: Timestamp,
    ) {
        for bounce in bounces {
            let due = bounce.due.unwrap_or(now);
            self.timers.put(due, TimerJob::Bounce { message, bounce: Box::new(bounce), session });
        }
    }

    /// Sends a report that is due.
    pub(super) fn bounce_now(&mut self, no: MessageNo, late: &LateBounce, progress: &mut Progress, now: Timestamp) {
        let LateBounce { bounce, by, .. } = late;
        let message = self.journal.message(no).map(|captured| captured.message.clone());
        let host = self.host.clone();
        let result = match message {
            None => Err(format!("{no} was deleted")),
            Some(message) => {
                let report = bounce.compose(&message, &Reporter { host: &host, now });
                report.and_then(|report| self.deliver_report(report, now)).map_err(|why| why.to_string())
            }
        };
        if let Err(why) = result {
            self.rulebook.missed_later(by);
            progress.notes.push(noted(by, Weight::Note, format!("there is no report about {no}: {why}")));
        }
    }
}
