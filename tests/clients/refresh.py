# Logs in with an access token (XOAUTH2), comes back on a new connection, and refreshes the token once if it is refused.
# Arguments: the protocol, the port; `stubborn` if it tries the old token again instead.
import base64, imaplib, poplib, smtplib, sys

USER = "me@example.org"


def response(token):
    return f"user={USER}\1auth=Bearer {token}\1\1"


def imap(port, token):
    client = imaplib.IMAP4("localhost", port, timeout=5)
    try:
        # An error of the server is answered with an empty response.
        client.authenticate("XOAUTH2", lambda challenge: b"" if challenge else response(token).encode())
        return True
    except imaplib.IMAP4.error:
        return False
    finally:
        client.logout()


def smtp(port, token):
    with smtplib.SMTP("localhost", port, timeout=5) as client:
        client.ehlo()
        try:
            client.auth("XOAUTH2", lambda challenge=None: "" if challenge else response(token))
            return True
        except smtplib.SMTPAuthenticationError:
            return False


def pop3(port, token):
    client = poplib.POP3("localhost", port, timeout=5)
    try:
        reply = client._shortcmd("AUTH XOAUTH2 " + base64.b64encode(response(token).encode()).decode())
        if reply.startswith(b"+ "):
            client._shortcmd("")
        return True
    except poplib.error_proto:
        return False
    finally:
        client.quit()


if __name__ == "__main__":
    log_in, port = {"imap": imap, "smtp": smtp, "pop3": pop3}[sys.argv[1]], int(sys.argv[2])
    tokens = ["tok-1", "tok-1"] if "stubborn" in sys.argv else ["tok-1", "tok-2"]
    if not log_in(port, tokens[0]):
        sys.exit("the first token was refused")
    # The token may have expired since.
    if not log_in(port, tokens[0]) and not log_in(port, tokens[1]):
        sys.exit("the new token was refused")
