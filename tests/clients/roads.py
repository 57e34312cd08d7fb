# How the Python clients beside this reach the server, and how they say what went wrong.
# Reads MAIL_HOST, MAIL_PORT, MAIL_ROAD, MAIL_CA; ends a script that is not done in 60 s.
import imaplib, os, poplib, signal, ssl, sys

host, port, road = os.environ["MAIL_HOST"], int(os.environ["MAIL_PORT"]), os.environ["MAIL_ROAD"]
context = None if road == "plain" else ssl.create_default_context(cafile=os.environ["MAIL_CA"])
signal.signal(signal.SIGALRM, lambda *_: sys.exit("not done in 60 s"))
signal.alarm(60)


def same(what, got, want):
    if got != want:
        sys.exit(f"{what}: got {got!r:.500}, expected {want!r:.500}")


def ok(what, answer):  # what imaplib gives with an OK
    same(what, answer[0], "OK")
    return answer[1]


def imap():
    if road == "implicit":
        return imaplib.IMAP4_SSL(host, port, ssl_context=context)
    client = imaplib.IMAP4(host, port)
    if road == "starttls":
        ok("starttls", client.starttls(context))
    return client


def pop():
    if road == "implicit":
        return poplib.POP3_SSL(host, port, context=context)
    client = poplib.POP3(host, port)
    if road == "starttls":
        client.stls(context)
    return client
