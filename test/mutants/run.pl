#!/usr/bin/perl
# Applies the deliberate bugs of mutants.txt one at a time, to a copy of the source file that each is in, and runs the
# tests against it: the simulator (scenarios, then seeds), then the unit tests that the mutant names. Prints the table:
# mutant, what it breaks, what caught it. Exits 1 when one was caught by nothing, or when a mutant's text is no longer in
# its file. Called by `make mutants`, which hands over how to compile and link.
use strict;
use warnings;

my $build = $ENV{BUILD};
my $runs = $ENV{RUNS_EACH} || 6000;
my %wanted = map { $_ => 1 } @ARGV;
my ($caught, $missed) = (0, 0);

sub slurp {
    open(my $in, '<', $_[0]) or die "$_[0]: $!\n";
    local $/;
    return <$in>;
}

# "=== name", what it breaks, "tests: test_a test_b", "@ file", then once or more: "<<<", old text, ">>>", new text, "---"
sub parse {
    my @mutants;
    for my $block (split /^=== /m, slurp('test/mutants/mutants.txt')) {
        next unless $block =~ s/^([a-z_]+)\n//;
        my %mutant = (name => $1, tests => [], edits => []);
        $mutant{tests} = [split ' ', $1] if $block =~ s/^tests: (.*)\n//m;
        $block =~ s/^\@ (\S+)\n//m or die "$mutant{name}: no file\n";
        $mutant{file} = $1;
        push @{$mutant{edits}}, [$1, $2] while $block =~ s/^<<<\n(.*?)^>>>\n(.*?)^---\n//ms;
        ($mutant{breaks} = $block) =~ s/\s+/ /g;
        $mutant{breaks} =~ s/^ | $//g;
        push @mutants, \%mutant;
    }
    return @mutants;
}

sub mutate {
    my ($mutant) = @_;
    my $text = slurp($mutant->{file});
    for my $edit (@{$mutant->{edits}}) {
        my ($old, $new) = @$edit;
        my $count = () = $text =~ /\Q$old\E/g;
        die "$mutant->{name}: its text stands $count times in $mutant->{file}; it has to stand there once:\n$old"
            if $count != 1;
        $text =~ s/\Q$old\E/$new/;
    }
    return $text;
}

sub run { return system('/bin/sh', '-c', $_[0]) == 0 }

# Whether it ended, and badly: what only takes too long is not caught.
sub fails {
    my $code = system('/bin/sh', '-c', "timeout 300 $_[0]") >> 8;
    return $code != 0 && $code != 124;
}

sub compile {
    my ($mutant) = @_;
    my $dir = "$build/mutants/$mutant->{name}";
    my ($layer) = split m{/}, $mutant->{file};
    run("mkdir -p $dir") or die "$dir\n";
    open(my $out, '>', "$dir/mutant.c") or die "$dir: $!\n";
    print $out mutate($mutant);
    close $out;
    run("$ENV{COMPILE} -Wno-error -w -I$build/include/$layer -c $dir/mutant.c -o $dir/mutant.o")
        or die "$mutant->{name}: does not compile\n";
    return $dir;
}

sub try_sim {
    my ($dir) = @_;
    run("$ENV{COMPILE} -pthread $ENV{SIM_LINK} -o $dir/sim $dir/mutant.o $ENV{SIM_OBJECTS} $ENV{LIBRARIES}")
        or die "does not link\n";
    for my $what (glob('test/sim/scenarios/*.scenario'), "1 $runs") {
        next unless fails("$dir/sim $what >$dir/out 2>&1");
        my $out = slurp("$dir/out");
        my $why = $out =~ /Assertion `(.*)' failed/ ? "asserts $1" : $out =~ /\): (.*)/ ? $1 : 'ends badly';
        my $where = $what =~ m{([a-z_]+)\.scenario} ? "scenario $1" : $out =~ /seed (\d+)/ ? "sim seed $1" : 'sim';
        return sprintf('%s: %.90s', $where, $why);
    }
    return undef;
}

sub try_unit {
    my ($dir, $test) = @_;
    run("$ENV{COMPILE} -pthread -o $dir/$test $dir/mutant.o $build/obj/test/unit/$test.o $ENV{LIBRARIES}")
        or die "does not link\n";
    return undef unless fails("env TMPDIR=/dev/shm $dir/$test >$dir/out 2>&1");
    my ($why) = slurp("$dir/out") =~ /:[FE]:[^:]*:([a-z0-9_]+):/;
    return $test . (defined $why ? " ($why)" : '');
}

$| = 1;
for my $mutant (parse()) {
    next if %wanted && !$wanted{$mutant->{name}};
    my $dir = compile($mutant);
    my @by = grep { defined } try_sim($dir), map { try_unit($dir, $_) } @{$mutant->{tests}};
    @by ? $caught++ : $missed++;
    printf "%-26s %s\n%26s %s\n", $mutant->{name}, $mutant->{breaks}, '', @by ? 'caught by ' . join('; ', @by) : 'NOT CAUGHT';
    run("rm -rf $dir");
}
printf "%d caught, %d not\n", $caught, $missed;
exit($missed > 0);
