"""Signs a message with dkimpy, in every canonicalisation and with both algorithms, and sends it over SMTP."""

import os
import smtplib

import dkim

MAIL = (
    b"From: Ann  <ann@example.org>\r\nTo: bob@example.org\r\nSubject:  two  blanks\r\n\tand a fold \r\n"
    b"Subject: the second one\r\n\r\n"
    b"line  with blanks \t \r\n\r\n \r\n.a dot\r\n\r\n\r\n"
)
KEYS = {b"rsa-sha256": os.environ["RSA_KEY"].encode(), b"ed25519-sha256": os.environ["ED25519_SEED"].encode()}

with smtplib.SMTP("127.0.0.1", int(os.environ["MAIL_PORT"]), timeout=30) as client:
    for algorithm, key in KEYS.items():
        selector = algorithm.split(b"-")[0]
        for header in (b"simple", b"relaxed"):
            for body in (b"simple", b"relaxed"):
                for length in (False, True):
                    signature = dkim.sign(
                        MAIL,
                        selector,
                        b"example.org",
                        key,
                        canonicalize=(header, body),
                        signature_algorithm=algorithm,
                        include_headers=[b"from", b"to", b"subject", b"subject", b"subject", b"date"],
                        length=length,
                    )
                    client.sendmail("ann@example.org", ["bob@example.org"], signature + MAIL)
