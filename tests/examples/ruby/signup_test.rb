require 'minitest/autorun'
require 'net/imap'
require 'net/smtp'
require_relative 'mail_server'

# The code under test: sends a link, and tries again if the server refuses for now.
def sign_up(host, port, address)
  mail = "To: #{address}\r\nSubject: Welcome\r\n\r\nConfirm at https://app.example.org/confirm?code=1234\r\n"
  attempts = 0
  begin
    Net::SMTP.start(host, port, starttls: false) { |smtp| smtp.send_message(mail, 'app@example.org', address) }
  rescue Net::SMTPServerBusy
    retry if (attempts += 1) < 3
    raise
  end
end

class SignUpTest < Minitest::Test
  include MailServer
  parallelize_me!

  def test_the_mail_has_a_link
    start

    sign_up(host, ports['smtp'], 'bob@example.org')

    mail = call('GET', '/messages?to=bob@example.org&subject=Welcome&wait=5s')['messages'].first
    assert_equal ['https://app.example.org/confirm?code=1234'], call('GET', "/messages/#{mail['id']}/links")
  end

  def test_a_busy_server_is_asked_again
    start(scenario: 'smtp-greylist')

    sign_up(host, ports['smtp'], 'bob@example.org')
  end

  def test_bob_reads_the_mail
    start(accounts: [{ login: 'bob@example.org', password: 'secret' }])

    sign_up(host, ports['smtp'], 'bob@example.org')

    imap = Net::IMAP.new(host, port: ports['imap'])
    imap.login('bob@example.org', 'secret')
    imap.select('INBOX')
    assert_equal [1], imap.search(%w[SUBJECT Welcome])
    imap.logout
    imap.disconnect
  end
end
