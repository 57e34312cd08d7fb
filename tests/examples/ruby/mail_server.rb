require 'json'
require 'net/http'

# For a Minitest::Test: a server of its own for each test.
module MailServer
  BASE = ENV.fetch('MAILJIG_URL') # `mailjig run` sets it

  attr_reader :host, :ports

  def start(options = {})
    @uri = URI("#{BASE}/v1/servers")
    server = call('POST', '', options)
    @uri = URI("#{BASE}/v1/servers/#{server['id']}")
    @host = @uri.host
    @ports = server['endpoints'].transform_values { |endpoint| endpoint['port'] }
  end

  # Verifies and removes the server.
  def teardown
    call('DELETE', '')
  end

  def call(method, path, body = nil)
    http = Net::HTTP.new(@uri.host, @uri.port)
    answer = http.send_request(method, @uri.path + path, body&.to_json, 'Content-Type' => 'application/json')
    json = JSON.parse(answer.body)
    flunk(json['detail']) unless answer.is_a?(Net::HTTPSuccess) # what failed, and what came closest
    json
  end
end
