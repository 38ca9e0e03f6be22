# Everything a person or a machine does with this checkout. Needs Python 3.11 or later and nothing else.
# Each target makes what it lacks; a second run finds the stamp files in .venv and starts at once.

VENV    := .venv
BIN     := $(VENV)/bin
PIP     := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt
SOURCES := $(shell find src -name '*.py' -o -name '*.onnx')
RESULTS := benchmarks/results
WORKERS ?= 2
# Whole files are handed out, the long ones first: what the tests of a file share is made once.
BY_FILE := --dist loadfile --no-loadscope-reorder

# torch without CUDA (200 MB, not gigabytes) lives on PyTorch's own index; asked only where it answers.
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu

# An editable installation for the tests also serves the demo.
CORE := $(if $(wildcard $(VENV)/.installed-test),$(VENV)/.installed-test,$(VENV)/.installed-core)

.PHONY: help demo test check bench soak clean
.DELETE_ON_ERROR:

help:
	@echo 'make demo   install into .venv and watch the whole system decide on real bars'
	@echo 'make test   every test'
	@echo 'make check  format, lint, types, import floors, doctests, documents'
	@echo 'make bench  measure, results into $(RESULTS)/'
	@echo 'make soak   the long tests: thousands of examples, full-length training, 200 simulated markets'
	@echo 'make clean  remove everything these made, .venv too'

demo: $(CORE)
	@$(BIN)/lightning demo --out lightning-demo
	@echo "The report: $(CURDIR)/lightning-demo/report.html"

test: $(VENV)/.installed-test
	$(BIN)/python -m pytest -n $(WORKERS) $(BY_FILE)

check: $(VENV)/.installed-test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest --doctest-modules src/lightning_gex -q
	$(BIN)/python -m pytest tests/architecture -q

bench: $(VENV)/.installed-test
	@mkdir -p $(RESULTS)
	@set -e; for file in benchmarks/bench_*.py; do echo "$$file"; $(BIN)/python $$file; done

soak: $(VENV)/.installed-test
	@mkdir -p $(RESULTS)
	$(BIN)/python benchmarks/soak_report.py --workers $(WORKERS)
	HYPOTHESIS_PROFILE=soak LIGHTNING_SOAK=1 $(BIN)/python -m pytest -n $(WORKERS) --timeout 7200 

clean:
	rm -rf $(VENV) .bench build dist lightning-demo .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find src tests benchmarks examples -name __pycache__ -prune -exec rm -rf {} + 2>/dev/null || true

# What a user installs, as a user installs it.
$(VENV)/.installed-core: $(VENV)/.made pyproject.toml constraints.txt $(SOURCES)
	@echo 'Installing Lightning GEX into $(VENV) (the first time takes a few minutes) ...'
	@$(PIP) .
	@touch $@

# Every extra, so that what a user may install is what the tests met. The peers of `make bench` are not among them.
$(VENV)/.installed-test: $(VENV)/.made pyproject.toml constraints.txt
	@echo 'Installing Lightning GEX with its test tools into $(VENV) (the first time takes a few minutes) ...'
	@index='$(TORCH_INDEX)'; \
	$(BIN)/python -c "import sys, urllib.request as u; u.urlopen(sys.argv[1] + '/torch/', timeout=5)" "$$index" 2>/dev/null || index=''; \
	$(PIP) $${index:+--extra-index-url "$$index"} -e '.[alerts,rl,cluster,brokers,postgres,dev]'
	@touch $@

$(VENV)/.made:
	@set -eu; chosen=''; \
	for candidate in $(PYTHON) python3 python3.13 python3.12 python3.11 python; do \
	  if command -v "$$candidate" >/dev/null 2>&1 \
	    && "$$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; \
	  then chosen="$$candidate"; break; fi; \
	done; \
	if [ -z "$$chosen" ]; then \
	  echo "Lightning GEX needs Python 3.11 or later; found $$(python3 --version 2>&1 || echo none)." >&2; \
	  echo "Install one (https://www.python.org/downloads) or name it: make PYTHON=/path/to/python3.11 ..." >&2; exit 1; \
	fi; \
	if ! "$$chosen" -c 'import ensurepip, venv' 2>/dev/null; then \
	  echo "$$chosen cannot make virtual environments." >&2; \
	  echo "On Debian and Ubuntu: sudo apt install python3-venv (or python3.12-venv, as your version is)." >&2; exit 1; \
	fi; \
	[ -x $(BIN)/python ] || "$$chosen" -m venv $(VENV)
	@touch $@
