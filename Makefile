# Berth. The two commands a newcomer needs are `sudo make demo` and `sudo make check`; README.md explains them.
#
#   deps       install the Debian packages that building and testing need (build-deps: building alone)
#   all        build everything into build/
#   demo       build, then show real sftp sessions on a private copy of this host (KEEP=1: leave it running)
#   check      build, then run every test
#   bench      measure what docs/performance.md promises
#   deb        make the Debian packages in build/deb (no root needed once what that takes is installed)
#   install    into DESTDIR, PREFIX=/usr; uninstall takes it out again
#   clean      remove build/

PREFIX     ?= /usr
MULTIARCH   = $(shell $(CC) -print-multiarch)
LIBDIR     ?= $(PREFIX)/lib/$(MULTIARCH)
SECURITYDIR ?= $(LIBDIR)/security
LIBEXECDIR ?= $(PREFIX)/libexec/berth
MANDIR     ?= $(PREFIX)/share/man
UNITDIR    ?= /lib/systemd/system
PYTHON     := /usr/bin/python3
VERSION    := 0.1.0

B := build

WARN   := -Wall -Wextra -Werror -Wshadow -Wformat=2 -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wvla
HARDEN := -fstack-protector-strong -D_FORTIFY_SOURCE=2 -fstack-clash-protection
CFLAGS ?= -O2 -g
CPPFLAGS += -I. -D_GNU_SOURCE -DBERTH_VERSION='"$(VERSION)"'
CFLAGS += -std=c11 -fPIC -fvisibility=hidden $(WARN) $(HARDEN)
LDFLAGS += -Wl,-z,relro,-z,now

