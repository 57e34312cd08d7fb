"""Every call of the PyPI package `mailpit-api-client`. Arguments: the URL of the API, the port of SMTP."""

import smtplib
import sys

from mailpit.client.api import API

url, port = sys.argv[1], int(sys.argv[2])
api = API(url, timeout=60)

MAIL = b"""\
From: Ann <ann@example.test>\r
To: Bob <bob@example.test>\r
Delivered-To: bob@example.test\r
Date: Thu, 01 Jan 2026 12:00:00 +0100\r
Subject: hello\r
Message-ID: <1@example.test>\r
Content-Type: multipart/mixed; boundary=b\r
\r
--b\r
\r
text\r
--b\r
Content-Disposition: attachment; filename=a.csv\r
Content-Type: text/csv\r
\r
a;b\r
--b--\r
"""

with smtplib.SMTP("127.0.0.1", port, timeout=60) as smtp:
    for _ in range(3):
        smtp.sendmail("ann@example.test", ["bob@example.test"], MAIL)

listed = api.get_messages(limit=2)
assert (listed.total, listed.unread, listed.count, listed.start) == (3, 3, 2, 0), listed
summary = listed.messages[0]
assert (summary.subject, summary.message_id, summary.read) == ("hello", "1@example.test", False), summary
assert summary.from_.address == "ann@example.test"
assert summary.created.tzinfo is not None

message = api.get_message(summary.id)
assert (message.text.strip(), message.date.isoformat()) == ("text", "2026-01-01T12:00:00+01:00"), message
[attachment] = message.attachments
assert (attachment.file_name, attachment.content_type, attachment.size) == ("a.csv", "text/csv", 3), attachment
assert api.get_message_attachment(summary.id, attachment.part_id) == "a;b"
headers = api.get_message_headers(summary.id)
assert headers.message_id == ["<1@example.test>"], headers
assert headers.additional["To"] == ["Bob <bob@example.test>"], headers
assert api.get_messages().unread == 2

# The client sends these two as forms.
api.put_messages([summary.id], "Read", False)
assert api.get_messages().unread == 3
api.delete_messages([summary.id])
assert api.get_messages().total == 2
api.delete_messages([])
assert api.get_messages().total == 0
print("done")
