//! Jobs to run at a server time.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::World;
use super::bounce::{ComposedReport, DueReport};
use super::context::About;
use super::effect::noted;
use super::nobody::Nobody;
use super::turn::Progress;
use crate::base::{MessageNo, SessionNo, Timestamp};
use crate::journal::Weight;
use crate::mail::{Message, Origin};
use crate::protocol::{Destination, Event, MailTxn};
use crate::rule::{By, Effect, LateBounce, Rule, RuleNo, Since};

/// Jobs ordered by due time.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    due: BTreeMap<JobKey, TimerJob>,
    /// The jobs that find nothing once their session has ended.
    of_sessions: BTreeSet<(SessionNo, JobKey)>,
    next: u64,
    /// Whether a job was added that the owner of the clock does not know yet.
    is_news: bool,
}

/// When a job is due, and its number.
pub(crate) type JobKey = (Timestamp, u64);

#[derive(Debug)]
pub(super) enum TimerJob {
    Effect {
        effect: Effect,
        session: Option<SessionNo>,
        by: By,
    },
    /// Files a message that was accepted before.
    File {
        message: MessageNo,
        destination: Destination,
        session: SessionNo,
        /// The step that deferred it; `None` if its sender did.
        by: Option<By>,
    },
    /// Reports about a message that was accepted before.
    Bounce {
        message: MessageNo,
        bounce: Box<LateBounce>,
        session: SessionNo,
    },
    /// A time that rules wait for.
    Moment,
}

impl TimerJob {
    /// The session that must not have ended by then.
    fn session_needed(&self) -> Option<SessionNo> {
        match self {
            Self::Effect { effect, session, .. } => session.filter(|_| effect.is_about_session()),
            Self::File { .. } | Self::Bounce { .. } | Self::Moment => None,
        }
    }
}

impl Timers {
    pub(super) fn put(&mut self, due: Timestamp, later: TimerJob) {
        self.next += 1;
        let key = (due, self.next);
        self.of_sessions.extend(later.session_needed().map(|session| (session, key)));
        self.due.insert(key, later);
        self.is_news = true;
    }

    /// When the next job is due.
    pub(crate) fn next(&self) -> Option<Timestamp> {
        self.first().map(|(due, _)| due)
    }

    /// The next job.
    pub(crate) fn first(&self) -> Option<JobKey> {
        self.due.keys().next().copied()
    }

    /// Whether a job was added since the last call.
    pub(crate) fn take_news(&mut self) -> bool {
        std::mem::take(&mut self.is_news)
    }

    pub(crate) fn clear(&mut self) {
        self.due.clear();
        self.of_sessions.clear();
    }

    /// Drops the effects of rules. Messages that were accepted are still filed.
    pub(super) fn forget_rules(&mut self) {
        self.due.retain(|_, later| matches!(later, TimerJob::File { .. }));
        self.of_sessions.clear();
    }

    /// Removes the first job, if it is due.
    fn take_due(&mut self, now: Timestamp) -> Option<(JobKey, TimerJob)> {
        let first = self.due.first_entry().filter(|first| first.key().0 <= now)?;
        let (key, job) = first.remove_entry();
        job.session_needed().map(|session| self.of_sessions.remove(&(session, key)));
        Some((key, job))
    }

    /// Removes the jobs that find nothing because this session has ended. Returns their steps.
    fn take_of(&mut self, session: SessionNo) -> Vec<By> {
        let is_its = |(its, _): &(SessionNo, JobKey)| *its == session;
        let from = (session, (Timestamp::from_micros(i64::MIN), 0));
        let keys: Vec<_> = self.of_sessions.range(from..).copied().take_while(is_its).collect();
        let jobs = keys.into_iter().filter_map(|its| {
            self.of_sessions.remove(&its);
            match self.due.remove(&its.1)? {
                TimerJob::Effect { by, .. } => Some(by),
                TimerJob::File { by, .. } => by,
                TimerJob::Bounce { bounce, .. } => Some(bounce.by),
                TimerJob::Moment => None,
            }
        });
        jobs.collect()
    }

    fn schedule_moment(&mut self, at: Timestamp) {
        if !self.due.range((at, 0)..=(at, u64::MAX)).any(|(_, later)| matches!(later, TimerJob::Moment)) {
            self.put(at, TimerJob::Moment);
        }
    }
}

impl World {
    /// Mounts a rule as the outermost.
    pub(crate) fn mount(&mut self, rule: Arc<Rule>, now: Timestamp) -> RuleNo {
        self.schedule_moments(&rule, now);
        let since = self.since(now);
        self.rulebook.mount(rule, since)
    }

    /// Replaces a rule. The new one has the same number, and counts from 0.
    pub(crate) fn replace(&mut self, no: RuleNo, rule: Arc<Rule>, now: Timestamp) -> bool {
        let since = self.since(now);
        let replaced = self.rulebook.replace(no, Arc::clone(&rule), since);
        if replaced {
            self.schedule_moments(&rule, now);
        }
        replaced
    }

    /// What comes into force now does not meet earlier records.
    pub(super) fn since(&self, time: Timestamp) -> Since {
        Since { time, record: self.journal.tip() }
    }

    /// Schedules the times that the rules wait for; all rules came into force now.
    pub(super) fn schedule_all_moments(&mut self, now: Timestamp) {
        let rules: Vec<Arc<Rule>> = self.rulebook.rules().iter().map(|mounted| Arc::clone(&mounted.rule)).collect();
        rules.iter().for_each(|rule| self.schedule_moments(rule, now));
    }

    fn schedule_moments(&mut self, rule: &Rule, now: Timestamp) {
        for moment in rule.moments() {
            self.timers.schedule_moment(now.plus(moment));
        }
    }