# The two halves of common/ never mix: the thin half is libc alone and goes into everything, the heavy half holds the
# libraries.
THIN_C   := $(wildcard common/wire/*.c common/host/*.c)
HEAVY_C  := $(wildcard common/model/*.c common/store/*.c common/store/*/*.c)
AGENT_C  := $(wildcard agent/*.c agent/*/*.c)
API_C    := $(wildcard api_server/*.c)
ADMIN_C  := $(wildcard admin_cmd/*.c admin_cmd/*/*.c)
NSS_C    := $(wildcard nss_module/*.c)
PAM_C    := $(wildcard pam_module/*.c)
KEYS_C   := $(wildcard keys_cmd/*.c)
SESSION_C := $(wildcard session_helper/*.c)
SYSLOG_C := $(wildcard syslog_reader/*.c)
# What judges a login in the PAM module and in berth-keys: `berth doctor` judges by the same code.
JUDGE_C  := $(addprefix pam_module/,session.c target.c target_make.c path.c syscalls.c) keys_cmd/pam_stack.c
UNIT_C   := $(wildcard tests/unit/test_*.c)
LOGIN_C  := $(wildcard tests/login/*.c)
STORE_C  := $(wildcard tests/store/*.c)
BENCH_C  := $(wildcard tests/bench/*.c)
ALL_C    := $(THIN_C) $(HEAVY_C) $(AGENT_C) $(API_C) $(ADMIN_C) $(NSS_C) $(PAM_C) $(KEYS_C) $(SESSION_C) $(SYSLOG_C) \
    $(UNIT_C) $(LOGIN_C) $(STORE_C) $(BENCH_C)

HEAVY_LIBS := -lsqlite3 -lcjson -lssh -lcrypto -lm
# Of those who ask stores kept elsewhere (common/store/transfer): the agent and the admin command.
REMOTE_LIBS := -lcurl -lpthread
API_LIBS   := -lmicrohttpd -lgnutls -lpthread

obj = $(patsubst %.c,$(B)/obj/%.o,$(1))

NSS_SO   := $(B)/libnss_berth.so.2
PAM_SO   := $(B)/pam_berth.so
KEYS     := $(B)/berth-keys
SESSION  := $(B)/berth-session
SYSLOG   := $(B)/berth-syslog
AGENT    := $(B)/berthd
ADMIN    := $(B)/berth
API      := $(B)/berth-api
UNITS    := $(patsubst tests/unit/%.c,$(B)/tests/%,$(UNIT_C))
HELPERS  := $(patsubst tests/login/%.c,$(B)/tests/%,$(LOGIN_C)) $(patsubst tests/bench/%.c,$(B)/bench/%,$(BENCH_C)) \
    $(B)/tests/killed_writers $(B)/tests/fill_cache $(B)/tests/fail_io.so

all: $(NSS_SO) $(PAM_SO) $(KEYS) $(SESSION) $(SYSLOG) $(AGENT) $(ADMIN) $(API)

$(B)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

# berth doctor looks at the modules where `make install` puts them.
$(B)/obj/admin_cmd/doctor/%.o: CPPFLAGS += -DINSTALLED_NSS_MODULE='"$(LIBDIR)/libnss_berth.so.2"' \
    -DINSTALLED_PAM_MODULE='"$(SECURITYDIR)/pam_berth.so"'

$(B)/libthin.a: $(call obj,$(THIN_C))
	@rm -f $@
	$(AR) rcs $@ $^

$(B)/libheavy.a: $(call obj,$(HEAVY_C))
	@rm -f $@
	$(AR) rcs $@ $^

$(NSS_SO): $(call obj,$(NSS_C)) $(B)/libthin.a nss_module/exports.map
	$(CC) -shared $(LDFLAGS) -Wl,-soname,libnss_berth.so.2 -Wl,--version-script=nss_module/exports.map -Wl,-z,defs \
	    -o $@ $(call obj,$(NSS_C)) $(B)/libthin.a

$(PAM_SO): $(call obj,$(PAM_C)) $(B)/libthin.a pam_module/exports.map
	$(CC) -shared $(LDFLAGS) -Wl,--version-script=pam_module/exports.map -Wl,-z,defs \
	    -o $@ $(call obj,$(PAM_C)) $(B)/libthin.a -lpam

# Static: sshd runs it twice for each login, and loading libc is half of what a small program costs.
$(KEYS): $(call obj,$(KEYS_C)) $(B)/libthin.a
	$(CC) -static-pie $(LDFLAGS) -o $@ $^

# Static too: one runs for each session, and its memory is multiplied by these.
$(SESSION): $(call obj,$(SESSION_C)) $(B)/libthin.a
	$(CC) -static-pie $(LDFLAGS) -o $@ $^

$(SYSLOG): $(call obj,$(SYSLOG_C)) $(B)/libthin.a
	$(CC) -pie $(LDFLAGS) -o $@ $^

$(AGENT): $(call obj,$(AGENT_C)) $(B)/libheavy.a $(B)/libthin.a
	$(CC) -pie $(LDFLAGS) -o $@ $^ $(HEAVY_LIBS) $(REMOTE_LIBS) -levent_core -lpthread

$(ADMIN): $(call obj,$(ADMIN_C) $(JUDGE_C)) $(B)/libheavy.a $(B)/libthin.a
	$(CC) -pie $(LDFLAGS) -o $@ $^ $(HEAVY_LIBS) $(REMOTE_LIBS) -lpam

$(API): $(call obj,$(API_C)) $(B)/libheavy.a $(B)/libthin.a
	$(CC) -pie $(LDFLAGS) -o $@ $^ $(HEAVY_LIBS) $(API_LIBS)

# Unit tests reach internal functions by linking the objects themselves.
UNIT_OBJ := $(call obj,$(filter-out %/main.c,$(AGENT_C) $(API_C) $(ADMIN_C) $(SESSION_C) $(KEYS_C) $(SYSLOG_C)) \
    $(NSS_C) $(PAM_C))
$(B)/tests/test_%: $(B)/obj/tests/unit/test_%.o $(UNIT_OBJ) $(B)/libheavy.a $(B)/libthin.a
	@mkdir -p $(@D)
	$(CC) -pie $(LDFLAGS) -o $@ $^ $(HEAVY_LIBS) $(REMOTE_LIBS) $(API_LIBS) -levent_core -lpam -lcmocka

$(B)/tests/%: $(B)/obj/tests/login/%.o $(B)/libthin.a
	@mkdir -p $(@D)
	$(CC) -pie $(LDFLAGS) -o $@ $^ -lpam -lpthread

$(B)/tests/killed_writers $(B)/tests/fill_cache: $(B)/tests/%: $(B)/obj/tests/store/%.o $(B)/libheavy.a $(B)/libthin.a
	@mkdir -p $(@D)
	$(CC) -pie $(LDFLAGS) -o $@ $^ $(HEAVY_LIBS)

$(B)/tests/fail_io.so: $(B)/obj/tests/store/fail_io.o
	@mkdir -p $(@D)
	$(CC) -shared $(LDFLAGS) -o $@ $^

# As needed: what a program of the benchmark doesn't use, it isn't to load.
$(B)/bench/%: $(B)/obj/tests/bench/%.o $(call obj,$(PAM_C)) $(B)/libheavy.a $(B)/libthin.a
	@mkdir -p $(@D)
	$(CC) -pie $(LDFLAGS) -Wl,--as-needed -o $@ $(filter %.o,$^) $(B)/libheavy.a $(B)/libthin.a $(HEAVY_LIBS) \
	    $(REMOTE_LIBS) $(API_LIBS) -lpam

deps:
	packaging/deps.sh

build-deps:
	packaging/deps.sh build

# `check` and `demo` first install what is missing, then build with parallel jobs, then run.
check: deps
	$(MAKE) --no-print-directory -j$$(nproc) all $(UNITS) $(HELPERS)
	packaging/deb.sh
	tests/run.sh

demo: deps
	$(MAKE) --no-print-directory -j$$(nproc) all
	tests/demo/demo.sh $(if $(KEEP),--keep)

bench: deps
	$(MAKE) --no-print-directory -j$$(nproc) all $(HELPERS)
	tests/bench/bench.sh

tests: all $(UNITS) $(HELPERS)

deb:
	packaging/deps.sh deb
	packaging/deb.sh

PLACES = "$(DESTDIR)" "$(PREFIX)" "$(LIBDIR)" "$(SECURITYDIR)" "$(LIBEXECDIR)" "$(MANDIR)" "$(UNITDIR)"

install: all
	packaging/install.sh install $(PLACES)

uninstall:
	packaging/install.sh uninstall $(PLACES)

clean:
	rm -rf $(B)

-include $(patsubst %.o,%.d,$(call obj,$(ALL_C)))

.PHONY: all deps build-deps check demo bench tests deb install uninstall clean
.SECONDARY:
