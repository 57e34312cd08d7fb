#!/usr/bin/env perl
# A usual day's work over IMAP with Perl's Mail::IMAPClient: one account, from login to logout.
# Reads MAIL_HOST, MAIL_PORT, MAIL_ROAD, MAIL_CA, MAIL_USER, MAIL_PASSWORD; exits 0 iff all was as expected.
use strict;
use warnings;
use IO::Socket::SSL;
use Mail::IMAPClient;
use Time::Piece;

$| = 1;
$SIG{ALRM} = sub { fail("not done in 60 s") };
alarm 60;
my ($road, $host) = @ENV{qw(MAIL_ROAD MAIL_HOST)};

sub fail { print STDERR "@_\n"; exit 1 }

END { $? = 1 if $? }    # also where the library dies

sub same {    # what, got, expected: both a value or a list reference
    my ($what, @two) = @_;
    my ($got, $want) = map { ref $_ ? "[" . join("; ", @$_) . "]" : $_ // "nothing" } @two;
    fail("$what: got $got, expected $want") if $got ne $want;
}

sub client {
    my ($password) = @_;
    my @tls = (
        SSL_ca_file         => $ENV{MAIL_CA},
        SSL_verify_mode     => SSL_VERIFY_PEER,
        SSL_verifycn_scheme => "imap",
        SSL_verifycn_name   => $host,
        SSL_hostname        => $host,
    );
    return Mail::IMAPClient->new(
        Server   => $host,
        Port     => $ENV{MAIL_PORT},
        User     => $ENV{MAIL_USER},
        Password => $password,
        Timeout  => 50,
        Peek     => 1,
        $road eq "implicit" ? (Ssl      => \@tls) : (),
        $road eq "starttls" ? (Starttls => \@tls) : (),
    );
}

# 1. connect and log in
if (($ENV{MAIL_CLOSED} // "") eq "1") {
    my $closed = client("$ENV{MAIL_PASSWORD}-wrong");
    fail("a wrong password was accepted") if $closed;
    fail("refusal: $@") if $@ !~ /\bNO\b/;
}
my $imap = client($ENV{MAIL_PASSWORD}) or fail("login: $@");
same("encrypted", $imap->Socket->isa("IO::Socket::SSL") ? 1 : 0, $road eq "plain" ? 0 : 1);

sub ok { my ($what, $done) = @_; $done or fail("$what: " . $imap->LastError); return $done }
sub flags { [sort grep { $_ ne "\\Recent" } $imap->flags(shift)] }

sub status {
    my ($mailbox, $item) = @_;
    my ($number) = join("", @{ ok(status => scalar $imap->status($mailbox, $item)) }) =~ /\* STATUS .*\($item (\d+)\)/;
    return $number;
}

# 2. mailboxes
same("list", [$imap->folders], ["INBOX"]);
ok(create => $imap->create("Work"));
ok(create => $imap->create("Work/2026"));
same("list", [sort $imap->folders], ["INBOX", "Work", "Work/2026"]);
ok(subscribe => $imap->subscribe("Work"));
same("lsub", [$imap->subscribed], ["Work"]);

# 3. reading
ok(select => $imap->select("INBOX"));
same("messages", $imap->message_count, 5);
my @uids = $imap->messages;
my ($one, $two, $three, $four, $five) = @uids;
my %seen;
same("uids", \@uids, [sort { $a <=> $b } grep { !$seen{$_}++ } @uids]);
my $rows = ok(fetch => scalar $imap->fetch_hash("FLAGS", "INTERNALDATE", "RFC822.SIZE", "ENVELOPE"));
same("fetched uids", [sort { $a <=> $b } keys %$rows], \@uids);
same("subjects", [map { ok(envelope => $imap->get_envelope($_))->subject } @uids], [map { "generated $_" } 1 .. 5]);
for my $n (1 .. 5) {
    my $uid = $uids[$n - 1];
    my $structure = ok(bodystructure => $imap->get_bodystructure($uid));
    same("type", lc $structure->bodytype . "/" . lc $structure->bodysubtype, "text/plain");
    fail("envelope: $rows->{$uid}{ENVELOPE}") if $rows->{$uid}{ENVELOPE} !~ /"generated $n"/;
    fail("internal date: $rows->{$uid}{INTERNALDATE}") if $rows->{$uid}{INTERNALDATE} !~ /^[ \d]\d-\w{3}-20\d\d /;
    fail("flags: $rows->{$uid}{FLAGS}") if $rows->{$uid}{FLAGS} !~ /^(\\Recent)?$/;
}
same("size", length ok(fetch => $imap->message_string($one)), $rows->{$one}{"RFC822.SIZE"});
same("flags after a peek", flags($one), []);
$imap->Peek(0);
ok(fetch => $imap->message_string($two));
$imap->Peek(1);
same("flags after reading", flags($two), ["\\Seen"]);

# 4. search
same("unseen", [$imap->unseen], [$one, $three, $four, $five]);
same("subject", [$imap->search(SUBJECT => "generated 3")], [$three]);
same("non-ascii", ok(search => scalar $imap->search(CHARSET => "UTF-8", BODY => "Grüße")), []);
same("since", [$imap->since("01-Jan-2001")], \@uids);

# 5. flags
ok(store => $imap->set_flag("Flagged", $three));
ok(store => $imap->set_flag('$Important', $three));
same("flags", flags($three), ['$Important', "\\Flagged"]);
ok(store => $imap->unset_flag("Flagged", $three));
same("flags", flags($three), ['$Important']);

# 6. copy and move (the library's move is a copy and \Deleted)
ok(copy => $imap->copy("Work", $three));
ok(move => $imap->move("Work", $four));
ok(expunge => scalar $imap->expunge);
same("left in INBOX", [$imap->messages], [$one, $two, $three, $five]);
same("messages in Work", status("Work", "MESSAGES"), 2);

# 7. append
my $text = "Subject: kept\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nGrüße aus Köln\r\n";
my $moment = 1577880000;    # 2020-01-01 12:00:00 UTC
ok(append => $imap->append_string("Work/2026", $text, "\\Seen", Mail::IMAPClient->Rfc3501_datetime($moment)));
ok(select => $imap->select("Work/2026"));
my ($kept, @more) = $imap->messages;
same("messages in Work/2026", scalar @more, 0);
same("appended text", $imap->message_string($kept), $text);
my $date = ok(date => scalar $imap->internaldate($kept)) =~ s/^ //r;
same("internal date", Time::Piece->strptime($date, "%d-%b-%Y %H:%M:%S %z")->epoch, $moment);
same("flags", flags($kept), ["\\Seen"]);

# 8. status
ok(select => $imap->select("INBOX"));
same("messages in INBOX", $imap->message_count, 4);
same("status messages", status("Work", "MESSAGES"), 2);
fail("status uidnext") if status("Work", "UIDNEXT") <= 2;

# 9. idle
my $tag = ok(idle => $imap->idle);
print "idling\n";
my $arrived;
until ($arrived) {
    my $data = ok("idle data" => scalar $imap->idle_data(50));
    $arrived = grep { /^\* 5 EXISTS/ } @$data;
}
ok(done => $imap->done($tag));
same("new subject", $imap->subject(($imap->messages)[-1]), "while idle");

# 10. clearing up
ok(delete => $imap->delete_message($one));
same("expunged", scalar(grep { /^\* 1 EXPUNGE/ } @{ ok(expunge => scalar $imap->expunge) }), 1);
same("left in INBOX", scalar(@{ [$imap->messages] }), 4);
ok(rename => $imap->rename("Work/2026", "Work/2027"));
same("list", [sort $imap->folders], ["INBOX", "Work", "Work/2027"]);
ok(delete => $imap->delete("Work/2027"));
ok(unsubscribe => $imap->unsubscribe("Work"));
same("lsub", [$imap->subscribed], []);

# 11. log out
ok(logout => $imap->logout);
