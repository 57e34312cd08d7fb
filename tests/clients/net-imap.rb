#!/usr/bin/env ruby
# A usual day's work over IMAP with Ruby's standard net/imap: one account, from login to logout.
# Reads MAIL_HOST, MAIL_PORT, MAIL_ROAD, MAIL_CA, MAIL_USER, MAIL_PASSWORD; exits 0 iff all was as expected.
require "net/imap"
require "time"
require "timeout"

USER, PASSWORD, ROAD = ENV.values_at("MAIL_USER", "MAIL_PASSWORD", "MAIL_ROAD")

def same(what, got, want)
  abort "#{what}: got #{got.inspect}, expected #{want.inspect}" unless got == want
end

def connect
  tls = { ca_file: ENV["MAIL_CA"], verify_mode: OpenSSL::SSL::VERIFY_PEER }
  options = { port: ENV["MAIL_PORT"].to_i }
  options[:ssl] = tls if ROAD == "implicit"
  imap = Net::IMAP.new(ENV["MAIL_HOST"], **options)
  imap.starttls(**tls) if ROAD == "starttls"
  imap
end

def day
  # 1. connect and log in
  if ENV["MAIL_CLOSED"] == "1"
    closed = connect
    begin
      closed.login(USER, PASSWORD + "-wrong")
      abort "a wrong password was accepted"
    rescue Net::IMAP::NoResponseError
      closed.disconnect
    end
  end
  imap = connect
  same "login", imap.login(USER, PASSWORD).name, "OK"

  list = -> { imap.list("", "*").map(&:name).sort }
  lsub = -> { (imap.lsub("", "*") || []).map(&:name).sort }
  flags = ->(uid) { (imap.uid_fetch(uid, "FLAGS")[0].attr["FLAGS"] - [:Recent]).sort_by(&:to_s) }
  all = -> { imap.uid_search(["ALL"]) }
  open = ->(mailbox) { imap.select(mailbox); imap.responses["EXISTS"].last }

  # 2. mailboxes
  same "list", list.(), %w[INBOX]
  imap.create("Work")
  imap.create("Work/2026")
  same "list", list.(), %w[INBOX Work Work/2026]
  imap.subscribe("Work")
  same "lsub", lsub.(), %w[Work]

  # 3. reading
  same "messages", open.("INBOX"), 5
  rows = imap.fetch(1..5, %w[UID ENVELOPE FLAGS INTERNALDATE RFC822.SIZE BODYSTRUCTURE])
  uids = rows.map { |row| row.attr["UID"] }
  one, two, three, four, five = uids
  same "uids", uids, uids.uniq.sort
  same "subjects", rows.map { |row| row.attr["ENVELOPE"].subject }, (1..5).map { |n| "generated #{n}" }
  same "message ids", rows.map { |row| row.attr["ENVELOPE"].message_id }.uniq.size, 5
  rows.each do |row|
    same "flags", row.attr["FLAGS"] - [:Recent], []
    same "internal date", Time.parse(row.attr["INTERNALDATE"]) > Time.utc(2001), true
    same "type", [row.attr["BODYSTRUCTURE"].media_type, row.attr["BODYSTRUCTURE"].subtype], %w[TEXT PLAIN]
  end
  same "size", imap.uid_fetch(one, "BODY.PEEK[]")[0].attr["BODY[]"].bytesize, rows[0].attr["RFC822.SIZE"]
  same "flags after a peek", flags.(one), []
  imap.uid_fetch(two, "BODY[]")
  same "flags after reading", flags.(two), [:Seen]

  # 4. search
  same "unseen", imap.uid_search(["UNSEEN"]), [one, three, four, five]
  same "subject", imap.uid_search(["SUBJECT", "generated 3"]), [three]
  same "non-ascii", imap.uid_search(["BODY", "Grüße".b], "UTF-8"), []
  same "since", imap.uid_search(["SINCE", "1-Jan-2001"]), uids

  # 5. flags
  imap.uid_store(three, "+FLAGS", [:Flagged, "$Important"])
  same "flags", flags.(three), ["$Important", :Flagged]
  imap.uid_store(three, "-FLAGS", [:Flagged])
  same "flags", flags.(three), ["$Important"]

  # 6. copy and move
  imap.uid_copy(three, "Work")
  if imap.capability.include?("MOVE")
    imap.uid_move(four, "Work")
  else
    imap.uid_copy(four, "Work")
    imap.uid_store(four, "+FLAGS", [:Deleted])
    imap.expunge
  end
  same "left in INBOX", all.(), [one, two, three, five]
  same "messages in Work", open.("Work"), 2

  # 7. append
  text = "Subject: kept\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nGrüße aus Köln\r\n"
  moment = Time.utc(2020, 1, 1, 12)
  imap.append("Work/2026", text, [:Seen], moment)
  same "messages in Work/2026", open.("Work/2026"), 1
  kept = imap.fetch(1, %w[FLAGS INTERNALDATE BODY.PEEK[]])[0].attr
  same "appended text", kept["BODY[]"].b, text.b
  same "internal date", Time.parse(kept["INTERNALDATE"]), moment
  same "flags", kept["FLAGS"].include?(:Seen), true

  # 8. status
  same "messages in INBOX", open.("INBOX"), 4
  status = imap.status("Work", %w[MESSAGES UIDNEXT])
  same "status messages", status["MESSAGES"], 2
  same "status uidnext", status["UIDNEXT"] > 2, true

  # 9. idle
  imap.idle do |response|
    if response.is_a?(Net::IMAP::ContinuationRequest)
      $stdout.puts "idling"
      $stdout.flush
    elsif response.is_a?(Net::IMAP::UntaggedResponse) && response.name == "EXISTS"
      imap.idle_done if response.data == 5
    end
  end
  same "new subject", imap.fetch(5, "ENVELOPE")[0].attr["ENVELOPE"].subject, "while idle"

  # 10. clearing up
  imap.uid_store(one, "+FLAGS", [:Deleted])
  same "expunge", imap.expunge, [1]
  same "left in INBOX", all.().size, 4
  imap.rename("Work/2026", "Work/2027")
  same "list", list.(), %w[INBOX Work Work/2027]
  imap.delete("Work/2027")
  imap.unsubscribe("Work")
  same "lsub", lsub.(), []

  # 11. log out
  same "logout", imap.logout.name, "OK"
  imap.disconnect
end

Timeout.timeout(60) { day }
