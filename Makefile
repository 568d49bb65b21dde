# Ackgate's build. `make help` lists what there is.
# Layers build as static libraries; each sees only the headers below it: build/include/<layer> holds the links.
CC       ?= gcc
BUILD    ?= build
SANITIZE ?=
VERSION  := 0.1.0
Q        := $(if $(V),,@)

WARNINGS := -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wvla -Werror
# With it calls go past the sanitizers' own of the same names, and past the simulator's.
FORTIFY  := $(if $(SANITIZE),,-D_FORTIFY_SOURCE=2)
CFLAGS   ?= -O2 -g -fstack-protector-strong $(FORTIFY)
LDFLAGS  ?= -Wl,-z,relro,-z,now
BASE     := -std=c11 -D_GNU_SOURCE -DACKGATE_VERSION='"$(VERSION)"' $(WARNINGS) -fno-omit-frame-pointer -fno-strict-aliasing -pthread $(SANITIZE)
MYSQL_CFLAGS  = $(shell mariadb_config --include 2>/dev/null)
MYSQL_LIBS    = $(shell mariadb_config --libs 2>/dev/null)

PROTOCOL := $(wildcard protocol/*.c)
RECOVERY := $(filter-out recovery/recover_main.c,$(wildcard recovery/*.c))
TOOL     := $(wildcard recovery/recover_main.c)
PROXY    := $(filter-out proxy/main.c,$(wildcard proxy/*.c))
# ONLY="test_gate corpus_journal": these of the test programs
ONLY     ?=
UNIT     := $(wildcard $(if $(ONLY),$(ONLY:%=test/unit/%.c),test/unit/test_*.c))
E2E      := $(wildcard $(if $(ONLY),$(ONLY:%=test/e2e/%.c),test/e2e/test_*.c))
TESTLIB  := $(wildcard test/lib/*.c)
TORTURE  := $(filter-out test/torture/main.c,$(wildcard test/torture/*.c))

objects   = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))
PROGRAMS := $(BUILD)/ackgate $(BUILD)/ackgate-recover
UNIT_PROGRAMS  = $(patsubst test/unit/%.c,$(BUILD)/unit/%,$(UNIT))
E2E_PROGRAMS   = $(patsubst test/e2e/%.c,$(BUILD)/e2e/%,$(E2E))

LIBS_PROTOCOL := -lcrypto -lz -lzstd
LIBS_PROXY    := -levent_core -levent_pthreads -linih -lsqlite3 -lssl $(MYSQL_LIBS) $(LIBS_PROTOCOL)
LIBS_CHECK    := -lcheck_pic -lsubunit -lrt -lm

# what one layer may include: only links to the folders at or below it
INCLUDE_protocol := -I$(BUILD)/include/protocol
INCLUDE_recovery := -I$(BUILD)/include/recovery
INCLUDE_proxy    := -I$(BUILD)/include/proxy
INCLUDE_test     := -I.

.PHONY: all help
all: $(PROGRAMS)

## make help       this list
help:
	@sed -n 's/^## //p' $(MAKEFILE_LIST)

## make            build build/ackgate and build/ackgate-recover (V=1 shows the commands)
$(BUILD)/include/.made:
	@mkdir -p $(BUILD)/include/protocol $(BUILD)/include/recovery $(BUILD)/include/proxy
	@for to in protocol recovery proxy; do ln -sfn $(CURDIR)/protocol $(BUILD)/include/$$to/protocol; done
	@for to in recovery proxy; do ln -sfn $(CURDIR)/recovery $(BUILD)/include/$$to/recovery; done
	@ln -sfn $(CURDIR)/proxy $(BUILD)/include/proxy/proxy
	@touch $@

$(BUILD)/obj/%.o: %.c $(BUILD)/include/.made
	@mkdir -p $(@D)
	$(if $(V),,@echo "  CC   $<")
	$(Q)$(CC) $(BASE) $(CFLAGS) $(INCLUDE_$(firstword $(subst /, ,$*))) $(if $(filter test/% proxy/% recovery/%,$<),$(MYSQL_CFLAGS)) -MMD -MP -c $< -o $@

$(BUILD)/obj/proxy/page.o: $(wildcard proxy/page/*)

$(BUILD)/libprotocol.a: $(call objects,$(PROTOCOL))
$(BUILD)/librecovery.a: $(call objects,$(RECOVERY))
$(BUILD)/libproxy.a: $(call objects,$(PROXY))
$(BUILD)/libtest.a: $(call objects,$(TESTLIB))
$(BUILD)/libtorture.a: $(call objects,$(TORTURE))
$(BUILD)/%.a:
	@rm -f $@
	@ar rcs $@ $^

$(BUILD)/ackgate: $(BUILD)/obj/proxy/main.o $(BUILD)/libproxy.a $(BUILD)/librecovery.a $(BUILD)/libprotocol.a
	$(if $(V),,@echo "  LD   $@")
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $(SANITIZE) -pthread -o $@ $^ $(LIBS_PROXY)

$(BUILD)/ackgate-recover: $(call objects,$(TOOL)) $(BUILD)/librecovery.a $(BUILD)/libprotocol.a
	$(if $(V),,@echo "  LD   $@")
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $(SANITIZE) -pthread -o $@ $^ $(MYSQL_LIBS) -linih $(LIBS_PROTOCOL)

# A unit test links its layer and what lies below; its first line says `layer: protocol`, `recovery` or `proxy`.
layer_of = $(lastword $(subst :, ,$(firstword $(shell sed -n '1s,^/\* layer: \([a-z]*\).*,layer:\1,p' $(1)))))
libs_protocol := $(BUILD)/libprotocol.a
libs_recovery := $(BUILD)/librecovery.a $(libs_protocol)
libs_proxy    := $(BUILD)/libproxy.a $(libs_recovery)
# what a unit test links besides, and how
XALLOC := xmalloc xcalloc xrealloc xstrdup xstrndup xasprintf
more_test_torture_checker := $(call objects,$(wildcard test/torture/checker*.c test/torture/history.c))
flags_test_allocation := $(XALLOC:%=-Wl,--wrap=%)
more_test_torture_schedule := $(call objects,test/torture/schedule.c)
define unit_rule
$(BUILD)/unit/$(1): $(BUILD)/obj/test/unit/$(1).o $(more_$(1)) $(libs_$(call layer_of,test/unit/$(1).c))
	@mkdir -p $$(@D)
	$$(if $$(V),,@echo "  LD   $$@")
	$$(Q)$$(CC) $$(CFLAGS) $$(SANITIZE) $$(flags_$(1)) -pthread -o $$@ $$^ $$(LIBS_CHECK) $$(LIBS_PROXY)
endef
$(foreach test,$(basename $(notdir $(UNIT))),$(eval $(call unit_rule,$(test))))

$(BUILD)/e2e/%: $(BUILD)/obj/test/e2e/%.o $(BUILD)/libtest.a $(BUILD)/libprotocol.a
	@mkdir -p $(@D)
	$(if $(V),,@echo "  LD   $@")
	$(Q)$(CC) $(CFLAGS) $(SANITIZE) -pthread -o $@ $^ $(LIBS_CHECK) $(MYSQL_LIBS) $(LIBS_PROTOCOL)

# Programs that are more than one file: the torture, and its test
$(BUILD)/torture: $(BUILD)/obj/test/torture/main.o
$(BUILD)/capture: $(BUILD)/obj/test/fuzz/capture.o
$(BUILD)/soak: $(call objects,$(wildcard test/soak/*.c))
$(BUILD)/e2e/test_torture: $(BUILD)/obj/test/e2e/test_torture.o
$(BUILD)/torture $(BUILD)/capture $(BUILD)/soak $(BUILD)/e2e/test_torture: $(BUILD)/libtorture.a $(BUILD)/libtest.a $(BUILD)/libprotocol.a
	@mkdir -p $(@D)
	$(if $(V),,@echo "  LD   $@")
	$(Q)$(CC) $(CFLAGS) $(SANITIZE) -pthread -o $@ $(filter %.o,$^) $(filter %.a,$^) $(LIBS_CHECK) $(MYSQL_LIBS) $(LIBS_PROTOCOL)

$(BUILD)/demo: $(BUILD)/obj/test/demo/demo.o $(BUILD)/libtest.a $(BUILD)/libprotocol.a
	$(if $(V),,@echo "  LD   $@")
	$(Q)$(CC) $(CFLAGS) $(SANITIZE) -pthread -o $@ $^ $(LIBS_CHECK) $(MYSQL_LIBS) $(LIBS_PROTOCOL)

# What is measured, a program each, and what they share
BENCH_PARTS    := commits app fanout catch_up recovery attach memory
BENCH_PROGRAMS := $(BENCH_PARTS) relay admin_polling admin_loop
$(BUILD)/libbench.a: $(call objects,$(filter-out $(BENCH_PROGRAMS:%=test/bench/%.c),$(wildcard test/bench/*.c)))
$(BUILD)/bench/%: $(BUILD)/obj/test/bench/%.o $(BUILD)/libbench.a $(BUILD)/libtest.a $(BUILD)/libprotocol.a
	@mkdir -p $(@D)
	$(if $(V),,@echo "  LD   $@")
	$(Q)$(CC) $(CFLAGS) $(SANITIZE) -pthread -o $@ $^ $(LIBS_CHECK) $(MYSQL_LIBS) $(LIBS_PROTOCOL)

## make bench      what ackgate costs against native semi-sync and other proxies, both families, ten minutes: PART=commits for one (SERVER=, THREADS=, ROUNDS=, SECONDS=, OUT=; test/bench/README.md)
## make bench-full the same in all sizes, forty minutes
.PHONY: bench bench-full bench-run
PART ?= $(BENCH_PARTS)
bench-full: export FULL = 1
bench bench-full: deps
	@BUILD=$(BUILD) test/deps.sh bench
	@$(MAKE) -j$$(nproc) --no-print-directory $(PROGRAMS) $(BUILD)/bench/relay $(PART:%=$(BUILD)/bench/%)
	@for part in $(PART); do for server in $(or $(SERVER),mysql mariadb); do \
	  SERVER=$$server $(BUILD)/bench/$$part || exit 1; done; done

## make bench-admin  what 50 admin clients that read every table cost in commits per second; how long a query keeps the loop (SERVER=)
.PHONY: bench-admin
bench-admin: deps
	@$(MAKE) -j$$(nproc) --no-print-directory $(PROGRAMS) $(BUILD)/bench/admin_polling $(BUILD)/bench/admin_loop
	@$(BUILD)/bench/admin_polling
	@$(BUILD)/bench/admin_loop

# The fuzz targets' corpora as unit tests
FUZZ_TARGETS := $(patsubst test/fuzz/fuzz_%.c,%,$(wildcard test/fuzz/fuzz_*.c))
CORPORA         = $(FUZZ_TARGETS:%=corpus_%)
CORPUS_PROGRAMS = $(patsubst %,$(BUILD)/unit/%,$(if $(ONLY),$(filter $(ONLY),$(CORPORA)),$(CORPORA)))
$(BUILD)/unit/corpus_%: $(BUILD)/obj/test/fuzz/fuzz_%.o $(BUILD)/obj/test/fuzz/replay.o $(libs_proxy)
	@mkdir -p $(@D)
	$(if $(V),,@echo "  LD   $@")
	$(Q)$(CC) $(CFLAGS) $(SANITIZE) -pthread -o $@ $^ $(LIBS_PROXY)

# The simulator: the daemon's own code, with these system calls and a few of its files replaced (test/sim/README.md).
SIM      := $(wildcard test/sim/*.c)
SIM_WRAP := open openat __openat_2 close pread pwrite read write fsync fdatasync ftruncate fstat stat fstatat flock mkdir rename renameat \
            unlink unlinkat posix_fadvise opendir fdopendir readdir closedir pthread_create pthread_join \
            source_check source_check_tail source_check_peers getrandom
$(BUILD)/sim: $(call objects,$(SIM)) $(BUILD)/libproxy.a $(BUILD)/librecovery.a $(BUILD)/libprotocol.a
	$(if $(V),,@echo "  LD   $@")
	$(Q)$(CC) $(CFLAGS) $(SANITIZE) -pthread $(SIM_WRAP:%=-Wl,--wrap=%) -o $@ $^ $(LIBS_PROXY)

# Unit tests sync files a lot; what they test is the order of it, not the disk.
IN_MEMORY = $(if $(wildcard /dev/shm/.),UNIT_TMPDIR=/dev/shm)
# The targets below install what is missing first, and then run make again, which finds it.
.PHONY: check check-run test test-run test-page test-page-run test-long asan fuzz fuzz-run demo demo-run lint format format-check clean

## make check      the fast tests: every unit test, and what can be checked of the documents
check: deps
	@$(MAKE) -j$$(nproc) --no-print-directory check-run
check-run: $(UNIT_PROGRAMS) $(CORPUS_PROGRAMS) $(PROGRAMS) $(BUILD)/sim $(BUILD)/man/ackgate.cnf.5
	@BUILD=$(BUILD) $(IN_MEMORY) JOBS=2 SIM_RUNS=100 test/run.sh test/docs/check.py $(BUILD)/sim $(UNIT_PROGRAMS) $(CORPUS_PROGRAMS)

## make test       all tests: unit, simulation, and end to end on real servers of both families (SERVER=mysql|mariadb for one,
##                 ONLY="test_gate test_core" for these programs; both for asan, tsan, valgrind and test-matrix too)
test: deps
	@$(MAKE) -j$$(nproc) --no-print-directory test-run
# What docs/operations.md says is done with the packages, and those are not made of programs with sanitizers.
NEWCOMER = $(if $(SANITIZE)$(ONLY),,test/newcomer/newcomer.py)
WHOLE    = $(if $(ONLY),,test/docs/check.py $(BUILD)/sim $(NEWCOMER))
test-run: $(PROGRAMS) $(UNIT_PROGRAMS) $(CORPUS_PROGRAMS) $(BUILD)/sim $(E2E_PROGRAMS) $(BUILD)/man/ackgate.cnf.5 $(if $(NEWCOMER),$(BUILD)/.packages)
	@BUILD=$(BUILD) $(IN_MEMORY) SIM_RUNS=1000 SIM_NEW=1000 SIM_FAULTS=1 test/run.sh $(UNIT_PROGRAMS) $(CORPUS_PROGRAMS) $(WHOLE) $(E2E_PROGRAMS)

## make test-newcomer  docs/operations.md followed word for word on fresh machines (SERVER=mysql|mariadb for one family)
.PHONY: test-newcomer
test-newcomer: deb
	@BUILD=$(BUILD) test/newcomer/newcomer.py

## make test-page  the status page in Chromium, metrics and alerts by promtool; installs both
test-page:
	@MORE_PACKAGES="chromium fonts-dejavu-core prometheus" $(MAKE) --no-print-directory deps
	@$(MAKE) -j$$(nproc) --no-print-directory test-page-run
test-page-run: $(PROGRAMS) $(BUILD)/e2e/test_page $(BUILD)/e2e/test_metrics
	@REQUIRE_BROWSER=1 test/run.sh $(BUILD)/e2e/test_metrics $(BUILD)/e2e/test_page

## make test-long  the same at full size: gigabytes and minutes
test-long: deps
	@LONG=1 $(MAKE) -j$$(nproc) --no-print-directory test-run

## make test-clients  what people use, through ackgate, with TLS on and off; a dump of SIZE=1024 MB (test/clients/README.md)
.PHONY: test-clients test-clients-run
CLIENTS_NEED := php-cli php-mysql golang-go golang-github-go-sql-driver-mysql-dev libmariadb-java default-jdk-headless \
                python3-sqlalchemy python3-cryptography
test-clients:
	@MORE_PACKAGES="$(CLIENTS_NEED) $$(command -v npm >/dev/null || echo npm)" $(MAKE) --no-print-directory deps
	@$(MAKE) -j$$(nproc) --no-print-directory test-clients-run
test-clients-run: $(PROGRAMS) $(BUILD)/clients/programs $(BUILD)/clients/app $(BUILD)/clients/App.class $(BUILD)/npm/node_modules/knex
	@SIZE=$(SIZE) BUILD=$(BUILD) test/run.sh $(BUILD)/clients/programs
$(BUILD)/clients/programs: $(BUILD)/obj/test/clients/programs.o $(BUILD)/libtest.a $(BUILD)/libprotocol.a
	@mkdir -p $(@D)
	$(if $(V),,@echo "  LD   $@")
	$(Q)$(CC) $(CFLAGS) $(SANITIZE) -pthread -o $@ $^ $(LIBS_CHECK) $(MYSQL_LIBS) $(LIBS_PROTOCOL)
$(BUILD)/clients/app: test/clients/app.go
	@mkdir -p $(@D)
	$(Q)GO111MODULE=off GOPATH=/usr/share/gocode go build -o $@ $<
$(BUILD)/clients/App.class: test/clients/App.java
	@mkdir -p $(@D)
	$(Q)javac -d $(@D) $<
$(BUILD)/npm/node_modules/knex: $(BUILD)/npm/node_modules/mysql2
	@npm install --silent --no-audit --no-fund --prefix $(BUILD)/npm knex

## make test-admin-npm  the admin port with mysql2 for Node, which npm brings (needs npm)
.PHONY: test-admin-npm
$(BUILD)/npm/node_modules/mysql2:
	@command -v npm >/dev/null || { echo "npm is missing: apt-get install npm"; exit 1; }
	@npm install --silent --no-audit --no-fund --prefix $(BUILD)/npm mysql2
test-admin-npm: deps $(BUILD)/npm/node_modules/mysql2
	@$(MAKE) -j$$(nproc) --no-print-directory $(PROGRAMS) $(BUILD)/e2e/test_admin_clients
	@CK_RUN_CASE=scripts NODE_MODULES=$(CURDIR)/$(BUILD)/npm/node_modules $(BUILD)/e2e/test_admin_clients

## make sim        the simulator: RUNS=1000 schedules from SEED=1 on (test/sim/README.md)
.PHONY: sim mutants
SEED ?= 1
RUNS ?= 1000
sim: deps
	@$(MAKE) -j$$(nproc) --no-print-directory $(BUILD)/sim
	@$(BUILD)/sim $(SEED) $(RUNS)

## make mutants    deliberate bugs, one at a time: what each breaks, and what catches it (MUTANT=name for one)
mutants: export COMPILE = $(CC) $(BASE) $(CFLAGS)
mutants: export SIM_LINK = $(SIM_WRAP:%=-Wl,--wrap=%)
mutants: export SIM_OBJECTS = $(call objects,$(SIM))
mutants: export LIBRARIES = $(libs_proxy) $(LIBS_CHECK) $(LIBS_PROXY)
mutants: deps
	@$(MAKE) -j$$(nproc) --no-print-directory $(BUILD)/sim $(UNIT_PROGRAMS)
	@BUILD=$(BUILD) perl test/mutants/run.pl $(MUTANT)

# All end to end but what has to do with ackgate alone: its page, metrics, log and journal, crowds and hostile bytes at its ports, admin clients.
MATRIX_NOT := admin_polling crowd hostile journal logs metrics page
MATRIX      = $(filter-out $(MATRIX_NOT:%=$(BUILD)/e2e/test_%),$(E2E_PROGRAMS))
RELEASES   ?= 10.5 10.11 11.8 10.5:11.8 10.11:11.8 mysql
## make test-matrix  end to end with MariaDB 10.5, 10.11 and 11.8, with replicas newer than the source, and MySQL 9.7 (RELEASES=10.5:11.8 for one)
.PHONY: test-matrix
test-matrix: deps
	@BUILD=$(BUILD) test/deps.sh matrix
	@$(MAKE) -j$$(nproc) --no-print-directory $(PROGRAMS) $(MATRIX)
	@for release in $(RELEASES); do \
	  server=mariadb source=$${release%%:*} replica=$${release#*:}; echo "source $$source, replicas $$replica"; \
	  if [ $$source = mysql ]; then server=mysql source= replica=; fi; \
	  [ "$$replica" != "$$source" ] || replica=; [ "$$source" != 10.11 ] || source=; \
	  SERVER=$$server MARIADB=$$source MARIADB_REPLICA=$$replica test/run.sh $(MATRIX) || failed=1; done; [ -z "$$failed" ]

## make asan       the unit tests and the end-to-end tests with AddressSanitizer and UndefinedBehaviorSanitizer
asan: deps
	@WAIT_FACTOR=4 ACKGATE_BUILD=$(CURDIR)/$(BUILD) ACKGATE=$(CURDIR)/$(BUILD)/asan/ackgate \
	  ACKGATE_RECOVER=$(CURDIR)/$(BUILD)/asan/ackgate-recover $(MAKE) -j$$(nproc) --no-print-directory BUILD=$(BUILD)/asan \
	  SANITIZE='-fsanitize=address,undefined -fno-sanitize-recover=undefined' test-run

## make tsan       the unit tests with ThreadSanitizer, and the end-to-end tests against an ackgate with it: a race ends it
.PHONY: tsan valgrind soak soak-run
tsan: deps
	@$(MAKE) -j$$(nproc) --no-print-directory $(BUILD)/ackgate-recover $(E2E_PROGRAMS)
	@$(MAKE) -j$$(nproc) --no-print-directory BUILD=$(BUILD)/tsan SANITIZE=-fsanitize=thread $(BUILD)/tsan/ackgate \
	  $(UNIT_PROGRAMS:$(BUILD)/%=$(BUILD)/tsan/%)
	@TSAN_OPTIONS=halt_on_error=1 WAIT_FACTOR=4 CK_DEFAULT_TIMEOUT=60 ACKGATE=$(CURDIR)/$(BUILD)/tsan/ackgate $(IN_MEMORY) \
	  test/run.sh $(UNIT_PROGRAMS:$(BUILD)/%=$(BUILD)/tsan/%) $(E2E_PROGRAMS)

## make valgrind   the unit tests under Valgrind (not those of limits of time)
VALGRIND_PROGRAMS = $(filter-out %/test_admin_sql,$(UNIT_PROGRAMS)) $(CORPUS_PROGRAMS)
valgrind: deps
	@command -v valgrind >/dev/null || { echo "make valgrind needs valgrind: apt-get install valgrind"; exit 1; }
	@$(MAKE) -j$$(nproc) --no-print-directory $(VALGRIND_PROGRAMS)
	@CK_DEFAULT_TIMEOUT=300 CK_TIMEOUT_MULTIPLIER=20 UNIT_UNDER='valgrind -q --error-exitcode=9' \
	  $(IN_MEMORY) JOBS=2 test/run.sh $(VALGRIND_PROGRAMS)

## make soak       MINUTES=60 per family of sessions, replicas and operators that come and go: memory and descriptors
##                 stay flat (SERVER=; PAUSE_MS=5 between visits)
soak: deps
	@MINUTES=$(MINUTES) PAUSE_MS=$(PAUSE_MS) $(MAKE) -j$$(nproc) --no-print-directory soak-run
soak: MINUTES = 60
soak-run: $(PROGRAMS) $(BUILD)/soak
	@$(BUILD)/soak

## make fuzz       the decoders under libFuzzer, SECONDS=60 each (FUZZ=journal for one); needs clang
fuzz: deps
	@command -v clang >/dev/null || { echo "make fuzz needs clang: apt-get install clang"; exit 1; }
	@$(MAKE) --no-print-directory CC=clang BUILD=$(BUILD)/fuzz CFLAGS='-O1 -g' WARNINGS='-Wall -Wextra -Werror' \
	  SANITIZE='-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined' fuzz-run
FUZZ ?= $(FUZZ_TARGETS)
SECONDS ?= 60
fuzz-run: $(FUZZ:%=$(BUILD)/fuzz_%)
	@SECONDS_EACH=$(SECONDS) test/fuzz/run.sh $^
$(BUILD)/fuzz_%: $(BUILD)/obj/test/fuzz/fuzz_%.o $(libs_proxy)
	$(if $(V),,@echo "  LD   $@")
	$(Q)$(CC) $(CFLAGS) -fsanitize=fuzzer,address,undefined -pthread -o $@ $^ $(LIBS_PROXY)

.PHONY: fuzz-corpus fuzz-coverage fuzz-coverage-run
## make fuzz-coverage  which lines of the sources the corpora reach, by file; with clang and llvm
fuzz-coverage: deps
	@command -v clang >/dev/null && command -v llvm-cov >/dev/null || { echo "make fuzz-coverage needs clang and llvm: apt-get install clang llvm"; exit 1; }
	@$(MAKE) --no-print-directory CC=clang BUILD=$(BUILD)/fuzz/coverage CFLAGS='-O1 -g' WARNINGS='-Wall -Wextra -Werror' \
	  SANITIZE='-fprofile-instr-generate -fcoverage-mapping' fuzz-coverage-run
fuzz-coverage-run: $(CORPUS_PROGRAMS)
	@FOUND=$(dir $(BUILD))found test/fuzz/coverage.sh $^

## make fuzz-corpus  captures what real servers and clients say, anew, into test/fuzz/corpus
fuzz-corpus: $(PROGRAMS) $(BUILD)/capture
	@$(BUILD)/capture

## make demo       source, two replicas and ackgate on this machine, and the story of a commit (SERVER=, DEMO=once)
demo: deps
	@$(MAKE) -j$$(nproc) --no-print-directory demo-run
demo-run: $(PROGRAMS) $(BUILD)/demo
	@$(BUILD)/demo

.PHONY: torture torture-run
## make torture    kills, full disks, bad links (network namespaces, for root), and a checker: MINUTES=10 SEED= SERVER=mysql|mariadb, WITHOUT=ackgate
MINUTES ?= 10
torture: deps
	@MINUTES=$(MINUTES) SEED=$(SEED) WITHOUT=$(WITHOUT) $(MAKE) -j$$(nproc) --no-print-directory torture-run
torture-run: $(PROGRAMS) $(BUILD)/torture
	@$(BUILD)/torture

## make lint       static analysis (clang-tidy, cppcheck) and the layout check
lint: format-check
	cppcheck --quiet --enable=warning,portability --inline-suppr --error-exitcode=1 -I. protocol recovery proxy

SOURCES = $(wildcard protocol/*.[ch] recovery/*.[ch] proxy/*.[ch] test/*/*.[ch])
## make format     lay the sources out with clang-format
format:
	clang-format -i $(SOURCES)
format-check:
	clang-format --dry-run --Werror $(SOURCES)

include conf/install.mk

clean:
	rm -rf $(BUILD)/obj $(BUILD)/unit $(BUILD)/e2e $(BUILD)/include $(BUILD)/asan $(BUILD)/fuzz $(BUILD)/*.a $(PROGRAMS)

## make deps       install what is missing: packages, and real servers for the tests under build/servers
.PHONY: deps
deps:
	@BUILD=$(BUILD) test/deps.sh

.SECONDARY:
-include $(shell find $(BUILD)/obj -name '*.d' 2>/dev/null)
