# SPDX-License-Identifier: MIT
#
# The whole build, for GNU make. `make help` lists what can be asked for.
#
# What a file becomes follows from where it lies and how it is called:
#
#   *.c *.S           objects of the library
#   examples/X.c      a program that links libscoop.a, as a user's would
#   bench/X.c         the same
#   bench/scale.c     the inside with tests/sim/Y.c in the place of Y.c
#   tests/api_X.c     the same
#   tests/test_X.c    a program that sees the library's inside
#   tests/sim_X.c     the inside with tests/sim/Y.c in the place of Y.c,
#                     and tests/sim/X/*.c, if there are any
#   tests/X.sh        run as it is
#
# Nothing is asked of the machine while this file is read: on a fresh one
# there is no mpicc yet, and `make check` begins by installing it.

BUILD ?= release
OUT ?= build/$(BUILD)
PREFIX ?= /usr/local
LIBDIR ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
MANDIR ?= $(PREFIX)/share/man
OMPI_CC ?=

ifeq ($(origin CC),default)
CC := mpicc
endif
ifeq ($(origin LD),default)
LD := ld
endif
OBJCOPY ?= objcopy
CLANG_FORMAT ?= $(shell command -v clang-format-14 || echo clang-format)

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules

# A variable that is computed when first used, and only once.
once = $(eval $(1) := $$(shell $(2)))$($(1))

JANSSON_CFLAGS = $(call once,JANSSON_CFLAGS,pkg-config --cflags jansson \
    2>/dev/null)
JANSSON_LIBS = $(call once,JANSSON_LIBS,pkg-config --libs jansson \
    2>/dev/null || echo -ljansson)
VERSION = $(call once,VERSION,scripts/version)

# ---- Flags ---------------------------------------------------------------

WARNINGS := -Wall -Wextra -Wconversion -Wshadow -Wundef -Wvla -Wcast-align \
    -Wpointer-arith -Wformat=2 -Wstrict-prototypes \
    -Wmissing-prototypes -Wold-style-definition

# In a release an assertion must not end the user's program. Tests keep
# theirs in every build.
FLAGS_release := -O2 -g
FLAGS_debug := -O0 -g3
FLAGS_asan := -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined \
    -fno-sanitize-recover=undefined
FLAGS_tsan := -O1 -g -fno-omit-frame-pointer -fsanitize=thread
FLAGS_LIB_release := -DNDEBUG

ifndef FLAGS_$(BUILD)
$(error BUILD=$(BUILD) is none of release, debug, asan, tsan)
endif

# CFLAGS and LDFLAGS belong to whoever calls make; they come last.
BASE_CFLAGS = -std=gnu11 $(FLAGS_$(BUILD)) $(WARNINGS) \
    $(if $(filter 1,$(WERROR)),-Werror) -pthread \
    -ffile-prefix-map=$(CURDIR)=. $(JANSSON_CFLAGS)

# One set of objects serves the archive and the shared library. With hidden
# visibility position-independent code costs next to nothing.  What was just
# written word by word must not be read in pairs: that waits for the stores.
LIB_CFLAGS = $(BASE_CFLAGS) $(FLAGS_LIB_$(BUILD)) -fPIC -fvisibility=hidden \
    -fno-semantic-interposition -fno-tree-slp-vectorize -iquote . $(CFLAGS)
# What users compile against.
HEADERS = $(OUT)/include/scoop.h $(OUT)/include/scoop_macros.h
INSIDE_CFLAGS = $(BASE_CFLAGS) -iquote . -I$(OUT)/include $(CFLAGS)

# Never -I. : our error.h or signal.h would stand in for the system's.
USER_CFLAGS = $(BASE_CFLAGS) -I$(OUT)/include $(CFLAGS)
LIBS = $(JANSSON_LIBS) -lpthread -lrt -lm
LINK = $(CC) $(FLAGS_$(BUILD)) -pthread $(LDFLAGS)

# What a program needs beside, it says itself: a line "link: -lnettle" in a
# comment among its first thirty.
link_line = $(shell sed -n '1,30s|^[/ ]\* *link: *\([^*]*\).*|\1|p' \
    $(patsubst $(OUT)/%.o,%.c,$(1)))

