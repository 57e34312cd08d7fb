//! Reports about messages to their senders.

use super::World;
use super::content::LITTLE;
use super::effect::noted;
use super::timers::{JobKey, TimerJob};
use super::turn::Progress;
use crate::base::{MessageNo, SessionNo, Timestamp};
use crate::journal::Weight;
use crate::mail::{Bounce, Bounced, Envelope, Message, NoBounce, Parameters, Recipient, Reporter, Sender, Verdict};
use crate::rule::LateBounce;

/// A report that a job will send. It has a copy of the message, so it is composed before the turn.
pub(crate) struct DueReport {
    key: JobKey,
    message: Message,
    bounce: Bounce,
    host: Box<str>,
}

/// The report of a job.
pub(crate) struct ComposedReport {
    key: JobKey,
    report: Result<Bounced, NoBounce>,
}

impl DueReport {
    pub(super) fn new(key: JobKey, message: Message, bounce: Bounce, host: Box<str>) -> Option<Self> {
        (message.raw().len() > LITTLE).then_some(Self { key, message, bounce, host })
    }

    /// Takes long for a large message.
    pub(crate) fn compose(self, now: Timestamp) -> ComposedReport {
        let report = self.bounce.compose(&self.message, &Reporter { host: &self.host, now });
        ComposedReport { key: self.key, report }
    }
}

impl ComposedReport {
    pub(super) fn of(self, key: JobKey) -> Option<Result<Bounced, NoBounce>> {
        (self.key == key).then_some(self.report)
    }
}

impl World {
    /// Delivers a report as any other message.
    pub(crate) fn deliver_report(&mut self, report: Bounced, now: Timestamp) -> Result<Message, NoBounce> {
        let Bounced { to, raw, is_utf8 } = report;
        let parameters = if is_utf8 { vec![("SMTPUTF8".into(), None)] } else { Vec::new() };
        let recipient = Recipient::new(&to, Parameters::default(), Verdict::Accepted);
        let sender = Sender::new("", Parameters::new(parameters));
        let envelope = Envelope::new(sender, vec![recipient]).expect("the recipient is accepted");
        self.deliver(envelope, raw, now).map_err(NoBounce::NotLocal)
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

    /// Sends a report that is due; composes it, unless that was done before.
    pub(super) fn bounce_now(
        &mut self,
        no: MessageNo,
        late: &LateBounce,
        report: Option<Result<Bounced, NoBounce>>,
        progress: &mut Progress,
        now: Timestamp,
    ) {
        let LateBounce { bounce, by, .. } = late;
        let message = self.journal.message(no).map(|captured| captured.message.clone());
        let host = self.host.clone();
        let result = match message {
            None => Err(format!("{no} was deleted")),
            Some(message) => {
                let report = report.unwrap_or_else(|| bounce.compose(&message, &Reporter { host: &host, now }));
                report.and_then(|report| self.deliver_report(report, now)).map_err(|why| why.to_string())
            }
        };
        if let Err(why) = result {
            self.rulebook.missed_later(by);
            progress.notes.push(noted(Some(by), Weight::Note, format!("there is no report about {no}: {why}")));
        }
    }
}
