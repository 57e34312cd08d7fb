//! A test changes mailboxes, accounts and sessions while clients are connected.

use std::panic::{AssertUnwindSafe, catch_unwind};

use clients::line_client::LineClient;
use mailjig::MailServer;
use mailjig::matchers::session;

#[path = "clients/mod.rs"]
mod clients;

const BOB: &str = "bob@example.org";

fn imap(server: &MailServer) -> LineClient {
    LineClient::greeted(server.imap().address())
}

fn pop3(server: &MailServer) -> LineClient {
    let mut client = LineClient::greeted(server.pop3().address());
    for command in ["USER Bob@example.org", "PASS x"] {
        assert!(client.ask(command).starts_with("+OK"));
    }
    client
}

/// A client that is logged in and has selected INBOX.
fn selected(server: &MailServer) -> LineClient {
    let mut client = imap(server);
    client.command(&format!("LOGIN {BOB} secret"));
    assert!(client.command("SELECT INBOX").last().unwrap().starts_with("a OK"));
    client
}

fn idling(server: &MailServer) -> LineClient {
    let mut client = selected(server);
    assert_eq!(client.ask("b IDLE"), "+ idling");
    server.wait_for_session(session::idling()).block();
    client
}

#[test]
fn a_client_in_idle_learns_of_new_flagged_and_expunged_entries() {
    let server = MailServer::start();
    let inbox = server.account(BOB).inbox();
    inbox.generate(2);
    let mut client = idling(&server);

    inbox.add("Subject: third\r\n\r\n");
    assert_eq!([client.line(), client.line()], ["* 3 EXISTS", "* 3 RECENT"]);
    inbox.flag(2, &["\\Flagged", "$Work"], &[]);
    let keywords = client.line();
    assert!(keywords.starts_with("* FLAGS (") && keywords.contains("$Work"), "{keywords}");
    let permanent = client.line();
    assert!(permanent.starts_with("* OK [PERMANENTFLAGS "), "{permanent}");
    assert_eq!(client.line(), "* 2 FETCH (UID 2 FLAGS (\\Flagged $Work \\Recent))");
    inbox.expunge(1);
    assert_eq!(client.line(), "* 1 EXPUNGE");
    server.account(BOB).clear();
    assert_eq!([client.line(), client.line()], ["* 1 EXPUNGE", "* 1 EXPUNGE"]);
}

#[test]
fn a_client_outside_of_idle_learns_of_expunged_entries_when_the_protocol_allows_it() {
    let server = MailServer::start();
    let inbox = server.account(BOB).inbox();
    inbox.generate(2);
    let mut client = selected(&server);

    inbox.expunge(1);

    // RFC 3501 §7.4.1: not during FETCH.
    assert_eq!(client.command("FETCH 2 UID")[0], "* 2 FETCH (UID 2)");
    assert_eq!(client.command("NOOP")[0], "* 1 EXPUNGE");
}

#[test]
fn a_client_gets_bye_if_its_mailbox_is_deleted_or_its_uids_change() {
    for (is_deleted, says) in
        [(true, "* BYE The mailbox was deleted"), (false, "* BYE The UIDs of the mailbox changed")]
    {
        let server = MailServer::start();
        let work = server.account(BOB).mailbox("Work");
        work.create();
        let mut client = selected(&server);
        client.command("SELECT Work");
        assert_eq!(client.ask("b IDLE"), "+ idling");

        if is_deleted {
            work.delete();
        } else {
            work.change_uid_validity(99);
        }

        assert_eq!(client.line(), says);
        assert!(client.is_closed());
    }
}

#[test]
fn a_client_uses_a_renamed_mailbox_by_its_new_name() {
    let server = MailServer::start();
    let bob = server.account(BOB);
    bob.mailbox("Work/Old").create();
    bob.mailbox("Work").add("Subject: hi\r\n\r\n");
    let mut client = selected(&server);

    let done = bob.mailbox("Work").rename("Done");
    done.set_special_use(Some("\\Archive"));

    let names = client.command("LIST \"\" *").join("\n");
    assert!(names.contains("\\Archive") && names.contains("Done/Old") && !names.contains("Work"), "{names}");
    assert!(client.command("SELECT Done").contains(&"* 1 EXISTS".to_owned()));
}

