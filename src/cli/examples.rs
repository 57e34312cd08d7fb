//! The examples in the help of the commands that start a server.

pub(super) const MAILJIG: &str = "\
Start here:
  mailjig run -- pytest                       a server for one command, with its addresses in the environment
  mailjig serve                               a server until Ctrl-C; SMTP on port 1025, the API on port 8025
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

pub(super) const CHECK: &str = "\
Examples:
  mailjig check mine.toml
  mailjig check --set n=3 tests/scenarios/*.toml";

pub(super) const SCENARIOS: &str = "\
Examples:
  mailjig scenarios                                      all, each with what it teaches
  mailjig scenarios smtp-greylist > mine.toml            one to change";