# ---- Files ---------------------------------------------------------------

SOURCES := $(wildcard *.c *.S)
OBJECTS := $(patsubst %,$(OUT)/%.o,$(basename $(SOURCES)))
INSIDE := $(OUT)/inside.a
SHARED := $(OUT)/libscoop.so

# The default build leaves what users want where they look for it.
ifeq ($(OUT),build/release)
ARCHIVE := libscoop.a
EXAMPLE_DIR := examples
else
ARCHIVE := $(OUT)/libscoop.a
EXAMPLE_DIR := $(OUT)/examples
endif

EXAMPLES := $(patsubst examples/%.c,$(EXAMPLE_DIR)/%,$(wildcard examples/*.c))
BENCHES := $(patsubst %.c,$(OUT)/%,$(wildcard bench/*.c))

# T=part narrows tests and checks down to those with `part` in their names.
narrow = $(if $(T),$(foreach t,$(1),$(if $(findstring $(T),$(t)),$(t))),$(1))
programs = $(call narrow,$(patsubst %.c,$(OUT)/%,$(wildcard tests/$(1)_*.c)))

UNIT_TESTS := $(call programs,test)
API_TESTS := $(call programs,api)
SIM_TESTS := $(call programs,sim)
SCRIPT_TESTS := $(call narrow,$(wildcard tests/*.sh))
TESTS := $(UNIT_TESTS) $(SIM_TESTS) $(API_TESTS)
CHECKS := $(call narrow,$(wildcard scripts/check-*.sh))

# See there.
KEEP_asan := $(OUT)/tests/keep_loaded.o
KEEP := $(KEEP_$(BUILD))

SIM_BENCHES := $(OUT)/bench/scale
USER_OBJECTS := $(KEEP_asan) $(filter-out $(SIM_BENCHES:%=%.o),\
    $(patsubst %.c,$(OUT)/%.o,$(wildcard examples/*.c bench/*.c tests/api_*.c)))
INSIDE_OBJECTS := $(SIM_BENCHES:%=%.o) $(patsubst %.c,$(OUT)/%.o,\
    $(wildcard tests/test_*.c tests/sim_*.c tests/sim/*.c tests/sim/*/*.c))
