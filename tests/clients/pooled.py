# A client that keeps its connection: sends two mails with a pause, and connects anew where the connection is gone.
# Argument: the port.
import smtplib, sys, time

port = int(sys.argv[1])
mail = "Message-ID: <{}@client.example>\r\nSubject: hello\r\n\r\nhello\r\n"
connection = smtplib.SMTP("localhost", port, timeout=5)
for number in range(2):
    try:
        connection.sendmail("a@example.org", ["b@example.org"], mail.format(number))
    except (smtplib.SMTPServerDisconnected, smtplib.SMTPResponseException) as gone:
        print("again:", gone)
        connection = smtplib.SMTP("localhost", port, timeout=5)
        connection.sendmail("a@example.org", ["b@example.org"], mail.format(number))
    time.sleep(0.5)
connection.close()
