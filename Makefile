# Needs Python >= 3.11 with pip, and make (3.81 or later); everything else is installed into .venv.

PYTHON ?= python3
SCALE = quick
CORES = all

VENV := .venv
LOCK := requirements/lock.txt
SCALES := $(sort $(filter-out criteria,$(basename $(notdir $(wildcard config/*.yaml)))))
# Of settings, code and content the package keeps account itself, in a record of every job.
TRIGGERS := --rerun-triggers input
# Files of tests side by side, each with one thread.
PARALLEL := -n logical --maxprocesses 4 --dist loadfile
BENCH_VENV := .venv-bench
BENCH_LOCK := requirements/bench.txt
BENCH =
CLUSTER_VENV := .venv-cluster
CLUSTER_LOCK := requirements/cluster.txt
DOCS_VENV := .venv-docs
DOCS_LOCK := requirements/docs.txt
SITE := build/site
ATLAS =
STAMP := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help setup reproduce nulls atlas readme test test-faults test-cluster lint bench docs lock clean

# Nothing of the caller's Python or of his package sources may decide what is installed.
unexport PYTHONHOME PYTHONPATH VIRTUAL_ENV
unexport UV_CONSTRAINT UV_EXCLUDE_NEWER UV_FIND_LINKS UV_OVERRIDE UV_PYTHON UV_SYSTEM_PYTHON UV_TORCH_BACKEND

# Every job of the workflow starts a Python; cached bytecode halves the time to import PyTorch.
unexport PYTHONDONTWRITEBYTECODE

# $(call fail,what was expected,what came,what to do)
fail = { printf 'expected %s\n     got %s\n  remedy %s\n' "$(1)" "$(2)" "$(3)" >&2; exit 2; }

# Programs that a rule starts in turn must be those of .venv too.
run := PATH="$(CURDIR)/$(VENV)/bin:$$PATH" $(VENV)/bin

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' Makefile

setup: $(STAMP) ## create .venv from the lock file (PYTHON=python3 names another interpreter)

reproduce: $(STAMP) ## make all results and figures (SCALE=quick, CORES=all)
	@test -n '$(filter $(SCALE),$(SCALES))' || $(call fail,SCALE to be one of: $(SCALES),$(SCALE),make reproduce SCALE=quick)
	@test -w . || $(call fail,to be able to write $(CURDIR),a folder that is read-only,copy it to where you may write)
	$(run)/snakemake --cores $(CORES) --configfile config/$(SCALE).yaml --rerun-incomplete \
	    $(TRIGGERS) --logger diversevis

nulls: ## make the scale nulls: is it learned? An hour on two cores
	@$(MAKE) --no-print-directory reproduce SCALE=nulls

atlas: $(STAMP) ## make pages for a browser of all units, in atlas/ (SCALE=quick)
	@test -n '$(filter $(SCALE),$(SCALES))' || $(call fail,SCALE to be one of: $(SCALES),$(SCALE),make atlas SCALE=standard)
	$(run)/snakemake --cores $(CORES) --configfile config/$(SCALE).yaml --rerun-incomplete \
	    $(TRIGGERS) --logger diversevis -- atlas

readme: $(STAMP) ## write README.md and docs/*.md from docs/*.template.md and the tables in results/
	$(run)/python -m diversevis.documents

test: $(STAMP) ## run the tests
	$(run)/pytest $(PARALLEL)

test-faults: $(STAMP) ## kill, fill disks, damage and repeat, for an hour or so
	$(run)/pytest tests/faults -m long -s

test-cluster: $(CLUSTER_VENV)/.installed ## a run on a SLURM that is started for it: minutes; as root
	$(run)/diversevis fetch vgg19 resnet50 photographs
	tests/cluster/slurm.sh $(VENV)/bin/pytest tests/cluster -m cluster -s

lint: $(STAMP) ## check the style of Python and Snakemake files, and the types
	$(run)/ruff check
	$(run)/ruff format --check
	$(run)/snakefmt --check Snakefile workflow
	$(run)/mypy
	$(run)/snakemake --lint

bench: $(BENCH_VENV)/.installed ## time the engine against what else there is (BENCH=--all-units gives more)
	$(BENCH_VENV)/bin/python -m benchmarks $(BENCH)
	$(run)/python -m benchmarks.figure results/benchmarks figures/benchmarks

docs: $(DOCS_VENV)/.installed ## make the site of the documents in build/site (ATLAS=folder goes with it)
	@test -z '$(ATLAS)' -o -f '$(ATLAS)/index.html' || $(call fail,ATLAS to be the folder of an atlas,no $(ATLAS)/index.html,make the atlas first or leave ATLAS away)
	rm -rf $(SITE)
	$(DOCS_VENV)/bin/python -m sphinx --quiet --fresh-env --fail-on-warning -c docs/site -d build/doctrees \
	    -D atlas='$(ATLAS)' . $(SITE)
	$(DOCS_VENV)/bin/python docs/site/links.py $(SITE)
	@echo 'open $(SITE)/index.html'

lock: $(STAMP) ## write the lock file anew from pyproject.toml (UPGRADE=--upgrade for newer versions)
	@$(package_settings); $(VENV)/bin/uv pip compile --quiet --universal --python-version 3.11 \
	    --extra workflow --extra dev --extra notebooks --constraint requirements/constraints.txt \
	    --generate-hashes --no-annotate --no-header $(UPGRADE) --output-file $(LOCK) pyproject.toml
	@$(package_settings); $(VENV)/bin/uv pip compile --quiet --universal --python-version 3.11 \
	    --extra bench --constraint $(LOCK) \
	    --generate-hashes --no-annotate --no-header $(UPGRADE) --output-file $(BENCH_LOCK) pyproject.toml
	@$(package_settings); $(VENV)/bin/uv pip compile --quiet --universal --python-version 3.11 \
	    --extra workflow --extra cluster --constraint $(LOCK) \
	    --generate-hashes --no-annotate --no-header $(UPGRADE) --output-file $(CLUSTER_LOCK) pyproject.toml
	@$(package_settings); $(VENV)/bin/uv pip compile --quiet --universal --python-version 3.11 \
	    --extra workflow --extra docs --constraint $(LOCK) \
	    --generate-hashes --no-annotate --no-header $(UPGRADE) --output-file $(DOCS_LOCK) pyproject.toml
	@echo 'wrote $(LOCK), $(BENCH_LOCK), $(CLUSTER_LOCK) and $(DOCS_LOCK); envs/diversevis.yaml has to follow it (make test tells)'

clean: ## remove caches, logs and build metadata
	rm -rf .snakemake .mypy_cache .pytest_cache .ruff_cache build dist src/*.egg-info results/*/logs results/*/benchmarks
	find $(wildcard benchmarks src tests workflow) -name __pycache__ -type d -prune -exec rm -rf {} +
	@echo 'kept: .venv, results/ and figures/ but for logs and benchmarks, downloaded networks'

# --- The environment -------------------------------------------------------------------------------
# The stamp says for which folder a complete environment was made: scripts in .venv hold absolute
# paths, so a moved checkout needs a new one, and so does one whose interpreter is gone.
ifneq "$(shell test -x $(VENV)/bin/python && cat $(STAMP) 2>/dev/null)" "$(CURDIR)"
.PHONY: $(STAMP)
endif

# From the settings for pip the index and the certificates hold, for uv too, which does not read
# them by itself. Others, such as find-links, would make the outcome depend on the machine.
pip_setting = $$($(VENV)/bin/python -m pip config get global.$(1) 2>/dev/null || true)
package_settings = set -e; \
    index="$${PIP_INDEX_URL:-$(call pip_setting,index-url)}"; \
    cert="$${PIP_CERT:-$(call pip_setting,cert)}"; \
    if test -n "$$index" -a -z "$$UV_DEFAULT_INDEX$$UV_INDEX_URL"; then export UV_DEFAULT_INDEX="$$index"; fi; \
    if test -n "$$cert" -a -z "$$SSL_CERT_FILE"; then export SSL_CERT_FILE="$$cert"; fi

# Parsed by any Python, Python 2 included.
check_python = \
    command -v $(PYTHON) >/dev/null 2>&1 || \
        $(call fail,PYTHON to be an interpreter,no command $(PYTHON),install Python 3.11 or later or name yours: make setup PYTHON=python3.12); \
    $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
        $(call fail,Python 3.11 or later,$$($(PYTHON) -V 2>&1 | head -n 1) ($(PYTHON)),install a later one or name yours: make setup PYTHON=python3.12); \
    $(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
        $(call fail,Python with its modules venv and ensurepip,$$($(PYTHON) -V) without ($(PYTHON)),install them (Debian and Ubuntu: the package python3-venv) or name another Python: make setup PYTHON=python3.12)

# An environment without its stamp was interrupted and may lack files: it is made anew, from uv's
# cache in seconds. uv comes first, and setuptools, which builds the few packages that are published
# as source only, so that nothing unpinned runs; the pins of both are cut out of the lock file.
$(STAMP): $(LOCK) pyproject.toml
	@test "$$(cat $@ 2>/dev/null)" = "$(CURDIR)" && test -x $(VENV)/bin/python || { \
	    $(check_python); echo 'creating $(VENV)'; $(PYTHON) -m venv --clear $(VENV); }
	@rm -f $@
	@sed -nE '/^(setuptools|uv)==/,/[^\\]$$/p' $(LOCK) > $(VENV)/bootstrap.txt
	@$(package_settings); { \
	    $(VENV)/bin/python -m pip --isolated --disable-pip-version-check install --quiet --no-deps \
	        --only-binary :all: --require-hashes $${index:+--index-url "$$index"} $${cert:+--cert "$$cert"} \
	        --requirement $(VENV)/bootstrap.txt && \
	    $(VENV)/bin/uv pip sync --python $(VENV)/bin/python --no-build-isolation --require-hashes $(LOCK) && \
	    $(VENV)/bin/uv pip install --python $(VENV)/bin/python --quiet --no-deps --no-build-isolation --editable . ; \
	} || $(call fail,to install the packages of $(LOCK),the error above,make setup again: finished downloads are kept)
	@printf '%s\n' "$(CURDIR)" > $@

# What is compared against, what sends jobs to a cluster and what makes the site bring packages that
# nothing else needs: each has an environment of its own, with the versions of the lock file where
# both have a package.
# $(call environment,its folder,its lock file,the target that makes it)
environment = rm -rf $(1); $(package_settings); { \
    $(VENV)/bin/uv venv --quiet --python $(VENV)/bin/python $(1) && \
    $(VENV)/bin/uv pip install --quiet --python $(1)/bin/python --no-deps --only-binary :all: --require-hashes \
        --requirement $(VENV)/bootstrap.txt && \
    $(VENV)/bin/uv pip sync --quiet --python $(1)/bin/python --no-build-isolation --require-hashes $(2) && \
    $(VENV)/bin/uv pip install --quiet --python $(1)/bin/python --no-deps --no-build-isolation --editable . ; \
    } || $(call fail,to install the packages of $(2),the error above,make $(3) again: finished downloads are kept)

$(BENCH_VENV)/.installed: $(BENCH_LOCK) $(STAMP)
	@$(call environment,$(BENCH_VENV),$(BENCH_LOCK),bench)
	@touch $@

$(CLUSTER_VENV)/.installed: $(CLUSTER_LOCK) $(STAMP)
	@$(call environment,$(CLUSTER_VENV),$(CLUSTER_LOCK),test-cluster)
	@touch $@

$(DOCS_VENV)/.installed: $(DOCS_LOCK) $(STAMP)
	@$(call environment,$(DOCS_VENV),$(DOCS_LOCK),docs)
	@touch $@
