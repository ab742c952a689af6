# commfleet: every target sets up what it needs, from Python 3.11 or newer and make alone.
#
#   make demo     the whole fleet on this machine, without any server   (ARGS="--serve", ARGS="--report FILE")
#   make test     every test; those of a real Kafka are skipped, and say so, without Java 17 and Maven
#   make kafka    only the tests on a real Kafka, and they must run
#   make faults   only the fault histories on a real Kafka, and they must run   (SEEDS=50, SEED=17 to repeat one)
#   make soak     the town on a real Kafka and PostgreSQL, and long histories of journey workers: minutes, alone
#   make bench    the benchmarks; results in benchmarks/results/
#   make lint     ruff, mypy, shellcheck, the compose file
#   make format   what ruff can mend
#   make lock     resolve the dependencies of pyproject.toml anew into requirements.lock
#   make clean    take away the environment and the caches

SHELL := /bin/sh
.DELETE_ON_ERROR:
.PHONY: help demo test kafka faults soak bench lint format lock clean install

VENV := .venv
BIN := $(VENV)/bin
ARGS ?=
PYTEST := $(BIN)/python -m pytest

help:
	@sed -n 's/^#   //p' Makefile

install: $(VENV)/installed

# Again only when what is installed may have changed; the stamp is written last, so half an installation is redone.
$(VENV)/installed: requirements.lock pyproject.toml
	@set -eu; \
	if ! $(BIN)/python -c 'import pip' 2>/dev/null; then \
	  rm -rf $(VENV); \
	  for name in $(PYTHON) python3.11 python3.12 python3.13 python3; do \
	    python=$$(command -v $$name) || continue; \
	    $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' && break; \
	    python=; \
	  done; \
	  if [ -z "$${python:-}" ]; then \
	    echo "commfleet needs Python 3.11 or newer; found: $$(python3 --version 2>&1 || true)." >&2; \
	    echo "Install one, or name it: make PYTHON=/path/to/python3.11" >&2; exit 1; \
	  fi; \
	  if ! $$python -m venv $(VENV); then \
	    rm -rf $(VENV); \
	    echo "$$python cannot make a virtual environment; on Debian and Ubuntu: apt-get install python3-venv" >&2; \
	    exit 1; \
	  fi; \
	fi; \
	echo "installing into $(VENV), from requirements.lock"; \
	export PIP_DISABLE_PIP_VERSION_CHECK=1; \
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements.lock; \
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .; \
	touch $@

demo: install
	$(BIN)/commfleet demo $(ARGS)

# Four processes, for tests mostly wait; one of them has all tests of the real broker, which it starts once.
test: install
	$(PYTEST) -n 4 --dist loadgroup -m "not soak" $(ARGS)

kafka: install
	COMMFLEET_REQUIRE=kafka $(PYTEST) -m "kafka and not faults and not soak" $(ARGS)

# Without SEEDS or SEED: the histories that CI plays. With them: only seeded ones, 1 to SEEDS, or the one SEED.
faults: install
	COMMFLEET_REQUIRE=kafka COMMFLEET_FAULT_SEEDS=$(SEEDS) COMMFLEET_FAULT_SEED=$(SEED) \
	  $(PYTEST) -m faults $(if $(SEEDS)$(SEED),tests/faults/test_seeds.py) $(ARGS)

soak: install
	COMMFLEET_REQUIRE=kafka,postgres $(PYTEST) -m "soak and not faults" $(ARGS)

bench: install
	$(BIN)/python -m benchmarks $(ARGS)

lint: install
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/shellcheck .ci/run
	$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec docker-compose.kafka.yml

format: install
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

UV := .cache/lock/bin/uv

$(UV): | install
	$(BIN)/python -m venv .cache/lock
	.cache/lock/bin/python -m pip install --quiet 'uv==0.13.*'

# Exact versions and hashes for every platform and Python 3.11 on; no address of any index.
# The image's lock is the part of the whole that it needs.
COMPILE = $(UV) pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes \
  --no-emit-index-url --no-emit-find-links --no-annotate --no-header --quiet

lock: $(UV)
	$(COMPILE) --extra dev --upgrade --output-file requirements.lock
	$(COMPILE) --constraints requirements.lock --output-file deploy/requirements.lock

clean:
	rm -rf $(VENV) .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
