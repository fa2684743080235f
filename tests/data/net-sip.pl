# Is another SIP stack, Net::SIP of Perl, a phone towards us?
#
#   net-sip.pl call IP:PORT OWN_PORT SOUND HEARD NAME PASSWORD   registers, calls, speaks SOUND
#   net-sip.pl answer OWN_PORT HEARD                             answers one call and echoes it
#
# SOUND and HEARD are bare bytes of PCMU. What happens is told line by line.
use strict;
use warnings;
use Net::SIP;
$| = 1;

my $role = shift @ARGV or die "which role?\n";
if ($role eq 'call') { call(@ARGV) }
elsif ($role eq 'answer') { answer(@ARGV) }
else { die "no such role: $role\n" }

sub leg {
    my $port = shift;
    return Net::SIP::Leg->new(addr => '127.0.0.1', port => $port, proto => 'udp');
}

sub call {
    my ($server, $port, $sound, $heard, $name, $password) = @_;
    my $phone = Net::SIP::Simple->new(
        from => "sip:$name\@$server",
        contact => "sip:$name\@127.0.0.1:$port",
        outgoing_proxy => $server,
        registrar => $server,
        legs => [leg($port)],
        auth => [$name, $password],
    );
    $phone->register(expires => 60) or die 'not registered: ' . $phone->error . "\n";
    print "registered\n";
    my ($is_spoken, $is_over, $is_done, $is_gone);
    my $call = $phone->invite(
        "sip:100\@$server",
        init_media => $phone->rtp('send_recv', $sound, 1, $heard),
        cb_rtp_done => \$is_spoken,
        recv_bye => \$is_over,
    ) or die 'not called: ' . $phone->error . "\n";
    die 'refused: ' . $call->error . "\n" if $call->error;
    print "answered\n";
    $phone->loop(30, \$is_spoken, \$is_over);
    print $is_spoken ? "spoken\n" : "cut short\n";
    $call->bye(cb_final => \$is_done);
    $phone->loop(10, \$is_done);
    print $is_done ? "hung up\n" : "no answer to the BYE\n";
    $phone->register(expires => 0, cb_final => \$is_gone);
    $phone->loop(10, \$is_gone);
    print $is_gone ? "gone\n" : "no answer to the REGISTER\n";
}

sub answer {
    my ($port, $heard) = @_;
    my $phone = Net::SIP::Simple->new(from => "sip:perl\@127.0.0.1:$port", legs => [leg($port)]);
    my $is_over;
    $phone->listen(
        init_media => $phone->rtp('recv_echo', $heard, 0),
        recv_bye => \$is_over,
    );
    print "listening\n";
    $phone->loop(60, \$is_over);
    print $is_over ? "they hung up\n" : "nobody hung up\n";
}
