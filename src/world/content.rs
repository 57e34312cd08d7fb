//! Evaluates conditions on the content of messages before the turn.

use super::World;
use bytes::Bytes;

use crate::mail::Message;
use crate::protocol::{Event, Machine, message};
use crate::rule::{Answers, Questions};

/// A message of at most this many octets is read and copied during the turn.
pub(super) const LITTLE: usize = 16 << 10;

impl World {
    /// The conditions that rules will evaluate on the content of the request's messages; `None` if that takes little
    /// time.
    pub(crate) fn questions<M: Machine>(&self, machine: &M, event: Event, request: &M::Request) -> Option<Questions> {
        // A message that is accepted is delivered in the same turn.
        let delivers = matches!(event, Event::SmtpMessage | Event::LmtpMessage | Event::LmtpDelivery);
        let events = if delivers { &[event, Event::MailDelivered][..] } else { &[event] };
        self.asked(events, || machine.messages(request, &self.mail.accounts))
    }

    /// Like `questions`, for a message that is about to be delivered outside of any session.
    pub(crate) fn questions_about(&self, raw: &Bytes) -> Option<Questions> {
        self.asked(&[Event::MailDelivered], || Some(vec![message(raw.clone())]))
    }

    /// Like `questions`, for the first timer: it may deliver a message that was accepted before.
    pub(crate) fn questions_of_due(&self) -> Option<Questions> {
        self.asked(&[Event::MailDelivered], || Some(vec![self.due_message()?]))
    }

    fn asked(&self, events: &[Event], messages: impl FnOnce() -> Option<Vec<Message>>) -> Option<Questions> {
        if !events.iter().any(|event| self.rulebook.concerns(*event)) {
            return None;
        }
        let messages = messages()?;
        let octets: usize = messages.iter().map(|message| message.raw().len()).sum();
        if octets <= LITTLE { None } else { self.rulebook.questions(events, messages) }
    }

