#!/usr/bin/env python3
# Three visits to a maildrop over POP3 with Python's standard poplib: the first changes nothing, the second deletes.
# Reads MAIL_HOST, MAIL_PORT, MAIL_ROAD, MAIL_CA, MAIL_USER, MAIL_PASSWORD, and on stdin the last of the six messages;
# exits 0 iff all was as expected.
import os, poplib, sys
import roads
from roads import same

user, password = os.environ["MAIL_USER"], os.environ["MAIL_PASSWORD"]
last = sys.stdin.buffer.read()


def visit():
    pop = roads.pop()
    pop.user(user)
    pop.pass_(password)
    return pop


def refused(what, does, *args):
    try:
        does(*args)
    except poplib.error_proto as error:
        same(what, error.args[0][:4], b"-ERR")
    else:
        sys.exit(f"{what} was not refused")


def numbers(lines):
    return [tuple(map(int, line.split())) for line in lines]


def octets(lines):
    return b"".join(line + b"\r\n" for line in lines)


# 1. connect and log in
wrong = roads.pop()
wrong.user(user)
refused("a wrong password", wrong.pass_, password + "-wrong")
wrong.quit()
pop = visit()

# 2. what is there
count, total = pop.stat()
same("messages", count, 6)
listed = numbers(pop.list()[1])
same("numbers", [number for number, _ in listed], [1, 2, 3, 4, 5, 6])
same("the sum of the sizes", sum(size for _, size in listed), total)
same("list of one", numbers([pop.list(6)[4:]]), [(6, len(last))])
uids = [line.split()[1] for line in pop.uidl()[1]]
same("different uids", len(set(uids)), 6)
same("uidl of one", pop.uidl(3).split()[1:], [b"3", uids[2]])

# 3. reading
for number, size in listed:
    message = octets(pop.retr(number)[1])
    same(f"size of {number}", len(message), size)
    if number < 6:
        same(f"subject of {number}", b"\r\nSubject: generated %d\r\n" % number in message, True)
same("the message with dots", message, last)
header, body = last.split(b"\r\n\r\n")
for count in (0, 2, 9):
    wanted = b"".join(line + b"\r\n" for line in body.split(b"\r\n")[:-1][:count])
    same(f"top {count}", octets(pop.top(6, count)[1]), header + b"\r\n\r\n" + wanted)
refused("a message that is not there", pop.retr, 7)

# 4. deleting, and thinking better of it
pop.dele(1)
same("messages after a deletion", pop.stat(), (5, total - listed[0][1]))
refused("a deleted message", pop.retr, 1)
pop.rset()
same("messages after all", pop.stat(), (6, total))
pop.dele(4)
pop.close()  # without QUIT nothing is deleted


def log_in():
    pop = roads.pop()
    if roads.road == "plain":
        pop.apop(user, password)
    else:
        pop.user(user)
        pop.pass_(password)
    return pop


def come_back():  # the server may not have seen yet that nobody reads on the other connection
    while True:
        try:
            return log_in()
        except poplib.error_proto as refused:
            if b"[IN-USE]" not in refused.args[0]:
                raise


# 5. a second visit, which deletes
pop = come_back()
same("uids of the second visit", [line.split()[1] for line in pop.uidl()[1]], uids)
pop.dele(2)
same("numbers left", [number for number, _ in numbers(pop.list()[1])], [1, 3, 4, 5, 6])
pop.quit()

# 6. a third, to see
pop = visit()
same("uids of the third visit", [line.split()[1] for line in pop.uidl()[1]], uids[:1] + uids[2:])
pop.noop()
pop.quit()
