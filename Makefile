# Two commands do everything from a clean checkout: `make evidence` and `make test`. What they need
# they install first. `make test-all` is what a CI runs: it begins with `make test`.
# They need Python 3.11 or newer, make and a C compiler; without the compiler FFI is reported as not
# run. PYTHON chooses the interpreter.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready

# Tests wait for processes much of their time, so two processors have room for one worker more.
WORKERS ?= 3

PYTEST = $(BIN)/$(if $(COVERAGE),coverage run -m,python -m) pytest -n $(WORKERS)

# Else each of some thousand processes that tests start would compile the project anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: evidence record report cronix-proposal bench test test-quick test-all test-slow test-long test-mutants \
    test-languages check install derived libraries archives \
    programs suite clean

# quick is for a look and made for less than five minutes; PROFILE=full takes 15.
# The last run is replaced when the new one is complete.
evidence: install programs
	$(BIN)/transportlab evidence --profile $(or $(PROFILE),quick) --force --out out/evidence.new.json
	mv -f out/evidence.new.json out/evidence.json
	$(BIN)/transportlab report out/evidence.json --out out/REPORT.md

# A run for the record, beside those that are there: none is ever replaced. Look at what it says has
# changed before you commit it: it may be the machine.
record: install programs
	$(BIN)/transportlab evidence --profile full --out out/record.json.gz
	$(BIN)/transportlab compare evidence/runs out/record.json.gz --changed
	mv out/record.json.gz evidence/runs/$$(date -u +%Y-%m-%dT%H%M).json.gz
	$(MAKE) report

# The committed report, from the committed runs.
report: install
	$(BIN)/transportlab report evidence/runs/*.json.gz --out REPORT.md

# What cronix's maintainer would merge, in a folder that stands alone: the record, the protocol, the vectors.
cronix-proposal: install
	$(BIN)/python -m tools.proposal --out out/cronix-proposal

bench: install
	@mkdir -p out
	$(BIN)/python -m pytest bench --benchmark-only --benchmark-json=out/benchmarks.json \
	    --benchmark-columns=min,median,iqr,rounds --benchmark-sort=name

# Before a commit: the checks and, beside them, every test that is not marked slow.
test: install
	@$(MAKE) --no-print-directory --jobs=2 check test-quick

# COVERAGE=1 notes what the tests run.
test-quick: install
	$(PYTEST) -m "not slow and not long and not mutants and not languages"

# All tests, each once, with their coverage.
test-all: install
	$(BIN)/coverage erase
	$(MAKE) test COVERAGE=1
	$(MAKE) test-slow COVERAGE=1
	$(BIN)/coverage combine -q
	$(BIN)/coverage report

test-slow: install
	$(PYTEST) -m "slow and not long and not mutants and not languages"

# What measures, searches or builds for minutes: the gate on real plugins, random sequences, a cluster,
# the suite in one file.
test-long: install
	$(PYTEST) -m long

# That each vector can fail: for a plugin, in Python, Go, JavaScript or C, or a host that is wrong.
test-mutants: install
	$(PYTEST) -m mutants

# The plugins of plugins/<language>, built and held to the conformance suite. What lacks its toolchain
# here is shown as not run.
test-languages: install
	$(PYTEST) -m languages tests/languages

check: install
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m tools.generate --check

derived: install
	$(BIN)/python -m tools.generate

install: $(READY) libraries archives

libraries: $(READY)
	@$(BIN)/python -m transports.ffi.build --optional

archives: $(READY)
	@$(BIN)/python plugins/build_archives.py

# The hosts, plugins and peers of spec/arms.json. What lacks its toolchain is told, and not measured.
programs: install
	@$(BIN)/python -m tools.build_programs

# The suite for people without a checkout: as a wheel, and as one file that needs nothing but Python.
suite: install
	@$(BIN)/python -m hatchling build -t wheel -d out
	@$(BIN)/python -m tools.build_suite

# Builds without isolation use the hatchling of the lock file, so that no other version comes in.
$(READY): requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

clean:
	rm -rf $(VENV) out .coverage .coverage.* .mypy_cache .ruff_cache