    /// Takes a turn with these answers. Returns them, so that they are dropped outside of the lock: they may be large.
    pub(crate) fn knowing<T>(
        &mut self,
        answers: Option<Box<Answers>>,
        turn: impl FnOnce(&mut Self) -> T,
    ) -> (T, Option<Box<Answers>>) {
        self.answers = answers;
        let result = turn(self);
        (result, self.answers.take())
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::sync::Arc;
    use std::time::Duration;

    use bytes::BytesMut;

    use super::*;
    use crate::base::{SessionNo, Timestamp};
    use crate::journal::Opened;
    use crate::mail::Namespace;
    use crate::protocol::smtp::{Config, Dialect, Smtp};
    use crate::protocol::{ContentField, Decoded, Listener, RequestField};
    use crate::rule::step::tests::step;
    use crate::rule::{Condition, Field, On, Rule, Test};
    use crate::scenario::Scenario;
    use crate::world::Rest;

    const START: Timestamp = Timestamp::from_micros(0);

    struct Session {
        no: SessionNo,
        machine: Smtp,
        /// The complete message, before the final reply.
        decoded: Decoded<<Smtp as Machine>::Request>,
    }

    fn session(world: &mut World, message: &str) -> Session {
        begin(world, Dialect::Smtp, message)
    }

    /// A session with a complete message; over LMTP it has two recipients.
    fn begin(world: &mut World, dialect: Dialect, message: &str) -> Session {
        let address = (Ipv4Addr::LOCALHOST, 1).into();
        let (listener, hello, more) = match dialect {
            Dialect::Smtp => (Listener::Smtp, "EHLO", ""),
            Dialect::Lmtp => (Listener::Lmtp, "LHLO", "RCPT TO:<e@f>\r\n"),
        };
        let no = world.open(Opened { listener, peer: address, local: address, offers_starttls: false }, START);
        let mut machine = Smtp::new(Arc::new(Config::for_test(dialect)), false, false);
        let head = format!("{hello} x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\n{more}DATA\r\n");
        let mut input = BytesMut::from(format!("{head}{message}\r\n.\r\n").as_bytes());
        loop {
            let decoded = machine.decode(&mut input).expect("a message follows the commands");
            if matches!(decoded.event, Event::SmtpMessage | Event::LmtpMessage) {
                return Session { no, machine, decoded };
            }
            world.turn(no, &mut machine, decoded, false, START);
        }
    }

    fn questions(world: &World, Session { machine, decoded, .. }: &Session) -> Option<Questions> {
        world.questions(machine, decoded.event, &decoded.request)
    }

    /// The reply to a message, given these answers.
    fn answered(world: &mut World, session: Session, answers: Option<Answers>) -> String {
        let Session { no, mut machine, decoded } = session;
        let (turn, _) =
            world.knowing(answers.map(Box::new), |world| world.turn(no, &mut machine, decoded, false, START));
        let said = turn.plan.filter_map(|cue| {
            let crate::rule::Cue::Send { bytes, .. } = cue else { return None };
            Some(String::from_utf8_lossy(bytes.text()).into_owned())
        });
        said.collect()
    }

    fn message(subject: &str) -> String {
        format!("Subject: {subject}\r\n\r\n{}", "a".repeat(2 * LITTLE))
    }

    #[test]
    fn rules_use_the_answers_and_do_not_read_again() {
        let mut world = World::new(Vec::new().into(), Namespace::default(), 1, None);
        let reply = step("reply = '554 5.7.1 {word} in {subject}'");
        let mut rule = Rule::new("odd", vec![On::from(Event::SmtpMessage)], vec![reply], "here");
        let (field, test) = (Field::Content(ContentField::Subject), Test::Text("~(?<word>odd)".into()));
        rule.when.push(Condition { field, test });
        world.mount(Arc::new(rule), START);
        let (odd, even, little) = (message("odd one"), message("even"), "Subject: odd\r\n\r\n");
        let [odd, even, other, little] = [&*odd, &*even, &*odd, little].map(|message| session(&mut world, message));
        assert!(questions(&world, &little).is_none(), "it is read during the turn");
        let [of_odd, of_even] = [&odd, &even].map(|its| questions(&world, its).unwrap().answer());

        // Each message gets the answers about another one, which shows that it is not read again.
        let said = [(even, Some(of_odd)), (odd, Some(of_even)), (other, None)]
            .map(|(session, answers)| answered(&mut world, session, answers));

        let refused = "554 5.7.1 odd in odd one\r\n";
        assert_eq!(said, [refused, "250 2.0.0 Ok: queued as m1\r\n", refused]);
    }

    #[test]
    fn a_message_is_read_once_for_all_of_its_recipients() {
        let mut world = World::new(Vec::new().into(), Namespace::default(), 1, None);
        let mount = |world: &mut World, id: &str| {
            let mut rule = Rule::new(id, vec![On::from(Event::LmtpDelivery)], Vec::new(), "here");
            let test = Test::Exactly("other".into());
            rule.when.push(Condition { field: Field::Content(ContentField::Subject), test });
            world.mount(Arc::new(rule), START);
        };
        mount(&mut world, "one");
        let Session { no, mut machine, decoded } = begin(&mut world, Dialect::Lmtp, &message("one"));
        let turn = world.turn(no, &mut machine, decoded, false, START);
        let Rest::Part(first, run) = turn.rest else { panic!("a recipient is next") };

        let known = world.questions(&machine, Event::LmtpDelivery, &first).unwrap().answer();

        let turn = world.part(no, turn.exchange, &mut machine, first, run, START);
        let Rest::Part(second, _) = turn.rest else { panic!("another recipient is next") };
        let asked = |world: &World| world.questions(&machine, Event::LmtpDelivery, &second).unwrap();
        assert!(known.are_to(&asked(&world)));
        mount(&mut world, "another");
        assert!(!known.are_to(&asked(&world)), "another rule was mounted");
        let other = begin(&mut world, Dialect::Lmtp, &message("one"));
        let asked = world.questions(&other.machine, Event::LmtpDelivery, &other.decoded.request).unwrap();
        assert!(!known.are_to(&asked), "it is another message");
    }

    #[test]
    fn deferred_mail_is_read_before_its_timer_runs() {
        let rules = "mailjig = 1\n[[rule]]\non = 'smtp.message'\ndo = { deliver = { mailbox = 'Later' }, after = '1s' }\n\
                     [[rule]]\non = 'mail.delivered'\nwhen = { subject = 'odd' }\ndo = { note = 'odd' }\n";
        let mut world = World::new(Vec::new().into(), Namespace::default(), 1, None);
        world.load(Some(Arc::new(Scenario::text("late.toml", rules).load().unwrap())), START);
        assert!(world.questions_of_due().is_none(), "nothing is due");
        let session = session(&mut world, &message("odd"));
        answered(&mut world, session, None);

        let questions = world.questions_of_due().unwrap();
        world.knowing(Some(Box::new(questions.answer())), |world| {
            let job = world.timers.first().unwrap();
            world.fall_due(job, None, START.plus(Duration::from_secs(1)))
        });

        assert_eq!(world.rulebook.rules().iter().map(|rule| rule.fired).collect::<Vec<_>>(), [1, 1]);
        assert!(world.questions_of_due().is_none());
    }

    #[test]
    fn a_report_about_a_large_message_is_composed_before_its_timer_runs() {
        let rules = "mailjig = 1\n[[rule]]\non = 'smtp.message'\ndo = { bounce = 'failed', after = '1s' }\n";
        let mut world = World::new(Vec::new().into(), Namespace::default(), 1, None);
        world.load(Some(Arc::new(Scenario::text("late.toml", rules).load().unwrap())), START);
        let mut date_of_report = |text: &str| {
            let session = session(&mut world, text);
            answered(&mut world, session, None);
            // The date shows which report is sent.
            let job = world.timers.first().unwrap();
            let report = world.due_report().map(|due| due.compose(START.plus(Duration::from_secs(3600))));
            // Nothing was read for this job.
            world.fall_due((START, 0), None, START.plus(Duration::from_secs(1)));
            assert_eq!(world.timers.first(), Some(job));
            world.fall_due(job, report, START.plus(Duration::from_secs(1)));
            world.journal.messages().back().unwrap().message.header("date").unwrap()
        };

        assert_eq!(date_of_report("Subject: little\r\n\r\n"), "Thu, 1 Jan 1970 00:00:01 +0000");
        assert_eq!(date_of_report(&message("large")), "Thu, 1 Jan 1970 01:00:00 +0000");
    }

    #[test]
    fn mail_is_read_only_for_conditions_on_its_content() {
        let mut world = World::new(Vec::new().into(), Namespace::default(), 1, None);
        let mut mount = |event, field: Option<Field>| {
            let mut rule = Rule::new("rule", vec![On::from(event)], Vec::new(), "here");
            rule.when.extend(field.map(|field| Condition { field, test: Test::Exactly("x".into()) }));
            let no = world.mount(Arc::new(rule), START);
            let its = session(&mut world, &message("x"));
            let is_read = questions(&world, &its).is_some();
            world.rulebook.unmount(no);
            is_read
        };
        let asked = [
            mount(Event::SmtpMessage, None),
            mount(Event::SmtpMessage, Some(Field::Request(RequestField::Sender))),
            mount(Event::SmtpMessage, Some(Field::Request(RequestField::Size))),
            mount(Event::SmtpRcpt, Some(Field::Content(ContentField::Subject))),
            mount(Event::SmtpMessage, Some(Field::Content(ContentField::Subject))),
            mount(Event::SmtpMessage, Some(Field::Content(ContentField::Header("x".into())))),
            mount(Event::MailDelivered, Some(Field::Content(ContentField::Body))),
        ];
        assert_eq!(asked, [false, false, false, false, true, true, true]);

        let mut rule = Rule::new("rule", vec![On::from(Event::MailDelivered)], Vec::new(), "here");
        rule.when.push(Condition { field: Field::Content(ContentField::Body), test: Test::Exactly("x".into()) });
        world.mount(Arc::new(rule), START);
        let Session { machine, decoded, .. } = session(&mut world, &message("x"));
        assert!(world.questions(&machine, Event::Pop3Retr, &decoded.request).is_none(), "RETR delivers nothing");
    }
}
