//! The verdicts as a table, and the faults as scenarios.

use super::profiles::INJECTION;
use super::seen::Request;
use super::*;
use crate::base::Certificate;
use crate::drive::NO_OLD_SUITE;
use crate::journal::Ending;
use crate::protocol::{Event, Listener};
use crate::server::Settings;

fn session(listener: Listener) -> SeenSession {
    SeenSession {
        listener,
        tls: None,
        failed: None,
        asked_starttls: false,
        requests: Vec::new(),
        ending: Some(Ending::ClientClosed),
    }
}

/// With these requests.
fn said(mut session: SeenSession, events: &[(Event, Option<Leak>)]) -> SeenSession {
    let is_under_tls = session.tls.is_some();
    let request =
        |(event, leak): &(Event, Option<Leak>)| Request { event: *event, is_under_tls, is_early: false, leak: *leak };
    session.requests.extend(events.iter().map(request));
    session
}

fn under_tls(listener: Listener, certificate: Certificate) -> SeenSession {
    SeenSession { tls: Some(certificate), ..session(listener) }
}

fn failed(listener: Listener, reason: &str) -> SeenSession {
    SeenSession { failed: Some(reason.to_owned()), ..session(listener) }
}

fn profile(name: &str) -> AuditProfile {
    AuditProfile::named(name).unwrap()
}

const LOGIN: (Event, Option<Leak>) = (Event::SmtpAuth, Some(Leak::Credentials));
const MAIL: (Event, Option<Leak>) = (Event::SmtpMail, Some(Leak::Envelope));
const BODY: (Event, Option<Leak>) = (Event::SmtpMessage, Some(Leak::Body));
const EHLO: (Event, Option<Leak>) = (Event::SmtpCaps, None);
const QUIT: (Event, Option<Leak>) = (Event::SmtpQuit, None);
const STARTTLS: (Event, Option<Leak>) = (Event::SmtpStarttls, None);

