require 'json'
require 'minitest/autorun'
require 'net/http'
require 'net/imap'
require 'net/smtp'

BASE = ENV.fetch('MAILJIG_URL') # `mailjig run` sets it

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
  parallelize_me!

  def call(method, path, body = nil)
    answer = Net::HTTP.new(@uri.host, @uri.port).send_request(method, @uri.path + path, body&.to_json, 'Content-Type' => 'application/json')
    json = JSON.parse(answer.body)
    flunk(json['detail']) unless answer.is_a?(Net::HTTPSuccess) # what failed, and what came closest
    json
  end

  # A server of its own for each test.
  def start(options = {})
    @uri = URI("#{BASE}/v1/servers")
    server = call('POST', '', options)
    @uri = URI("#{BASE}/v1/servers/#{server['id']}")
    @ports = server['endpoints'].transform_values { |endpoint| endpoint['port'] }
  end

  # Verifies and removes the server.
  def teardown
    call('DELETE', '')
  end

  def test_the_mail_has_a_link
    start

    sign_up(@uri.host, @ports['smtp'], 'bob@example.org')

    mail = call('GET', '/messages?to=bob@example.org&subject=Welcome&wait=5s')['messages'].first
    assert_equal ['https://app.example.org/confirm?code=1234'], call('GET', "/messages/#{mail['id']}/links")
  end

  def test_a_busy_server_is_asked_again
    start(scenario: 'smtp-greylist')

    sign_up(@uri.host, @ports['smtp'], 'bob@example.org')
  end

  def test_bob_reads_the_mail
    start(accounts: [{ login: 'bob@example.org', password: 'secret' }])

    sign_up(@uri.host, @ports['smtp'], 'bob@example.org')

    imap = Net::IMAP.new(@uri.host, port: @ports['imap'])
    imap.login('bob@example.org', 'secret')
    imap.select('INBOX')
    assert_equal [1], imap.search(%w[SUBJECT Welcome])
    imap.logout
    imap.disconnect
  end
end