    /// The message that the first job files, if that is what it does.
    pub(super) fn due_message(&self) -> Option<Message> {
        match self.timers.due.first_key_value()? {
            (_, TimerJob::File { message, .. }) => Some(self.journal.message(*message)?.message.clone()),
            (_, TimerJob::Effect { .. } | TimerJob::Bounce { .. } | TimerJob::Moment) => None,
        }
    }

    /// The report that the first job sends, if that is what it does and if that takes time.
    pub(crate) fn due_report(&self) -> Option<DueReport> {
        match self.timers.due.first_key_value()? {
            (key, TimerJob::Bounce { message, bounce, .. }) => {
                let message = self.journal.message(*message)?.message.clone();
                DueReport::new(*key, message, bounce.bounce.clone(), self.host.clone())
            }
            (_, TimerJob::Effect { .. } | TimerJob::File { .. } | TimerJob::Moment) => None,
        }
    }

    /// A session has ended: its deferred steps find nothing.
    pub(super) fn forget_deferred(&mut self, session: SessionNo) {
        for by in self.timers.take_of(session) {
            self.rulebook.missed_later(&by);
        }
    }

    /// Runs this job, if it is due and still the first: only what the first one needs was read before. The report may have
    /// been composed before, for this or another job.
    pub(crate) fn fall_due(&mut self, job: JobKey, report: Option<ComposedReport>, now: Timestamp) {
        if self.timers.first() != Some(job) {
            return;
        }
        let Some((key, later)) = self.timers.take_due(now) else { return };
        let mut progress = Progress::default();
        let session = match later {
            TimerJob::Effect { effect, session, by } => {
                let machine = None::<&mut Nobody>;
                if !self.apply_effect(session, machine, None, effect, (None, by.clone()), &mut progress, now) {
                    self.rulebook.missed_later(&by);
                }
                session
            }
            TimerJob::File { message, destination, session, by } => {
                self.file(message, &destination, by.as_ref(), &mut progress, now);
                Some(session)
            }
            TimerJob::Bounce { message, bounce, session } => {
                let report = report.and_then(|report| report.of(key));
                self.bounce_now(message, &bounce, report, &mut progress, now);
                Some(session)
            }
            TimerJob::Moment => return self.follow(Event::Timer, None, About::Moment(key.0), self.journal.tip(), now),
        };
        self.settle(session, progress, now);
    }

    /// Files a message that was accepted before. Accounts that were removed with a scenario are not created again.
    fn file(
        &mut self,
        no: MessageNo,
        destination: &Destination,
        by: Option<&By>,
        progress: &mut Progress,
        now: Timestamp,
    ) {
        let missed = |world: &mut Self| by.into_iter().for_each(|by| world.rulebook.missed_later(by));
        let Some(message) = self.journal.message(no).map(|captured| captured.message.clone()) else {
            missed(self);
            return progress.notes.push(noted(by, Weight::Note, format!("{no} is not filed: it was deleted")));
        };
        let mut txn = MailTxn::new(&mut self.mail, Origin::Delivered, now);
        let logins = txn.addressees(destination, &message).into_iter();
        let (there, gone): (Vec<_>, Vec<_>) = logins.partition(|login| txn.accounts().known(login).is_some());
        txn.file_for(&there, destination, &message);
        if there.is_empty() {
            missed(self);
        }
        if !gone.is_empty() {
            let text = format!("{no} is not filed for {}: the account no longer exists", gone.join(", "));
            progress.notes.push(noted(by, Weight::Note, text));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::time::Duration;

    use bytes::BytesMut;

    use super::*;
    use crate::base::Seq;
    use crate::journal::Opened;
    use crate::mail::{Accounts, Namespace};
    use crate::protocol::smtp::{Config, Dialect, Smtp};
    use crate::protocol::{Listener, Machine};

    #[test]
    fn the_changes_that_were_recorded_rebuild_the_mailbox_of_a_held_message() {
        let start = Timestamp::from_micros(0);
        let mut world = World::new(Vec::new().into(), Namespace::default(), 1, None);
        let address = (Ipv4Addr::LOCALHOST, 1).into();
        let session = world.open(
            Opened { listener: Listener::Submission, peer: address, local: address, offers_starttls: true },
            start,
        );
        let config = Config { holds: true, ..Config::for_test(Dialect::Smtp) };
        let mut machine = Smtp::new(Arc::new(config), false, false);
        let talk = "EHLO x\r\nMAIL FROM:<a@b> HOLDFOR=60\r\nRCPT TO:<c@d>\r\nRCPT TO:<e@f>\r\nDATA\r\n\r\n.\r\n";
        let mut input = BytesMut::from(talk.as_bytes());
        while let Some(decoded) = machine.decode(&mut input) {
            world.turn(session, &mut machine, decoded, false, start);
        }
        let tip = world.journal.tip();
        let due = world.timers.next().expect("the message is held");

        world.fall_due(world.timers.first().unwrap(), None, due);

        let mut rebuilt = Accounts::new(Vec::new(), Namespace::default(), 1);
        let mut recorded_later = 0;
        for (seq, record) in (1..).map_while(|no| world.journal.get(Seq(no)).map(|record| (Seq(no), record))) {
            for change in record.kind.changes() {
                recorded_later += usize::from(seq > tip);
                rebuilt.apply(change, |no| Some(world.journal.message(no)?.message.clone())).expect("it fits");
            }
        }
        assert_eq!(due, start.plus(Duration::from_secs(60)));
        // An account is opened, and the message is filed, for each recipient.
        assert_eq!(recorded_later, 4);
        let shown = |accounts: &Accounts| format!("{:?}", accounts.iter().collect::<Vec<_>>());
        assert_eq!(shown(&rebuilt), shown(&world.mail.accounts));
    }
}
