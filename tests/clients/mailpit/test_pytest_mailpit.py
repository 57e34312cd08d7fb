"""Tests that use the PyPI package `pytest-mailpit`: its fixtures, and every call of its client."""

import smtplib
from datetime import timedelta
from email.message import EmailMessage

import pytest
from pytest_mailpit import ChaosTriggers


@pytest.fixture
def send(mailpit_smtp):
    def send(to, subject="Welcome", **headers):
        mail = EmailMessage()
        mail["From"], mail["To"], mail["Subject"] = "Shop <shop@example.test>", to, subject
        for name, value in headers.items():
            mail[name.replace("_", "-")] = value
        mail.set_content("Your code is 123456. See https://example.test/start\n")
        mail.add_alternative('<p>Your code is <b>123456</b>. <a href="https://example.test/start">Start</a></p>', "html")
        mail.add_attachment(b"%PDF-1.4", maintype="application", subtype="pdf", filename="bill.pdf")
        with smtplib.SMTP(mailpit_smtp.host, mailpit_smtp.port, timeout=60) as smtp:
            smtp.send_message(mail)

    return send


def test_an_inbox_gets_its_own_mail(mailpit_inbox, send):
    send("somebody-else@example.test")
    send(mailpit_inbox.address)

    message = mailpit_inbox.wait_for_message(subject="Welcome", sender="shop@example.test")

    assert message.code() == "123456"
    assert message.link(text="Start") == "https://example.test/start"
    assert message.attachment("bill.pdf").content_type == "application/pdf"


def test_no_mail(mailpit_inbox):
    mailpit_inbox.assert_no_message(within=0)


def test_every_call(mailpit, mailpit_inbox, send):
    before = mailpit.server_time() - timedelta(seconds=2)
    send(mailpit_inbox.address, "first")
    send(mailpit_inbox.address, "second")
    query = f"to:{mailpit_inbox.address}"
    second, first = mailpit.search_all(query, page_size=1)
    assert (first.subject, second.subject) == ("first", "second")

    assert mailpit.is_ready()
    assert mailpit.info().messages >= 2
    assert mailpit.messages(limit=1).messages[0].id == second.id
    [found] = mailpit.wait_for_messages(1, query, subject="first", since=before)
    assert found.subject == "first"
    assert mailpit.get_headers(first.id)["Subject"] == ["first"]
    assert b"Subject: first" in mailpit.get_raw(first.id)
    [bill] = found.attachments
    assert mailpit.get_attachment(bill) == b"%PDF-1.4"
    assert mailpit.get_part(first.id, bill.part_id) == b"%PDF-1.4"
    links = mailpit.check_links(first.id)
    assert [(link.url, link.status_code) for link in links.links] == [("https://example.test/start", 0)]
    with pytest.raises(Exception, match="501"):
        mailpit.check_html(first.id)
    mailpit.mark_read([first.id], read=False)
    assert mailpit.search(f"{query} is:unread").messages_count == 2
    mailpit.set_tags([first.id], ["red"])
    assert mailpit.wait_for_message(query, tag="red").id == first.id
    mailpit.delete_messages([first.id])
    mailpit.delete_search(query)
    assert mailpit.search(query).messages_count == 0


def test_chaos(mailpit, mailpit_chaos, mailpit_inbox, send):
    mailpit_chaos.reject_recipients(451)

    with pytest.raises(smtplib.SMTPRecipientsRefused) as refused:
        send(mailpit_inbox.address)

    [(code, _text)] = refused.value.recipients.values()
    assert code == 451
    mailpit_chaos.reject_senders(550)
    with pytest.raises(smtplib.SMTPSenderRefused):
        send(mailpit_inbox.address)
    mailpit_chaos.reset()
    assert mailpit.chaos() == ChaosTriggers()
    send(mailpit_inbox.address)
    mailpit_inbox.wait_for_message()


def test_delete_all(mailpit):
    mailpit.delete_all()

    assert mailpit.messages().total == 0
