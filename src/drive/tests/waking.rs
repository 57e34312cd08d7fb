//! Which subscribers a record wakes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::Wake;

use bytes::Bytes;

use crate::base::{Seq, SessionNo};
use crate::drive::{Engine, Interest, Topic};
use crate::journal::{Detail, Left, Opened};
use crate::mail::{Envelope, INBOX, Namespace, Origin, Parameters, Recipient, Sender, Verdict};
use crate::protocol::{Event, Input, Listener, MailTxn, Reply, Status};
use crate::rule::step::tests::step;
use crate::rule::{On, Rule, Variable, VariableValue};
use crate::scenario::Scenario;
use crate::world::{Draft, World};

const SESSION: SessionNo = SessionNo(1);
const EVERYBODY: [&str; 10] = [
    "mail",
    "mail of s1",
    "mail of s2",
    "mail to ann",
    "mail to bob",
    "ann's inbox",
    "bob's inbox",
    "quiet",
    "rules",
    "everything",
];

#[derive(Default)]
struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Release);
    }
}

/// A server with one session, with ann in its scenario and without bob.
fn start() -> Arc<Engine> {
    let engine = Engine::new(World::new(Vec::new().into(), Namespace::default(), 1, None));
    let text = "mailjig = 1\n[[mailbox]]\nuser = 'ann@example.org'\nname = 'INBOX'\n";
    let scenario = Arc::new(Scenario::text("ann.toml", text).load().unwrap());
    let peer = ([127, 0, 0, 1], 1).into();
    engine.update(|world, now| {
        world.load(Some(scenario), now);
        world.open(Opened { listener: Listener::Smtp, peer, local: peer, offers_starttls: false }, now);
    });
    engine
}

/// Names of the subscribers that this wakes.
fn woken(engine: &Arc<Engine>, update: impl FnOnce(&Arc<Engine>)) -> Vec<&'static str> {
    let inbox = |login: &str| engine.update(|world, now| world.make(login, INBOX, now)).unwrap();
    let [ann, bob] = ["ann@example.org", "bob@example.org"];
    let interests = [
        (Topic::Mail, None),
        (Topic::Mail, Some(SESSION)),
        (Topic::Mail, Some(SessionNo(2))),
        (Topic::MailTo(ann.to_owned()), None),
        (Topic::MailTo(bob.to_owned()), None),
        (Topic::Mailbox(inbox(ann)), None),
        (Topic::Mailbox(inbox(bob)), None),
        (Topic::Quiet, None),
        (Topic::Rules, None),
        (Topic::Everything, None),
    ];
    let watched = EVERYBODY.into_iter().zip(interests).map(|(name, (topic, session))| {
        let flag = Arc::new(Flag::default());
        let watch = engine.watch(Interest::of([topic]).in_session(session), Arc::clone(&flag).into());
        (name, flag, watch)
    });
    let watched: Vec<_> = watched.collect();
    update(engine);
    watched.iter().filter(|(_, flag, _)| flag.0.load(Ordering::Acquire)).map(|(name, ..)| *name).collect()
}

fn envelope() -> Envelope {
    let bob = Recipient::new("bob@EXAMPLE.org", Parameters::default(), Verdict::Accepted);
    Envelope::new(Sender::new("", Parameters::default()), vec![bob]).unwrap()
}

/// A client sends mail to bob; the reply is not sent yet.
fn send(engine: &Arc<Engine>) -> Seq {
    engine.update(|world, now| {
        let mut txn = MailTxn::new(&mut world.mail, Origin::Session(SESSION), now);
        txn.deliver(envelope(), Bytes::new());
        let (detail, came) = Detail::of(txn.close());
        let input = Input::Body { octets: 0, odd_dots: None, ends_bare: false };
        let reply = (&Reply::default().line(&["250 Ok"]), Some(Status::Positive));
        world.journal.exchange(now, SESSION, (Event::SmtpMessage, false), &input, reply, (Some(Box::new(detail)), came))
    })
}

#[test]
fn a_record_wakes_only_those_interested_in_it() {
    let engine = start();
    let mut exchange = Seq::default();

    assert_eq!(woken(&engine, |engine| exchange = send(engine)), ["bob's inbox", "everything"]);
    assert_eq!(
        woken(&engine, |engine| engine.update(|world, now| world.close(SESSION, exchange, Left::All, now))),
        ["mail", "mail of s1", "mail to bob", "quiet", "everything"]
    );
    assert_eq!(
        woken(&engine, |engine| drop(engine.update(|world, now| world.deliver(envelope(), Bytes::new(), now)))),
        ["mail", "mail to bob", "bob's inbox", "everything"]
    );
    assert_eq!(
        woken(&engine, |engine| engine.update(|world, now| world.load(None, now))),
        ["ann's inbox", "rules", "everything"]
    );
}