#[test]
fn a_mailbox_cannot_be_renamed_or_deleted_if_that_is_impossible() {
    let server = MailServer::start();
    let bob = server.account(BOB);
    bob.mailbox("Work").create();
    bob.mailbox("Done").create();
    let why = |what: &dyn Fn()| *catch_unwind(AssertUnwindSafe(what)).unwrap_err().downcast::<String>().unwrap();

    for (reason, attempt) in [
        ("there is already a mailbox Done", &(|| drop(bob.mailbox("Work").rename("Done"))) as &dyn Fn()),
        ("the new name is below the old one", &|| drop(bob.mailbox("Work").rename("Work/Old"))),
        ("there is no mailbox Play", &|| drop(bob.mailbox("Play").rename("Game"))),
        ("no mailbox can have this name", &|| drop(bob.mailbox("Work").rename("a//b"))),
        ("INBOX can be neither deleted nor renamed", &|| drop(bob.inbox().rename("Old"))),
        ("INBOX can be neither deleted nor renamed", &|| bob.mailbox("inbox").delete()),
        ("there is no mailbox Play", &|| bob.mailbox("Play").delete()),
        ("there is no account eve", &|| server.account("eve").inbox().delete()),
        ("there is no entry with UID 7", &|| bob.inbox().expunge(7)),
        ("there is no entry with UID 7", &|| bob.inbox().flag(7, &["\\Seen"], &[])),
        ("is neither a system flag", &|| bob.inbox().flag(7, &["\\Sen"], &[])),
    ] {
        let why = why(attempt);
        assert!(why.contains(reason), "{reason}: {why}");
    }
}

#[test]
fn the_sessions_of_a_deleted_account_end_and_others_go_on() {
    let server = MailServer::start();
    let mut imap = idling(&server);
    let mut pop3 = pop3(&server);
    let mut other = self::imap(&server);
    other.command("LOGIN ann@example.org x");

    let mut umlaut = self::imap(&server);
    umlaut.command("LOGIN eve@xn--bcher-kva.example x");

    server.account(BOB).delete();
    server.account("eve@bücher.example").delete();

    assert_eq!(imap.line(), "* BYE The account was deleted");
    assert_eq!(umlaut.line(), "* BYE The account was deleted");
    assert_eq!(pop3.line(), "-ERR [SYS/TEMP] The account was deleted");
    assert!(imap.is_closed() && pop3.is_closed());
    assert!(other.command("NOOP").last().unwrap().starts_with("a OK"));
    selected(&server);
}

#[test]
fn a_password_is_required_only_for_accounts_that_have_one() {
    let server = MailServer::start();
    server.make_account(BOB, "secret");
    let login = |login: &str, password: &str| {
        let mut client = imap(&server);
        client.command(&format!("LOGIN {login} {password}")).pop().unwrap()
    };

    assert!(login(BOB, "wrong").starts_with("a NO [AUTHENTICATIONFAILED]"));
    assert!(login(BOB, "secret").starts_with("a OK"));
    assert!(login("ann@example.org", "anything").starts_with("a OK"));
    server.deliver("postmaster@example.org", "Subject: hi\r\n\r\n");
    assert_eq!(server.account("postmaster@example.org").inbox().entries().len(), 1);
    server.account(BOB).delete();
    assert!(login(BOB, "anything").starts_with("a OK"));
}

#[test]
fn accounts_are_made_and_deleted_on_a_closed_list() {
    let server = MailServer::builder().account("ann@example.org", "pass").start();
    let login = |login: &str, password: &str| {
        let mut client = imap(&server);
        client.command(&format!("LOGIN {login} {password}")).pop().unwrap().starts_with("a OK")
    };
    assert!(!login(BOB, "secret"));

    server.make_account(BOB, "secret");
    assert!(login(BOB, "secret"));
    server.account(BOB).delete();
    server.account("ann@example.org").delete();

    assert!(!login(BOB, "secret") && !login("ann@example.org", "pass"), "the list stays closed");
    server.reset();
    assert!(login("ann@example.org", "pass"), "a reset restores the list");
}

#[test]
fn a_pop3_client_does_not_remove_other_messages_after_the_uids_changed() {
    let server = MailServer::start();
    let inbox = server.account(BOB).inbox();
    inbox.generate(2);
    let mut pop3 = pop3(&server);
    assert!(pop3.ask("DELE 1").starts_with("+OK"));

    inbox.expunge(1);
    inbox.change_uid_validity(99);

    assert_eq!(pop3.ask("QUIT"), "-ERR [SYS/TEMP] some deleted messages were not removed");
    assert_eq!(inbox.entries().len(), 1);
}