SIM_ROOMS := $(basename $(notdir $(wildcard tests/sim/*.c)))
SIM_OBJECTS := $(patsubst %,$(OUT)/tests/sim/%.o,$(SIM_ROOMS)) \
    $(filter-out $(foreach room,$(SIM_ROOMS),$(OUT)/$(room).o \
        $(OUT)/$(room)_%.o),$(OBJECTS))

FORMATTED = $(wildcard *.[ch] tests/*.[ch] tests/*/*.[ch] \
    tests/sim/*/*.[ch] examples/*.[ch] bench/*.[ch])

# ---- What to ask for -----------------------------------------------------

.PHONY: all demo check test bench install clean format analyze help FORCE
.PHONY: check-asan check-tsan check-valgrind check-long check-slurm check-all
.PHONY: programs examples benches

all: $(ARCHIVE) $(SHARED) $(EXAMPLES) ## build the library and the examples

# Parallel by itself, unless the caller chose a number of jobs.
PARALLEL = $(if $(findstring -j,$(MAKEFLAGS)),,-j$(shell nproc))
AGAIN = +@$(MAKE) --no-print-directory $(PARALLEL)

demo: ## install what is missing, build, run a map and a tree search
	@scripts/install-deps build
	$(AGAIN) all
	@scripts/demo $(EXAMPLE_DIR)

check: ## install what is missing, build, run checks and tests (T=name: some)
	@scripts/install-deps test
	$(AGAIN) $(if $(T),,all) programs
	@$(RUN_TESTS) $(CHECKS) $(TESTS) $(SCRIPT_TESTS)

programs: $(ARCHIVE) $(SHARED) $(TESTS)
examples: $(EXAMPLES)
benches: $(BENCHES)

RUN_TESTS = CC='$(CC)' OUT='$(OUT)' ARCHIVE='$(ARCHIVE)' SHARED='$(SHARED)' \
    EXAMPLES='$(EXAMPLE_DIR)' LIBS='$(LIBS)' \
    CLANG_FORMAT='$(CLANG_FORMAT)' scripts/run-tests

test: programs ## the tests without the checks
	@$(RUN_TESTS) --under $(BUILD) $(TESTS) $(SCRIPT_TESTS)

check-asan: ## the test programs under AddressSanitizer and UBSan
	$(AGAIN) BUILD=asan SCRIPT_TESTS= test

check-tsan: ## the unit and API tests under ThreadSanitizer
	$(AGAIN) BUILD=tsan SIM_TESTS= SCRIPT_TESTS= test

check-valgrind: programs ## the unit and API tests under valgrind
	@$(RUN_TESTS) --under valgrind $(UNIT_TESTS) $(API_TESTS)

check-long: all programs ## what check leaves out: more ranks and seeds, huge payloads
	@LONG=only $(RUN_TESTS) $(CHECKS) $(TESTS) $(SCRIPT_TESTS)

check-slurm: ## the batch scripts of examples/slurm, in a Slurm of its own
	@scripts/install-deps slurm
	$(AGAIN) $(EXAMPLE_DIR)/montecarlo_pi $(EXAMPLE_DIR)/uts
	@EXAMPLES='$(EXAMPLE_DIR)' tests/slurm

check-all: ## check, then everything slower
	$(AGAIN) check
	$(AGAIN) check-long
	$(AGAIN) check-asan
	$(AGAIN) check-tsan
	$(AGAIN) check-valgrind

bench: all $(BENCHES) ## measure: figures, a table, plots; judges nothing (T=name: some)
	@OUT='$(OUT)' EXAMPLES='$(EXAMPLE_DIR)' bench/run $(T)

analyze: ## cppcheck and clang-tidy over the library
	cppcheck --std=c11 --quiet --inline-suppr --error-exitcode=1 \
	    --enable=warning,performance,portability \
	    --suppress=missingIncludeSystem $(wildcard *.c)
	clang-tidy --quiet --warnings-as-errors='*' \
	    --checks='-*,clang-analyzer-*,bugprone-*,$(TIDY_NOT)' \
	    $(wildcard *.c) -- -std=gnu11 -iquote . $(MPI_INCLUDES)

TIDY_NOT := -bugprone-easily-swappable-parameters,$\
    -bugprone-macro-parentheses,-bugprone-assignment-in-if-condition,$\
    -bugprone-reserved-identifier,$\
    -bugprone-narrowing-conversions,-clang-analyzer-valist.Uninitialized,$\
    -clang-analyzer-security.insecureAPI.DeprecatedOrUnsafeBufferHandling
MPI_INCLUDES = $(filter -I%,$(shell $(CC) -show))

format: ## bring all C files into shape
	$(CLANG_FORMAT) -i $(FORMATTED)

clean: ## remove what was built
	rm -rf build libscoop.a $(patsubst %.c,%,$(wildcard examples/*.c))

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-16s %s\n", $$1, $$2 }' \
	    $(firstword $(MAKEFILE_LIST))
	@echo
	@echo 'BUILD=release|debug|asan|tsan  WERROR=1  OMPI_CC=clang  OUT=build/X  V=1'
	@echo 'install: PREFIX=$(PREFIX)  DESTDIR=$(DESTDIR)'

# V=1 shows whole commands, otherwise a word for each step does.
Q = $(if $(V),,@)
say = $(if $(V),,@printf '  %-4s %s\n' $(1) $(2))

# ---- Objects -------------------------------------------------------------

# Compiled with other flags or another compiler: compiled again.
BUILT_WITH = $(CC) $(OMPI_CC) $(LIB_CFLAGS) $(USER_CFLAGS) $(LDFLAGS)

$(OUT)/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(BUILT_WITH)' | cmp -s - $@ || echo '$(BUILT_WITH)' >$@

$(OBJECTS) $(USER_OBJECTS) $(INSIDE_OBJECTS): $(OUT)/flags Makefile

$(OBJECTS): COMPILE = $(CC) $(LIB_CFLAGS)
$(INSIDE_OBJECTS): COMPILE = $(CC) $(INSIDE_CFLAGS)
$(USER_OBJECTS): COMPILE = $(CC) $(USER_CFLAGS)
$(INSIDE_OBJECTS) $(USER_OBJECTS): | $(HEADERS)

$(OUT)/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(COMPILE) -MMD -MP -c $< -o $@

$(OUT)/%.o: %.S
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(COMPILE) -MMD -MP -c $< -o $@

# A directory with the public headers alone: what users compile against.
$(HEADERS): $(OUT)/include/%: %
	@mkdir -p $(@D)
	@cp $< $@

-include $(OBJECTS:.o=.d) $(USER_OBJECTS:.o=.d) $(INSIDE_OBJECTS:.o=.d)

# ---- Libraries -----------------------------------------------------------

# One object in which every name but scoop_* is local: what is inside cannot
# collide with a user's names.
$(OUT)/scoop-all.o: $(OBJECTS)
	$(call say,LD,$@)
	$(Q)$(LD) -r -o $@.tmp $^
	$(Q)$(OBJCOPY) --wildcard --keep-global-symbol='scoop_*' $@.tmp $@
	@rm -f $@.tmp

$(ARCHIVE): $(OUT)/scoop-all.o | $(HEADERS)
	@rm -f $@
	$(call say,AR,$@)
	$(Q)$(AR) rcsD $@ $<

$(INSIDE): $(OBJECTS)
	@rm -f $@
	@$(AR) rcsD $@ $^

$(OUT)/exports: Makefile
	@mkdir -p $(@D)
	@echo '{ global: scoop_*; local: *; };' >$@

$(SHARED): $(OBJECTS) $(OUT)/exports
	$(call say,LD,$@)
	$(Q)$(LINK) -shared -Wl,-soname,libscoop.so.$(firstword $(subst ., ,$(VERSION))) \
	    -Wl,--version-script=$(OUT)/exports $(OBJECTS) -o $@ $(LIBS)

# ---- Programs ------------------------------------------------------------

$(EXAMPLES): $(EXAMPLE_DIR)/%: $(OUT)/examples/%.o $(KEEP) $(ARCHIVE)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(LINK) $^ -o $@ $(call link_line,$<) $(LIBS)

$(API_TESTS) $(filter-out $(SIM_BENCHES),$(BENCHES)): %: %.o $(KEEP) $(ARCHIVE)
	$(call say,LD,$@)
	$(Q)$(LINK) $^ -o $@ $(call link_line,$<) $(LIBS)

$(UNIT_TESTS): %: %.o $(KEEP) $(INSIDE)
	$(call say,LD,$@)
	$(Q)$(LINK) $^ -o $@ $(call link_line,$<) $(LIBS)

$(OUT)/tests/sim_api: $(patsubst %.c,$(OUT)/%.o,$(wildcard tests/sim/api/*.c))

$(SIM_TESTS) $(SIM_BENCHES): %: %.o $(KEEP) $(SIM_OBJECTS)
	$(call say,LD,$@)
	$(Q)$(LINK) $^ -o $@ $(call link_line,$<) $(LIBS)

# ---- Installation --------------------------------------------------------

SO_FULL = libscoop.so.$(VERSION)
SO_MAJOR = libscoop.so.$(firstword $(subst ., ,$(VERSION)))

install: $(ARCHIVE) $(SHARED) ## header, libraries, manual, pkg-config file
	install -d $(DESTDIR)$(INCLUDEDIR) $(DESTDIR)$(LIBDIR)/pkgconfig
	install -m 644 scoop.h scoop_macros.h $(DESTDIR)$(INCLUDEDIR)
	install -m 644 $(ARCHIVE) $(DESTDIR)$(LIBDIR)/libscoop.a
	install -m 755 $(SHARED) $(DESTDIR)$(LIBDIR)/$(SO_FULL)
	ln -sf $(SO_FULL) $(DESTDIR)$(LIBDIR)/$(SO_MAJOR)
	ln -sf $(SO_MAJOR) $(DESTDIR)$(LIBDIR)/libscoop.so
	sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@LIBDIR@|$(LIBDIR)|' \
	    -e 's|@INCLUDEDIR@|$(INCLUDEDIR)|' -e 's|@VERSION@|$(VERSION)|' \
	    scripts/scoop.pc.in >$(DESTDIR)$(LIBDIR)/pkgconfig/scoop.pc
	scripts/install-man $(DESTDIR)$(MANDIR)
