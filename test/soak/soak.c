/* `make soak MINUTES=60`: sessions (plain, with TLS, compressed), replicas, binlog clients, operators and
 * browsers come and go, in good order and not, while others write; ackgate's memory and descriptors must
 * stay flat.
 *
 * Every tenth of the time all guests leave, and what ackgate has then is noted: its resident memory, its
 * descriptors, its threads. After the third round memory may grow by no more than a tenth and 4 MiB, the
 * others not at all. Each kind of guest must have been served in each round: nothing leaks where nobody gets
 * in. PAUSE_MS is how long each guest and writer rests between two visits or commits. */
#include <check.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test/lib/certificate.h"
#include "test/lib/load.h"
#include "test/lib/place.h"
#include "test/lib/runner.h"
#include "test/lib/sql.h"
#include "test/lib/topology.h"
#include "test/lib/wait.h"
#include "test/soak/guests.h"

enum {
    ROUNDS = 10,
    SETTLED = 2,
    WRITERS = 2,
    ALLOWED_KIB = 4096,
    ALLOWED_FILES = 4,
    GONE_SECONDS = 60,
    DEFAULT_PAUSE_MS = 5,
};

struct sample {
    long rss_kib;
    long descriptors;
    long threads;
};

struct soak {
    struct topology *t;
    struct guests guests;
    unsigned long commits;
};

static long of_status(pid_t pid, const char *name)
{
    char *text = place_read_file(place_format("/proc/%d/status", (int)pid), NULL);
    const char *line = text ? strstr(text, name) : NULL;
    long value = line ? strtol(line + strlen(name), NULL, 10) : -1;

    free(text);
    return value;
}

static long count_descriptors(pid_t pid)
{
    DIR *folder = opendir(place_format("/proc/%d/fd", (int)pid));
    long count = 0;

    ck_assert(folder != NULL);
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;)
        count += entry->d_name[0] != '.';
    (void)closedir(folder);
    return count;
}

static struct sample take_sample(const struct gate *gate)
{
    return (struct sample){of_status(gate->pid, "VmRSS:"), count_descriptors(gate->pid),
                           of_status(gate->pid, "Threads:")};
}

/* A replica goes, in good order or not, and comes back. */
static void move_replica(struct soak *soak, unsigned turn)
{
    struct server *replica = soak->t->replica[turn % 2];

    if (turn % 8 < 7) {
        replica_stop_receiver(replica);
        replica_start_receiver(replica);
    } else {
        server_stop(replica);
        server_start(replica);
    }
    replica_wait_streaming(replica);
}

static bool guests_are_gone(void *arg)
{
    const char *sessions = gate_status((struct gate *)arg, "Ackgate_sessions");

    return sessions && strcmp(sessions, "0") == 0;
}

static struct sample run_round(struct soak *soak, double seconds)
{
    uint64_t end = now_ms() + (uint64_t)(seconds * 1000);
    struct load *load = load_start(soak->t->gate, WRITERS);

    load_rest(load, soak->guests.pause_ms);
    sql_exec(server_admin(soak->t->source), "FLUSH BINARY LOGS");
    guests_come(&soak->guests);
    for (unsigned turn = 0; now_ms() < end; turn++) {
        sleep_ms(500);
        guests_turn(&soak->guests, turn);
        move_replica(soak, turn);
    }
    guests_leave(&soak->guests);
    load_stop(load);
    soak->commits += load_oks(load);
    topology_wait_open(soak->t);
    wait_until(guests_are_gone, soak->t->gate, GONE_SECONDS, "the guests to leave");
    return take_sample(soak->t->gate);
}

struct few {
    const struct gate *gate;
    long descriptors;
};

static bool are_few(void *arg)
{
    struct few *few = arg;

    return count_descriptors(few->gate->pid) <= few->descriptors;
}

/* The last good-byes to the source for clients that left early may still be under way, and the store keeps a
 * few of its files open for reading. */
static void assert_flat(const struct gate *gate, const struct sample *settled, const struct sample *now)
{
    struct few few = {gate, settled->descriptors + ALLOWED_FILES};

    wait_until(are_few, &few, GONE_SECONDS, "as few descriptors as in the third round");
    ck_assert_msg(now->rss_kib <= settled->rss_kib + settled->rss_kib / 10 + ALLOWED_KIB,
                  "memory grew: %ld KiB, then %ld", settled->rss_kib, now->rss_kib);
    ck_assert_msg(now->threads <= settled->threads, "threads: %ld, then %ld", settled->threads, now->threads);
}

static void assert_served(struct guests *guests)
{
    for (int kind = 0; kind < GUEST_KINDS; kind++)
        ck_assert_msg(atomic_load(&guests->served[kind]) > 0, "no guest of the kind %s was served",
                      guest_kind_name((enum guest_kind)kind));
}

static double number_of(const char *variable, double otherwise)
{
    const char *text = getenv(variable);

    return text && *text ? strtod(text, NULL) : otherwise;
}

static double minutes(void)
{
    return number_of("MINUTES", 60);
}

static void start(struct soak *soak, enum family family)
{
    char dir[108];

    place_make_dir("certificates", dir, sizeof dir);
    certificate_make_usual(dir);
    soak->guests.pause_ms = (unsigned)number_of("PAUSE_MS", DEFAULT_PAUSE_MS);
    soak->guests.ca = place_format("%s/ca.pem", dir);
    soak->t = topology_start_with(&(struct topology_options){.family = family,
                                                             .rule = "ANY 1 (r1, r2)",
                                                             .replicas = 2,
                                                             .certificates = dir,
                                                             .app_tls = "preferred"});
    soak->guests.t = soak->t;
}

static void print_round(const struct soak *soak, int round, const struct sample *sample)
{
    (void)printf("%s round %d: %lu visits, %lu commits, %ld KiB, %ld descriptors, %ld threads; served",
                 family_name(soak->t->family), round, atomic_load(&soak->guests.visits), soak->commits,
                 sample->rss_kib, sample->descriptors, sample->threads);
    for (int kind = 0; kind < GUEST_KINDS; kind++)
        (void)printf(" %s %lu", guest_kind_name((enum guest_kind)kind),
                     atomic_load(&soak->guests.served[kind]));
    (void)printf("\n");
    (void)fflush(stdout);
}

START_TEST(flat)
{
    struct soak soak = {0};
    struct sample sample[ROUNDS];

    start(&soak, TEST_FAMILY);
    struct sql *app = gate_app(soak.t->gate);
    sql_exec(app, "CREATE DATABASE soak; CREATE TABLE soak.t (id INT PRIMARY KEY, at TIMESTAMP)");
    sql_close(app);
    for (int i = 0; i < ROUNDS; i++) {
        sample[i] = run_round(&soak, minutes() * 60 / ROUNDS);
        print_round(&soak, i + 1, &sample[i]);
        assert_served(&soak.guests);
        if (i > SETTLED)
            assert_flat(soak.t->gate, &sample[SETTLED], &sample[i]);
    }
    topology_assert_same_data(soak.t);
    gate_stop(soak.t->gate);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("soak");

    e2e_add_within(suite, "soak", flat, minutes() * 60 * 2 + 600);
    return e2e_main(suite);
}
