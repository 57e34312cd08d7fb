//! Every call of the crate `mailpit_client`. Argument: the URL of the API, with a slash at its end.

use mailpit_client::error::Error;
use mailpit_client::models::{AddressObject, Attachment, ChaosTrigger, ChaosTriggersConfiguration, SendMessage};
use mailpit_client::{MailpitClient, Tz};

fn main() {
    let url = std::env::args().nth(1).expect("the URL");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(run(&MailpitClient::new(&url).expect("it is a URL"))).expect("the server answers");
    println!("done");
}

fn address(address: &str) -> AddressObject {
    AddressObject { address: address.to_owned(), name: None }
}

async fn run(mailpit: &MailpitClient) -> Result<(), Error> {
    let notes = Attachment::builder().filename("notes.txt").content(b"notes").build()?;
    let message = SendMessage {
        attachments: Some(vec![notes]),
        bcc: None,
        cc: Some(vec![address("carol@example.test")]),
        from: AddressObject { address: "ann@example.test".to_owned(), name: Some("Ann".to_owned()) },
        html: "<a href=\"https://example.test/\">Go</a>".to_owned(),
        headers: None,
        reply_to: None,
        subject: "Hello".to_owned(),
        tags: vec!["green".to_owned()],
        text: "Go to https://example.test/".to_owned(),
        to: vec![address("bob@example.test")],
    };
    let id = mailpit.post_send_message(message).await?.id;

    let listed = mailpit.get_list_messages(Some(0), Some(10)).await?;
    assert_eq!((listed.total, listed.unread, listed.messages[0].id()), (1, 1, &*id));
    let found = mailpit.get_search_messages("to:bob@", None, None, Some(Tz::America__Chicago)).await?;
    assert_eq!((found.messages_count, &found.messages[0].snippet), (1, &"Go".to_owned()));
    let message = mailpit.get_message_summary(&id).await?;
    assert_eq!((message.subject(), message.tags()), ("Hello", &vec!["green".to_owned()]));
    let part = &message.attachments()[0].part_id;
    assert_eq!(mailpit.get_message_attachment(&id, part).await?.as_ref(), b"notes");
    assert!(mailpit.get_message_attachment_image_thumbnail(&id, part).await?.starts_with(b"\xff\xd8"));
    assert_eq!(mailpit.get_message_headers("latest").await?["Subject"], ["Hello"]);
    assert!(mailpit.get_message_source(&id).await?.contains("Subject: Hello\r\n"));
    assert!(mailpit.get_render_message_html_part(&id, Some(true)).await?.contains("target=\"_blank\""));
    assert_eq!(mailpit.get_render_message_text_part(&id).await?.trim(), "Go to https://example.test/");
    let links = mailpit.get_link_check(&id, Some(false)).await?;
    assert_eq!((links.errors, links.links[0].url.as_str()), (0, "https://example.test/"));

    assert!(mailpit.put_set_read_status(Some(false), None, Some("subject:hello"), Some(Tz::UTC)).await?);
    assert!(mailpit.put_set_read_status(None, Some(&[&id]), None, None).await?);
    assert_eq!(mailpit.get_application_information().await?.unread, 1);
    assert!(mailpit.get_webui_configuration().await?.chaos_enabled);
    assert!(mailpit.put_set_message_tags(&[&id], &["a", "b c"]).await?);
    assert!(mailpit.put_rename_tag("b c", "d").await?);
    assert!(mailpit.delete_tag("a").await?);
    assert_eq!(mailpit.get_all_current_tags().await?, ["d"]);

    let trigger = |error_code, probability| ChaosTrigger { error_code, probability };
    let wanted = ChaosTriggersConfiguration {
        authentication: trigger(535, 0),
        recipient: trigger(452, 50),
        sender: trigger(451, 0),
    };
    assert_eq!(mailpit.put_set_chaos_triggers(Some(wanted)).await?.recipient, trigger(452, 50));
    assert_eq!(mailpit.get_chaos_triggers().await?.recipient, trigger(452, 50));
    assert_eq!(mailpit.put_set_chaos_triggers(None).await?.recipient, trigger(451, 0));

    refused(400, mailpit.post_release_message(&id, &["bob@example.test"]).await);
    refused(501, mailpit.get_html_check(&id).await);
    refused(404, mailpit.get_spam_assassin_check(&id).await);
    assert!(mailpit.delete_messages(&[&id]).await?);
    refused(404, mailpit.get_message_summary(&id).await);
    assert!(mailpit.delete_messages_by_search("from:ann", None).await?);
    assert!(mailpit.delete_all_messages().await?);
    Ok(())
}

fn refused<T>(expected: u16, answer: Result<T, Error>) {
    let status = match answer {
        Err(Error::HttpFailure { status, .. }) => Some(status),
        Err(_) | Ok(_) => None,
    };
    assert_eq!(status, Some(expected));
}
