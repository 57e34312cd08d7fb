#!/bin/sh
# `mailjig run` sets MAILJIG_URL.
set -eu

# The code under test: sends a link, and tries again if the server refuses for now.
sign_up() {
  for attempt in 1 2 3; do
    printf '%s\r\n' 'Subject: Welcome' '' 'Confirm at https://app.example.org/confirm?code=1234' |
      curl --silent "$1" --mail-from app@example.org --mail-rcpt "$2" --upload-file - && return
    echo "$1: attempt $attempt failed"
  done
  return 1
}

call() {
  curl --silent --show-error --fail-with-body --header 'Content-Type: application/json' --request "$@"
}

# Starts a server of its own for a test, with these options.
start() {
  server=$(call POST "$MAILJIG_URL/v1/servers" --data "$1")
  url=$MAILJIG_URL/v1/servers/$(field '"id":"\([0-9]*\)"')
  smtp=$(field '"smtp":{[^}]*"url":"\([^"]*\)"')
}

field() {
  printf '%s\n' "$server" | sed "s/.*$1.*/\1/"
}

# Verifies and removes the server; if something is not as expected, prints the report and ends the script.
finish() {
  report=$(call DELETE "$url") || { printf '%s\n' "$report" && exit 1; }
}

echo 'the mail has a link'
start '{}'
sign_up "$smtp" bob@example.org
call GET "$url/messages?to=bob@example.org&subject=Welcome&wait=5s" >/dev/null
test "$(call GET "$url/messages/m1/links")" = '["https://app.example.org/confirm?code=1234"]'
finish

echo 'a busy server is asked again'
start '{"scenario": "smtp-greylist"}'
sign_up "$smtp" bob@example.org
finish
