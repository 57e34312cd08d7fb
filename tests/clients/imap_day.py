#!/usr/bin/env python3
# A usual day's work over IMAP with Python's standard imaplib: one account, from login to logout.
# Reads MAIL_HOST, MAIL_PORT, MAIL_ROAD, MAIL_CA, MAIL_USER, MAIL_PASSWORD; exits 0 iff all was as expected.
import datetime, imaplib, os, re, sys
import roads
from roads import ok, same

env = os.environ


def lines(data):  # a response's pieces, literals joined to the line they belong to
    return [b"".join(d) if isinstance(d, tuple) else d for d in data if d and d != b")"]


def literal(data):  # the first literal of a response
    return next(d[1] for d in data if isinstance(d, tuple))


def names(data):
    return sorted(re.search(rb'\) (?:"."|NIL) "?(.*?)"?$', l)[1].decode() for l in lines(data))


def uids(*criteria, charset=None):
    return ok("search", imap.uid("SEARCH", *(("CHARSET", charset) if charset else ()), *criteria))[0].split()


def flags(uid):
    line = next(l for l in lines(ok("flags", imap.uid("FETCH", uid, "(FLAGS)"))) if b"UID" in l)
    return {f.decode() for f in imaplib.ParseFlags(line)} - {"\\Recent"}


def exists(mailbox):
    return int(ok("select " + mailbox, imap.select(mailbox))[0])


def until(start):  # raw lines, up to the one that begins so
    while line := imap.readline():
        if line.startswith(start):
            return line
    sys.exit(f"the connection ended before {start!r}")


# 1. connect and log in
if env.get("MAIL_CLOSED") == "1":
    try:
        roads.imap().login(env["MAIL_USER"], env["MAIL_PASSWORD"] + "-wrong")
    except imaplib.IMAP4.error:
        pass
    else:
        sys.exit("a wrong password was accepted")
imap = roads.imap()
ok("login", imap.login(env["MAIL_USER"], env["MAIL_PASSWORD"]))

# 2. mailboxes
same("list", names(ok("list", imap.list())), ["INBOX"])
ok("create", imap.create("Work"))
ok("create", imap.create("Work/2026"))
same("list", names(ok("list", imap.list())), ["INBOX", "Work", "Work/2026"])
ok("subscribe", imap.subscribe("Work"))
same("lsub", names(ok("lsub", imap.lsub())), ["Work"])

# 3. reading
same("messages", exists("INBOX"), 5)
all_ = uids("ALL")
same("uids", (len(all_), all_), (5, sorted(set(all_), key=int)))
one, two, three, four, five = [u.decode() for u in all_]
data = ok("fetch", imap.uid("FETCH", "1:*", "(ENVELOPE FLAGS INTERNALDATE RFC822.SIZE BODYSTRUCTURE)"))
rows = lines(data)
same("subjects", re.findall(rb'"(generated \d)"', b"".join(rows)), [b"generated %d" % n for n in range(1, 6)])
for row in rows:
    for item in (b"FLAGS (", b'INTERNALDATE "', b"RFC822.SIZE ", b'BODYSTRUCTURE ("text" "plain"'):
        same(f"{item} in {row}", item.lower() in row.lower(), True)
peek = literal(ok("peek", imap.uid("FETCH", one, "(BODY.PEEK[])")))
same("size", len(peek), int(re.search(rb"RFC822\.SIZE (\d+)", rows[0])[1]))
same("flags after a peek", flags(one), set())
ok("fetch", imap.uid("FETCH", two, "(BODY[])"))
same("flags after reading", flags(two), {"\\Seen"})

# 4. search
same("unseen", uids("UNSEEN"), [all_[0], *all_[2:]])
same("subject", uids("SUBJECT", '"generated 3"'), [all_[2]])
imap.literal = "Grüße".encode()
same("non-ascii", uids("TEXT", charset="UTF-8"), [])
same("since", uids("SINCE", "1-Jan-2001"), all_)

# 5. flags
ok("store", imap.uid("STORE", three, "+FLAGS", r"(\Flagged $Important)"))
same("flags", flags(three), {"\\Flagged", "$Important"})
ok("store", imap.uid("STORE", three, "-FLAGS", r"(\Flagged)"))
same("flags", flags(three), {"$Important"})

# 6. copy and move
ok("copy", imap.uid("COPY", three, "Work"))
if b"MOVE" in ok("capability", imap.capability())[-1].split():
    ok("move", imap.uid("MOVE", four, "Work"))
else:
    ok("copy", imap.uid("COPY", four, "Work"))
    ok("store", imap.uid("STORE", four, "+FLAGS", r"(\Deleted)"))
    ok("expunge", imap.expunge())
same("left in INBOX", uids("ALL"), [all_[i] for i in (0, 1, 2, 4)])
same("messages in Work", exists("Work"), 2)

# 7. append
text = "Subject: kept\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nGrüße aus Köln\r\n".encode()
when = datetime.datetime(2020, 1, 1, 12, tzinfo=datetime.timezone.utc)
ok("append", imap.append("Work/2026", r"(\Seen)", when, text))
same("messages in Work/2026", exists("Work/2026"), 1)
new = uids("ALL")[0].decode()
kept = ok("fetch", imap.uid("FETCH", new, "(INTERNALDATE BODY.PEEK[])"))
same("appended text", literal(kept), text)
rest = b"".join(lines(kept))
stamp = re.search(rb'INTERNALDATE "(.*?)"', rest)[1].decode().strip()
same("internal date", datetime.datetime.strptime(stamp, "%d-%b-%Y %H:%M:%S %z"), when)
same("flags", flags(new), {"\\Seen"})

# 8. status
same("messages in INBOX", exists("INBOX"), 4)
status = ok("status", imap.status("Work", "(MESSAGES UIDNEXT)"))[0]
same("status messages", re.search(rb"MESSAGES (\d+)", status)[1], b"2")
same("status uidnext", int(re.search(rb"UIDNEXT (\d+)", status)[1]) > 2, True)

# 9. idle
imap.send(b"X1 IDLE\r\n")
until(b"+")
print("idling", flush=True)
until(b"* 5 EXISTS")
imap.send(b"DONE\r\n")
same("idle", until(b"X1 ").split()[1], b"OK")
data = ok("fetch", imap.fetch("5", "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])"))
same("new subject", literal(data).strip(), b"Subject: while idle")

# 10. clearing up
ok("store", imap.uid("STORE", one, "+FLAGS", r"(\Deleted)"))
same("expunge", ok("expunge", imap.expunge()), [b"1"])
same("left in INBOX", len(uids("ALL")), 4)
ok("rename", imap.rename("Work/2026", "Work/2027"))
same("list", names(ok("list", imap.list())), ["INBOX", "Work", "Work/2027"])
ok("delete", imap.delete("Work/2027"))
ok("unsubscribe", imap.unsubscribe("Work"))
same("lsub", [n for n in ok("lsub", imap.lsub()) if n], [])

# 11. log out
ok("close", imap.close())
same("logout", imap.logout()[0], "BYE")
