# Prints what Sisimai reads in the reports of a POP3 maildrop.
use strict;
use warnings;
use Net::POP3;
use Sisimai;

my $client = Net::POP3->new("127.0.0.1", Port => $ENV{MAIL_PORT}, Timeout => 30) or die "no server";
defined $client->login("app\@example.org", "secret") or die $client->message;
for my $number (sort { $a <=> $b } keys %{ $client->list }) {
    my $report = join "", @{ $client->get($number) };
    my $found = Sisimai->make(\$report, delivered => 1) or die "not read: $report";
    for my $its (@$found) {
        $its->addresser->address eq "app\@example.org" && $its->messageid eq "1\@app.example" or die $its->dump;
        my @told = ($its->recipient->address, $its->alias, $its->action, $its->deliverystatus, $its->feedbacktype);
        print join(" ", grep { $_ } @told, $its->reason), "\n";
    }
}
$client->quit;
