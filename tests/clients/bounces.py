"""Prints what Python's email package and flufl.bounce read in the reports of a POP3 maildrop."""

import email
import os
import poplib
from email import policy

from flufl.bounce import all_failures

client = poplib.POP3("127.0.0.1", int(os.environ["MAIL_PORT"]), timeout=30)
client.user("app@example.org")
client.pass_("secret")
for number in range(1, client.stat()[0] + 1):
    raw = b"\r\n".join(client.retr(number)[1]) + b"\r\n"
    report = email.message_from_bytes(raw, policy=policy.default)
    assert report.get_content_type() == "multipart/report" and not report.defects, report.defects
    text, status, original = report.iter_parts()
    assert text.get_content_type() == "text/plain"
    told = [report.get_param("report-type"), status.get_content_type(), original.get_content_type()]
    if told[0] == "delivery-status":
        # The package parses each group of fields as a message.
        about, recipient = status.get_payload()
        told += [recipient["Action"], recipient["Status"], about["Original-Envelope-Id"]]
        temporary, permanent = all_failures(email.message_from_bytes(raw))
        for name, found in (("temporary", temporary), ("permanent", permanent)):
            told += [f"{name} {address.decode()}" for address in sorted(found)]
    else:
        fields = status.get_payload()
        fields = fields[0] if isinstance(fields, list) else email.message_from_string(fields)
        told += [fields[name] for name in ("Feedback-Type", "Original-Mail-From", "Disposition") if fields[name]]
    print(" ".join(told))
client.quit()
