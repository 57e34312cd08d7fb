//! The prelude compiles together with the crates that a mail test uses: their names do not collide.

// Gives the test a crate named `imap`, as if it depended on one.
extern crate async_imap as imap;

mod by_name {
    use std::any;

    use imap::Client;
    use lettre::message::{Mailbox, header};
    use lettre::{Address, Message, SmtpTransport, Transport};
    use mailjig::prelude::*;
    use ureq::http;

    #[test]
    fn names_of_other_crates_are_not_shadowed() {
        let server = MailServer::start();
        let bob = Mailbox::new(None, Address::new("bob", "example.org").unwrap());
        let mail = Message::builder().from(bob.clone()).to(bob).header(header::ContentType::TEXT_PLAIN);

        let mailer = SmtpTransport::builder_dangerous(server.smtp().host()).port(server.smtp().port()).build();
        mailer.send(&mail.body("hi".to_owned()).unwrap()).unwrap();

        let is_text = matchers::header(http::header::CONTENT_TYPE.as_str(), "text/plain*");
        server.wait_for(to("bob@example.org").and(from("bob@*")).and(is_text)).block();
        assert!(any::type_name::<Client<tokio::net::TcpStream>>().starts_with("async_imap::"));
    }
}

mod by_glob {
    use imap::*;
    use lettre::message::*;
    use lettre::*;
    use mailjig::prelude::*;
    use ureq::*;

    /// Each name of the prelude, and some of other crates; this would not compile if two globs had the same name.
    type _Theirs = (SmtpTransport, Mailbox, Address, Message, Session<tokio::net::TcpStream>, Agent);

    #[test]
    fn no_name_of_the_prelude_collides() {
        let server = MailServer::builder().scenario(Scenario::text("none.toml", "mailjig = 1")).start();
        let push = server.mount(on(rules::imap::push()).cut(4).reset());
        server.deliver_from("ann@example.org", "bob@example.org", "Subject: news\r\n\r\nhi");

        let all = to("bob@example.org").and(from("ann@example.org")).and(subject("news")).and(body("hi"));
        assert_eq!(server.find(all.and(matchers::any())).len(), 1);
        assert_eq!(push.hits(), 0);
    }
}
