# A client that keeps its connection: sends two mails over it, and connects anew where the connection is gone.
# Arguments: the port; `until-closed` to wait between the two until the server closes.
import select, smtplib, sys

port, waits = int(sys.argv[1]), "until-closed" in sys.argv
mail = "Message-ID: <{}@client.example>\r\nSubject: hello\r\n\r\nhello\r\n"
connection = smtplib.SMTP("localhost", port, timeout=20)
for number in range(2):
    try:
        connection.sendmail("a@example.org", ["b@example.org"], mail.format(number))
    except (smtplib.SMTPServerDisconnected, smtplib.SMTPResponseException) as gone:
        print("again:", gone)
        connection = smtplib.SMTP("localhost", port, timeout=20)
        connection.sendmail("a@example.org", ["b@example.org"], mail.format(number))
    if waits and number == 0:
        closed, _, _ = select.select([connection.sock], [], [], 20)
        assert closed, "the server closes"
connection.close()