#[test]
fn subscribers_of_rules_are_woken_when_one_fires_is_disabled_or_is_removed() {
    let engine = start();
    let note = step("note = 'changed'");
    let rule = Arc::new(Rule::new("note", vec![On::from(Event::StateChanged)], vec![note], "here"));
    let no = engine.update(|world, now| world.mount(rule, now));
    let variable = Variable { name: "phase".into(), is_session: false };

    let by_firing = woken(&engine, |engine| {
        engine.update(|world, now| world.set_state(vec![(variable, VariableValue::Text("up".into()))], now));
    });

    let by_disabling = woken(&engine, |engine| assert!(engine.update(|world, _| world.rulebook.enable(no, false))));
    let by_removal = woken(&engine, |engine| assert!(engine.update(|world, _| world.rulebook.unmount(no))));

    assert_eq!(by_firing, ["rules", "everything"]);
    assert_eq!([by_disabling, by_removal], [["rules"], ["rules"]]);
}

#[test]
fn setting_the_clock_wakes_subscribers_of_rules() {
    let engine = start();

    assert_eq!(woken(&engine, |engine| engine.pause()), ["rules"]);
    assert_eq!(woken(&engine, |engine| engine.resume()), ["rules"]);
}

#[test]
#[cfg(feature = "api")]
fn a_removal_without_a_record_wakes_those_interested_in_everything() {
    let engine = start();
    let exchange = send(&engine);
    engine.update(|world, now| {
        world.close(SESSION, exchange, Left::All, now);
        world.delete_account("bob@example.org", now)
    });
    let delete = |engine: &Arc<Engine>| drop(engine.update(|world, now| world.delete(|_| true, now)));

    assert_eq!(woken(&engine, delete), ["everything"]);
    assert_eq!(woken(&engine, delete), [""; 0], "nothing was left to remove");
}

#[test]
fn discarding_records_wakes_everybody() {
    let engine = start();

    let exchange_and_clear = |engine: &Arc<Engine>| {
        engine.update(|world, now| {
            world.note_bug(now);
            world.clear(now);
        });
    };
    assert_eq!(woken(&engine, exchange_and_clear), EVERYBODY);
    assert_eq!(woken(&engine, |engine| drop(engine.reset(&[], |_| false))), EVERYBODY);
}

#[test]
fn dropped_subscriptions_are_not_woken() {
    let engine = start();
    let inbox = engine.update(|world, now| world.make("bob@example.org", INBOX, now)).unwrap();
    for topic in [Topic::Mail, Topic::MailTo("bob@example.org".to_owned()), Topic::Mailbox(inbox)] {
        let flags = [(); 3].map(|()| Arc::new(Flag::default()));
        let interest = Interest::of([topic]);
        let [_first, second, _third] =
            [0, 1, 2].map(|at| engine.watch(interest.clone(), Arc::clone(&flags[at]).into()));

        drop(second);
        engine.update(|world, now| world.deliver(envelope(), Bytes::new(), now)).unwrap();

        let woken = [0, 1, 2].map(|at| flags[at].0.load(Ordering::Acquire));
        assert_eq!(woken, [true, false, true], "{interest:?}");
    }
}

#[test]
fn a_subscriber_with_several_topics_is_woken_once() {
    #[derive(Default)]
    struct Count(AtomicUsize);
    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::AcqRel);
        }
    }
    let engine = start();
    let inbox = |login: &str| engine.update(|world, now| world.make(login, INBOX, now)).unwrap();
    let [ann, bob, eve] = ["ann@example.org", "bob@example.org", "eve@example.org"].map(inbox);
    let count = Arc::new(Count::default());
    let topics = [
        Topic::Mailbox(ann),
        Topic::Mailbox(bob),
        Topic::MailTo("bob@example.org".to_owned()),
        Topic::Mail,
        Topic::Rules,
    ];
    let watch = engine.watch(Interest::of(topics), Arc::clone(&count).into());
    let put = |places: &[&str]| {
        engine.update(|world, now| {
            for login in places {
                world.put(login, INBOX, Draft::default(), now).unwrap();
            }
        });
        count.0.swap(0, Ordering::AcqRel)
    };

    assert_eq!(put(&["ann@example.org"]), 1);
    assert_eq!(put(&["bob@example.org"]), 1);
    assert_eq!(put(&["eve@example.org"]), 0, "{eve:?} is not among them");
    assert_eq!(put(&["ann@example.org", "bob@example.org"]), 1, "two records");
    engine.update(|world, now| world.deliver(envelope(), Bytes::new(), now)).unwrap();
    assert_eq!(count.0.swap(0, Ordering::AcqRel), 1, "three topics match");
    drop(watch);
    assert_eq!(put(&["ann@example.org", "bob@example.org"]), 0);
}

#[test]
fn a_subscriber_of_a_session_is_not_woken_by_another_session() {
    let engine = start();
    for (session, wanted) in [(SESSION, true), (SessionNo(2), false)] {
        let flag = Arc::new(Flag::default());
        let topics = [Topic::MailTo("bob@example.org".to_owned()), Topic::Quiet];
        let _watch = engine.watch(Interest::of(topics).in_session(Some(session)), Arc::clone(&flag).into());

        let exchange = send(&engine);
        engine.update(|world, now| world.close(SESSION, exchange, Left::All, now));

        assert_eq!(flag.0.load(Ordering::Acquire), wanted, "{session}");
    }
}
