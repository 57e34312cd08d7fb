"""Compares ENVELOPE and BODYSTRUCTURE of every message in a mailbox with what Python's own email package makes of it.

Environment: MAIL_PORT. The INBOX of bob@example.org is read over IMAP in the clear."""

import email
import email.utils
import imaplib
import os
import signal
import sys
from email.parser import BytesParser
from email.policy import compat32

signal.signal(signal.SIGALRM, lambda *_: sys.exit("not done in 60 s"))
signal.alarm(60)


def parse(data, at=0):
    """An S-expression of IMAP, with literals inline: lists, bytes, None."""
    if data[at:at + 1] == b"(":
        items, at = [], at + 1
        while data[at:at + 1] != b")":
            if data[at:at + 1] == b" ":
                at += 1
                continue
            item, at = parse(data, at)
            items.append(item)
        return items, at + 1
    if data[at:at + 1] == b'"':
        out, at = b"", at + 1
        while data[at:at + 1] != b'"':
            at += data[at:at + 1] == b"\\"
            out, at = out + data[at:at + 1], at + 1
        return out, at + 1
    if data[at:at + 1] == b"{":
        end = data.index(b"}\r\n", at)
        size = int(data[at + 1:end])
        return data[end + 3:end + 3 + size], end + 3 + size
    end = at
    while data[end:end + 1] not in (b" ", b")", b""):
        end += 1
    atom = data[at:end]
    return (None if atom == b"NIL" else int(atom) if atom.isdigit() else atom), end


def raw(message, name):
    """A field's value: folded lines joined, nothing decoded."""
    for key, value in message.raw_items():
        if key.lower() == name:
            value = str(value).encode("utf-8", "surrogateescape")
            return value.replace(b"\r", b"").replace(b"\n", b"").strip()
    return None


def envelope(message):
    def addresses(name):
        value = raw(message, name)
        if value is None:
            return []
        pairs = email.utils.getaddresses([value.decode("utf-8", "surrogateescape")])
        return [address.encode("utf-8", "surrogateescape") for _, address in pairs if address]

    senders = addresses("from")
    return [raw(message, "date"), raw(message, "subject"), senders, addresses("sender") or senders,
            addresses("reply-to") or senders, addresses("to"), addresses("cc"), addresses("bcc"),
            raw(message, "in-reply-to"), raw(message, "message-id")]


def told_envelope(told):
    def addresses(its):
        # Those with a host: the others are the names and ends of groups.
        return [b"%s@%s" % (one[2], one[3]) if one[3] else one[2] for one in its or [] if one[3] is not None]

    return [addresses(field) if 2 <= i <= 7 else field for i, field in enumerate(told)]


def structure(part):
    kind = part.get_content_type().encode()
    if part.is_multipart() and part.get_content_maintype() == "multipart":
        return [kind, [structure(child) for child in part.get_payload()]]
    encoding = (raw(part, "content-transfer-encoding") or b"7bit").lower()
    if part.get_content_type() == "message/rfc822":
        inner = part.get_payload()[0]
        return [kind, encoding, None, envelope(inner), structure(inner)]
    # Not get_payload(), which decodes what is in a charset.
    payload = part._payload
    return [kind, encoding, len(payload.encode("utf-8", "surrogateescape"))]


def told_structure(told):
    if isinstance(told[0], list):
        count = next(i for i, its in enumerate(told) if not isinstance(its, list))
        return [b"multipart/" + told[count], [told_structure(child) for child in told[:count]]]
    kind = b"%s/%s" % (told[0], told[1])
    if kind == b"message/rfc822":
        return [kind, told[5], None, told_envelope(told[7]), told_structure(told[8])]
    return [kind, told[5], told[6]]


imap = imaplib.IMAP4("localhost", int(os.environ["MAIL_PORT"]))
imap.login("bob@example.org", "secret")
_, [count] = imap.select("INBOX", readonly=True)
wrong = 0
for number in range(1, int(count) + 1):
    _, data = imap.fetch(str(number), "(BODY.PEEK[])")
    message = BytesParser(policy=compat32).parsebytes(data[0][1])
    subject = raw(message, "subject")
    for item, expected, told in [("ENVELOPE", envelope(message), told_envelope),
                                 ("BODYSTRUCTURE", structure(message), told_structure)]:
        _, data = imap.fetch(str(number), f"({item})")
        text = b"".join(piece[0] + b"\r\n" + piece[1] if isinstance(piece, tuple) else piece for piece in data)
        items, _ = parse(text[text.index(b"("):])
        got = told(items[1])
        if got != expected:
            wrong += 1
            print(f"{item} of {number} {subject}:\n  server {got}\n  python {expected}", file=sys.stderr)
imap.logout()
sys.exit(f"{wrong} differ" if wrong or not int(count) else None)
