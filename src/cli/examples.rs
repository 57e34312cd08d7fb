//! The examples in the help of the commands.

pub(super) const MAILJIG: &str = "\
Start here:
  mailjig run -- pytest                       a server for one command, with its addresses in the environment
  mailjig serve                               a server until Ctrl-C; SMTP on port 1025, page and API on port 8025
  mailjig wait --to bob@example.org           waits for a message of a running server
  mailjig scenarios                           what can go wrong on purpose

`mailjig COMMAND --help` explains each command.";

pub(super) const SERVE: &str = "\
Examples:
  mailjig serve
  mailjig serve --ports auto --ready-file ready.json     free ports, written to a file once all are bound
  mailjig serve --scenario smtp-greylist                 refuses each recipient at first
  mailjig serve --account bob@example.org:secret         only this login, only this address
  mailjig serve --bind 0.0.0.0 --allow-host mail         in a container that others reach as `mail`
  mailjig serve --config mailjig.toml

Each option is also a variable, `MAILJIG_` and its name in capitals, and a key of the file of `--config`: the name without
`--`. A flag comes before a variable, a variable before the file, the file before the default.";

pub(super) const RUN: &str = "\
Examples:
  mailjig run -- pytest tests/mail
  mailjig run --scenario smtp-greylist -- npm test
  mailjig run --env 'MAILER_DSN=smtp://{smtp.host}:{smtp.port}' -- php artisan test
  mailjig run --verbose -- sh -c 'curl -s \"$MAILJIG_URL/v1/messages\"'

Variables of the command:
  SMTP_HOST, SMTP_PORT, SMTP_URL, and the same with IMAP_ and POP3_
  MAILJIG_SMTP_HOST, MAILJIG_SMTP_PORT, MAILJIG_SMTP_URL, and the same for each other listener: SUBMISSION, SMTPS, LMTP, IMAP,
  IMAPS, POP3, POP3S, HTTP
  MAILJIG_URL        the HTTP API
  MAILJIG_CA_FILE    the CA certificate that TLS clients must trust
The placeholders of --env have the same values: {smtp.host}, {smtp.port}, {smtp.url} and so on, {url}, {ca_file}.

Exit status:
  that of the command, or 128 and the number of the signal that ended it
  1    the command succeeded and verification failed; stderr says why
  2    an option is wrong
  125  the server cannot start, or a template of --env is wrong
  126  the command cannot be executed
  127  the command does not exist";

pub(super) const AUDIT_TLS: &str = "\
Examples:
  mailjig audit-tls -- pytest tests/test_send_over_tls.py
  mailjig audit-tls --env 'MAILER_DSN=smtps://bob:secret@{smtps.host}:{smtps.port}' -- php send.php
  mailjig audit-tls --profile expired --profile wrong-host -- ./send
  mailjig audit-tls --list                               the profiles

The command runs once with a valid certificate, where it must succeed and use TLS, then once for each
profile, each time with a server of its own on free ports. It gets the variables of `mailjig run`. It
must connect where they say, and trust MAILJIG_CA_FILE.

Verdicts, from what the server saw:
  refused       over bad TLS nothing came but a goodbye, and in cleartext nothing that matters
  accepted      a session went on; what it leaked is listed
  hung          the command had not ended at the time limit
  crashed       the command died of a signal
  not reached   the command did not come as far as a handshake
  skipped       the command uses no such TLS
Certificates that a client may accept are tried too, and never fail the audit.

Exit status:
  0    all was refused
  1    something was accepted, hung or crashed
  2    an option is wrong
  3    the audit proves nothing: the control run failed or used no TLS, or a run was `not reached`
  125  a server cannot start, or a template of --env is wrong
  126  the command cannot be executed
  127  the command does not exist
  128 and the number of the signal that ended the audit";

