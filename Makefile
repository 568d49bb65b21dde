# Ackgate's build. `make help` lists what there is.
# Layers build as static libraries; each sees only the headers below it: build/include/<layer> holds the links.
CC       ?= gcc
BUILD    ?= build
SANITIZE ?=
VERSION  := 0.1.0

WARNINGS := -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wvla -Werror
CFLAGS   ?= -O2 -g
BASE     := -std=c11 -D_GNU_SOURCE -DACKGATE_VERSION='"$(VERSION)"' $(WARNINGS) -fno-omit-frame-pointer -fno-strict-aliasing -pthread $(SANITIZE)
MYSQL_CFLAGS  = $(shell mariadb_config --include 2>/dev/null)
MYSQL_LIBS    = $(shell mariadb_config --libs 2>/dev/null)

PROTOCOL := $(wildcard protocol/*.c)
RECOVERY := $(filter-out recovery/recover_%.c,$(wildcard recovery/*.c))
TOOL     := $(wildcard recovery/recover_*.c)
PROXY    := $(filter-out proxy/main.c,$(wildcard proxy/*.c))
UNIT     := $(wildcard test/unit/test_*.c)
E2E      := $(wildcard test/e2e/test_*.c)
TESTLIB  := $(wildcard test/lib/*.c)

objects   = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))
PROGRAMS := $(BUILD)/ackgate $(if $(TOOL),$(BUILD)/ackgate-recover)
UNIT_PROGRAMS := $(patsubst test/unit/%.c,$(BUILD)/unit/%,$(UNIT))
E2E_PROGRAMS  := $(patsubst test/e2e/%.c,$(BUILD)/e2e/%,$(E2E))

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

help:
	@sed -n 's/^## //p' $(MAKEFILE_LIST)

## make            build build/ackgate and build/ackgate-recover
$(BUILD)/include/.made:
	@mkdir -p $(BUILD)/include/protocol $(BUILD)/include/recovery $(BUILD)/include/proxy
	@for to in protocol recovery proxy; do ln -sfn $(CURDIR)/protocol $(BUILD)/include/$$to/protocol; done
	@for to in recovery proxy; do ln -sfn $(CURDIR)/recovery $(BUILD)/include/$$to/recovery; done
	@ln -sfn $(CURDIR)/proxy $(BUILD)/include/proxy/proxy
	@touch $@

$(BUILD)/obj/%.o: %.c $(BUILD)/include/.made
	@mkdir -p $(@D)
	$(CC) $(BASE) $(CFLAGS) $(INCLUDE_$(firstword $(subst /, ,$*))) $(if $(filter test/% proxy/% recovery/%,$<),$(MYSQL_CFLAGS)) -MMD -MP -c $< -o $@

$(BUILD)/libprotocol.a: $(call objects,$(PROTOCOL))
$(BUILD)/librecovery.a: $(call objects,$(RECOVERY))
$(BUILD)/libproxy.a: $(call objects,$(PROXY))
$(BUILD)/libtest.a: $(call objects,$(TESTLIB))
$(BUILD)/%.a:
	@rm -f $@
	@ar rcs $@ $^

$(BUILD)/ackgate: $(BUILD)/obj/proxy/main.o $(BUILD)/libproxy.a $(BUILD)/librecovery.a $(BUILD)/libprotocol.a
	$(CC) $(CFLAGS) $(SANITIZE) -pthread -o $@ $^ $(LIBS_PROXY)

$(BUILD)/ackgate-recover: $(call objects,$(TOOL)) $(BUILD)/librecovery.a $(BUILD)/libprotocol.a
	$(CC) $(CFLAGS) $(SANITIZE) -pthread -o $@ $^ $(MYSQL_LIBS) -linih $(LIBS_PROTOCOL)

# a unit test links its layer and what lies below; its first line may say `layer: recovery` or `layer: proxy`
$(BUILD)/unit/%: $(BUILD)/obj/test/unit/%.o $(BUILD)/libproxy.a $(BUILD)/librecovery.a $(BUILD)/libprotocol.a
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(SANITIZE) -pthread -o $@ $< \
	  $$(case "$$(head -1 test/unit/$*.c)" in *'layer: proxy'*) echo $(BUILD)/libproxy.a $(BUILD)/librecovery.a;; *'layer: recovery'*) echo $(BUILD)/librecovery.a;; esac) \
	  $(BUILD)/libprotocol.a $(LIBS_CHECK) $(LIBS_PROXY)

$(BUILD)/e2e/%: $(BUILD)/obj/test/e2e/%.o $(BUILD)/libtest.a $(BUILD)/libprotocol.a
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(SANITIZE) -pthread -o $@ $^ $(LIBS_CHECK) $(MYSQL_LIBS) $(LIBS_PROTOCOL)

## make deps       install what is missing: packages, and real servers for the tests under build/servers
.PHONY: deps
deps:
	@BUILD=$(BUILD) test/deps.sh

.SECONDARY:
-include $(shell find $(BUILD)/obj -name '*.d' 2>/dev/null)
