# Asks for the structure of each message by itself, so that one that cannot be read spoils no other.
# Argument: the port.
import imaplib, sys

client = imaplib.IMAP4("localhost", int(sys.argv[1]), timeout=5)
client.login("me@example.org", "secret")
client.select("INBOX")
structures = [client.fetch(str(number), "(BODYSTRUCTURE)")[1][0] for number in (1, 2, 3)]
sys.exit(0 if b'("boundary" NIL)' in structures[1] and b'"text" "plain"' in structures[2] else "not as expected")
