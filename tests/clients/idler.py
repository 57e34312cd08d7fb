# Waits for news only so long, then ends IDLE and, as nobody answers, connects again and reads what came meanwhile.
# Argument: the port.
import imaplib, socket, sys, time

port = int(sys.argv[1])


def connect():
    client = imaplib.IMAP4("localhost", port, timeout=2)
    client.login("me@example.org", "secret")
    client.select("INBOX")
    return client


idling = connect()
idling.send(b"I1 IDLE\r\n")
idling.readline()
try:
    idling.readline()
    sys.exit("news came")
except (socket.timeout, TimeoutError):
    pass
idling.shutdown()
found = connect().fetch("1", "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])")
sys.exit(0 if b"you should see me" in found[1][0][1] else "the mail is not there")
