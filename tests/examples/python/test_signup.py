import imaplib
import smtplib
from email.message import EmailMessage


def sign_up(host, port, address):
    """The code under test: sends a link, and tries again if the server refuses for now."""
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "app@example.org", address, "Welcome"
    mail.set_content("Confirm at https://app.example.org/confirm?code=1234")
    with smtplib.SMTP(host, port) as smtp:
        for _ in range(3):
            try:
                return smtp.send_message(mail)
            except smtplib.SMTPRecipientsRefused as refused:
                if any(code >= 500 for code, _ in refused.recipients.values()):
                    raise
    raise TimeoutError("the server is busy")


def test_the_mail_has_a_link(mail_server):
    server = mail_server()

    sign_up(server.host, server.ports["smtp"], "bob@example.org")

    mail = server.wait_for("to=bob@example.org&subject=Welcome")
    assert server.call("GET", f"/messages/{mail['id']}/links") == ["https://app.example.org/confirm?code=1234"]


def test_a_busy_server_is_asked_again(mail_server):
    server = mail_server(scenario="smtp-greylist")

    sign_up(server.host, server.ports["smtp"], "bob@example.org")


def test_bob_reads_the_mail(mail_server):
    server = mail_server(accounts=[{"login": "bob@example.org", "password": "secret"}])

    sign_up(server.host, server.ports["smtp"], "bob@example.org")

    with imaplib.IMAP4(server.host, server.ports["imap"]) as imap:
        imap.login("bob@example.org", "secret")
        imap.select()
        assert imap.search(None, "SUBJECT", "Welcome") == ("OK", [b"1"])
