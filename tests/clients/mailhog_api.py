"""The PyPI package `mailhog`: lists, searches and deletes. Argument: the port of the API."""

import sys

from mailhog.main import Mailhog

client = Mailhog("localhost", int(sys.argv[1]))

page = client.messages()
assert (page.total, page.count, page.start) == (2, 2, 0), page
newest = page.items[0]
assert newest.get_sender() == "app@example.org"
assert newest.get_recipients() == ["carol@example.org"]
assert newest.get_subject() == "Plain", newest.get_subject()
assert newest.content.body == "Hello, Carol!"
assert [part.body for part in page.items[1].mime.parts][-1] == "YSxi"
assert client.messages(start=1, limit=1).items[0].id == page.items[1].id

assert client.search("bob@example.org", kind="to").total == 1
assert client.search("hello, carol").items[0].id == newest.id
assert client.search("nobody@example.org", kind="from").total == 0

client.delete(newest)
assert client.messages().total == 1
client.delete_all()
assert client.messages().total == 0