pub(super) const CHECK: &str = "\
Examples:
  mailjig check mine.toml
  mailjig check --set n=3 tests/scenarios/*.toml";

pub(super) const SCENARIOS: &str = "\
Examples:
  mailjig scenarios                                      all, each with what it teaches
  mailjig scenarios smtp-greylist > mine.toml            one to change";

pub(super) const RECORD: &str = "\
Examples:
  mailjig record --upstream mail.example.org:993 --protocol imap --tls implicit -o login.session
  mailjig record --upstream 127.0.0.1:25 --protocol smtp --listen 2525 --sessions 1 -o send.session

Point the client at the address that is printed. A recorded session can be played to a client by
`mailjig serve --scenario FILE`, and to a server by `mailjig replay --client FILE HOST:PORT`.";

pub(super) const REPLAY: &str = "\
Examples:
  mailjig replay --client login.session 127.0.0.1:1143
  mailjig replay --client login.session --set password=secret --compare status mail.example.org:143

Exit status:
  0  the server answered as in the script
  1  the server sent something else; stderr says where and what
  2  the script cannot be played, or no server answers";

pub(super) const SCHEMA: &str = "\
Examples:
  mailjig schema > mailjig.schema.json                   and `#:schema mailjig.schema.json` at the top of a scenario";

pub(super) const WAIT: &str = "\
Examples:
  mailjig wait --to bob@example.org
  mailjig wait --subject 'Welcome*' --count 2 --timeout 20s
  mailjig wait --to bob@example.org --none-within 2s     succeeds if no message comes
  mailjig wait --to bob@example.org --json | jq -r .id";

pub(super) const MESSAGES: &str = "\
Examples:
  mailjig messages
  mailjig messages --to '*@example.org' --header 'X-Campaign: 7'
  mailjig messages --json | jq -r .subject";

pub(super) const SHOW: &str = "\
Examples:
  mailjig show latest
  mailjig show m1 --links
  mailjig show m1 --part 2 --output notes.pdf            saves an attachment; `--parts` lists the numbers";

pub(super) const DKIM: &str = "\
Examples:
  mailjig dkim latest --key 'v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo='
  mailjig dkim m1 --key 'may._domainkey.example.org=v=DKIM1; p=MIGf…'
  mailjig dkim ./signed.eml --key \"$(cat may.txt)\"        a file";

pub(super) const LINT: &str = "\
Examples:
  mailjig lint latest
  mailjig lint --strict mails/*.eml                      files; also fails on warnings
  my-program --print-mail | mailjig lint -";

pub(super) const FINDINGS: &str = "\
Examples:
  mailjig findings
  mailjig findings --kind 'missing-*' --none             fails if there is one";

pub(super) const TRANSCRIPT: &str = "\
Examples:
  mailjig transcript latest
  mailjig transcript s1 --verbatim";

pub(super) const FOLLOW: &str = "\
Examples:
  mailjig follow
  mailjig follow --new --event smtp.rcpt
  mailjig follow --kind noted --json";

pub(super) const READY: &str = "\
Examples:
  mailjig ready --wait 10s && npm test
  HEALTHCHECK CMD [\"mailjig\", \"ready\"]                  in a Dockerfile";

pub(super) const CA: &str = "\
Examples:
  mailjig ca --output ca.pem
  curl --ssl-reqd --cacert <(mailjig ca) imap://localhost:1143
  mailjig ca --client bob@example.org --output bob.pem   for curl --cert bob.pem";

pub(super) const CERTS: &str = "\
Examples:
  mailjig certs
  mailjig certs expired wrong-host --output certs
  openssl verify -CAfile certs/ca.pem -untrusted certs/expired.pem certs/expired.pem";

pub(super) const SEND: &str = "\
Examples:
  mailjig send bob@example.org < message.eml
  mailjig send --from ann@example.org --to bob@example.org --subject Minutes --body 'We met.' --attach notes.pdf
  sendmail_path = mailjig send -t -i                     in php.ini
  git send-email --sendmail-cmd 'mailjig send' 0001-a.patch";