/// What the client does, the profile, its sessions, its end; the verdict, and the leaks.
type Row = (&'static str, &'static str, Vec<SeenSession>, ClientEnd, TlsVerdict, &'static [Leak]);

#[test]
fn the_verdict_depends_on_what_the_server_saw() {
    use Certificate::{Expired, Good};
    use Listener::{Smtp, Smtps};
    use TlsVerdict::{Accepted, Crashed, Hung, NotReached, Refused};
    let (succeeded, failure) = (|| ClientEnd::Succeeded, || ClientEnd::Failed("status 1".to_owned()));
    let alert = "the client refused with the TLS alert certificate_expired";
    let in_cleartext = |command| format!("no handshake; the client went on in cleartext: {command}");
    let rows: Vec<Row> = vec![
        ("alert", "expired", vec![failed(Smtps, alert)], failure(), Refused, &[]),
        ("closes late", "expired", vec![under_tls(Smtps, Expired)], failure(), Refused, &[]),
        ("says goodbye", "expired", vec![said(under_tls(Smtps, Expired), &[QUIT])], failure(), Refused, &[]),
        ("greets", "expired", vec![said(under_tls(Smtps, Expired), &[EHLO])], failure(), Accepted, &[]),
        (
            "sends",
            "expired",
            vec![said(under_tls(Smtps, Expired), &[EHLO, LOGIN, MAIL, BODY])],
            succeeded(),
            Accepted,
            &[Leak::Credentials, Leak::Envelope, Leak::Body],
        ),
        (
            "falls back to cleartext",
            "expired",
            vec![failed(Smtps, alert), said(session(Smtp), &[EHLO, MAIL])],
            succeeded(),
            Accepted,
            &[Leak::Envelope],
        ),
        (
            "asks in cleartext",
            "starttls-refused",
            vec![said(session(Smtp), &[EHLO, STARTTLS, QUIT])],
            failure(),
            Refused,
            &[],
        ),
        (
            "goes on",
            "starttls-refused",
            vec![said(session(Smtp), &[EHLO, STARTTLS, LOGIN])],
            failure(),
            Accepted,
            &[Leak::Credentials],
        ),
        (
            "another way",
            "starttls-refused",
            vec![said(under_tls(Smtps, Good), &[EHLO, LOGIN])],
            succeeded(),
            Refused,
            &[],
        ),
        ("old", "old-tls", vec![failed(Smtps, "the client accepted TLS 1.0, with which")], failure(), Accepted, &[]),
        ("no suite", "old-tls", vec![failed(Smtps, NO_OLD_SUITE)], failure(), NotReached, &[]),
        ("goes on after it", "handshake-garbage", vec![failed(Smtp, &in_cleartext("auth"))], failure(), Accepted, &[]),
        (
            "logs in after it",
            "old-tls",
            vec![failed(Smtp, &in_cleartext("PASS"))],
            failure(),
            Accepted,
            &[Leak::Credentials],
        ),
        ("leaves after it", "handshake-garbage", vec![failed(Smtp, &in_cleartext("quit"))], failure(), Refused, &[]),
        ("killed", "handshake-stall", vec![failed(Smtps, "a rule")], ClientEnd::TimedOut, Hung, &[]),
        ("killed before", "expired", vec![], ClientEnd::TimedOut, Hung, &[]),
        ("dies", "expired", vec![failed(Smtps, alert)], ClientEnd::Signal("died of SIGSEGV".to_owned()), Crashed, &[]),
        (
            "dies too late",
            "expired",
            vec![said(under_tls(Smtps, Expired), &[LOGIN])],
            ClientEnd::Signal("died of SIGSEGV".to_owned()),
            Accepted,
            &[Leak::Credentials],
        ),
        ("nobody", "expired", vec![], failure(), NotReached, &[]),
        ("no handshake", "expired", vec![said(session(Smtp), &[EHLO])], failure(), NotReached, &[]),
    ];
    let control = Control::of(&[said(under_tls(Smtps, Good), &[EHLO, LOGIN])]);
    // A client that would say nothing under TLS is not seen to accept anything.
    for silent in [under_tls(Smtps, Good), said(under_tls(Smtps, Good), &[QUIT])] {
        assert!(!Control::of(&[silent]).uses_tls());
    }

    for (what, name, sessions, end, verdict, leaks) in rows {
        let judged = judge(profile(name), &control, &sessions, &end);

        assert_eq!(judged.verdict, verdict, "{what}: {judged:?}");
        assert_eq!(judged.leaks.iter().copied().collect::<Vec<_>>(), leaks, "{what}");
    }
}

#[test]
fn a_silent_failure_is_noted() {
    let refused = [failed(Listener::Smtps, "the client refused")];
    let note = |end| judge(profile("expired"), &Control::default(), &refused, &end).note;

    assert!(note(ClientEnd::Succeeded).is_some());
    assert_eq!(note(ClientEnd::Failed("status 1".to_owned())), None);
}

#[test]
fn cleartext_of_the_control_run_is_not_held_against_the_client() {
    let cleartext = said(session(Listener::Smtp), &[EHLO, MAIL]);
    let control = Control::of(&[cleartext.clone(), said(under_tls(Listener::Imaps, Certificate::Good), &[LOGIN])]);
    let with_login = said(session(Listener::Smtp), &[EHLO, LOGIN, MAIL]);
    for (session, verdict, leaks) in
        [(cleartext, TlsVerdict::Refused, &[][..]), (with_login, TlsVerdict::Accepted, &[Leak::Credentials])]
    {
        let sessions = [session, failed(Listener::Imaps, "the client refused")];

        let judged = judge(profile("expired"), &control, &sessions, &ClientEnd::Succeeded);

        assert_eq!(judged.verdict, verdict);
        assert_eq!(judged.leaks.iter().copied().collect::<Vec<_>>(), leaks);
    }
    assert_eq!(control.words(), "TLS from the first octet on imaps; also cleartext on smtp");
}

#[test]
fn a_forged_reply_is_used_by_whoever_goes_on_before_the_true_one() {
    let with = |requests: &[(Event, bool)], asked_starttls| {
        let request = |(event, is_early): &(Event, bool)| Request {
            event: *event,
            is_under_tls: true,
            is_early: *is_early,
            leak: None,
        };
        let session = under_tls(Listener::Smtp, Certificate::Good);
        SeenSession { requests: requests.iter().map(request).collect(), asked_starttls, ..session }
    };
    for (requests, verdict) in [
        (&[(Event::SmtpCaps, false), (Event::SmtpMail, true)][..], TlsVerdict::Accepted),
        (&[(Event::SmtpCaps, false), (Event::SmtpMail, false), (Event::SmtpRcpt, true)], TlsVerdict::Refused),
        (&[(Event::ImapCaps, false), (Event::ImapAuth, false)], TlsVerdict::Accepted),
        (&[(Event::ImapCaps, false), (Event::ImapAuthStart, false), (Event::ImapAuth, false)], TlsVerdict::Refused),
        (&[(Event::ImapCaps, false), (Event::ImapId, true)], TlsVerdict::Refused),
    ] {
        // Only what came with the reply to STARTTLS can be forged.
        for (asked_starttls, verdict) in [(true, verdict), (false, TlsVerdict::Refused)] {
            let session = with(requests, asked_starttls);
            let judged = judge(profile(INJECTION), &Control::default(), &[session], &ClientEnd::Succeeded);

            assert_eq!(judged.verdict, verdict, "{requests:?}");
            assert_eq!(judged.note, None, "it went on over TLS that it can trust");
        }
    }
}

#[test]
fn every_profile_has_a_name_of_its_own_and_can_be_applied() {
    let all = AuditProfile::all();
    for profile in &all {
        assert_eq!(AuditProfile::named(profile.name()), Some(*profile));
        assert!(!profile.about().is_empty());
        let mut settings = Settings::default();
        assert_eq!(profile.apply(&mut settings), Ok(()), "{}", profile.name());
        assert_eq!(settings.scenario.is_some(), matches!(profile, AuditProfile::Fault(_)));
        if settings.scenario.is_some() {
            assert!(profile.apply(&mut settings).is_err(), "a server has one scenario");
        }
    }
}

#[test]
fn results_are_in_the_order_of_the_items_and_an_error_ends_the_work() {
    let items: Vec<u32> = (0..50).collect();
    let mut taken = Vec::new();
    let done: Result<(), ()> = in_parallel(
        &items,
        4,
        |its| its * 2,
        |item, doubled| {
            taken.push((item, doubled));
            Ok(())
        },
    );
    assert_eq!(done, Ok(()));
    assert_eq!(taken, items.iter().map(|its| (*its, its * 2)).collect::<Vec<_>>());

    assert_eq!(in_parallel(&items, 4, |its| its, |item, _| if item == 3 { Err(item) } else { Ok(()) }), Err(3));
    assert_eq!(in_parallel(&[] as &[u32], 4, |its| its, |item, _| Err(item)), Ok(()));
}
