# Keeps UIDs with their UIDVALIDITY, and forgets them when that is another one at the next login. Argument: the port.
import imaplib, sys

port, kept = int(sys.argv[1]), {}
for _ in range(2):
    client = imaplib.IMAP4("localhost", port, timeout=5)
    client.login("me@example.org", "secret")
    client.select("INBOX")
    validity = client.response("UIDVALIDITY")[1][0]
    uids = client.uid("SEARCH", None, "ALL")[1][0].split()
    kept = {(validity, uid): None for uid in uids}
    client.uid("STORE", uids[0].decode(), "+FLAGS", "(\\Flagged)")
    client.logout()
sys.exit(0 if {validity for validity, _ in kept} == {b"1001"} else f"kept {kept}")
