//! The crate `mailhog-rs`: lists and searches the messages of a server, and checks what it reads.

use mailhog_rs::{ListMessagesParams, MailHog, SearchKind, SearchParams};

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let base = std::env::args().nth(1).expect("the argument is the URL of the server");
    let mailhog = MailHog::new(base);

    let page = mailhog.list_messages(ListMessagesParams { start: None, limit: None }).await.expect("a list");
    assert_eq!((page.total, page.count, page.start), (2, 2, 0));
    let newest = &page.items[0];
    assert_eq!(newest.from.to_string(), "app@example.org");
    assert_eq!(newest.to.iter().map(ToString::to_string).collect::<Vec<_>>(), ["carol@example.org"]);
    assert_eq!(newest.content.headers["Subject"], ["Plain"]);
    assert_eq!(newest.content.body, "Hello, Carol!");
    assert!(newest.created >= page.items[1].created);

    let second = mailhog.list_messages(ListMessagesParams { start: Some(1), limit: Some(1) }).await.expect("a page");
    assert_eq!((second.total, second.count, second.start), (2, 1, 1));
    assert_eq!(second.items[0], page.items[1]);

    for (kind, query, expected) in [
        (SearchKind::To, "carol@example.org", 1),
        (SearchKind::From, "ann@example.org", 1),
        (SearchKind::Containing, "hello, carol", 1),
        (SearchKind::Containing, "not in any message", 0),
    ] {
        let found = mailhog.search(SearchParams { kind, query: query.to_owned(), start: None, limit: None }).await;
        assert_eq!(found.expect("a result").total, expected, "{query}");
    }
}
