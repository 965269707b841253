# Each target works alone, on a machine with Python 3.11 or newer, make and a package index.
PYTHON ?= python3
DATA_DIR ?= var
VENV := .venv
PY := $(VENV)/bin/python
PIP := $(PY) -m pip --disable-pip-version-check install --quiet --require-hashes --only-binary :all:
MODEL := $(DATA_DIR)/models/u2netp.onnx

.PHONY: demo test check bench lock clean
.DEFAULT_GOAL := demo

demo: $(VENV)/runtime $(MODEL)  ## everything with sample data on this machine; Ctrl-C stops it
	@$(PY) manage.py demo

test: $(VENV)/dev $(MODEL)  ## every test, those in a real browser too; a process for each core
	@$(PY) -m pytest -n logical --maxprocesses 8 --dist loadgroup $(ARGS)

check: $(VENV)/dev  ## style, types, imports, migrations
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/lint-imports
	$(VENV)/bin/djade --check $$(git ls-files 'templates/*.html')
	$(VENV)/bin/mypy
	$(PY) manage.py makemigrations --check --dry-run
	$(PY) manage.py check --fail-level WARNING

bench: $(VENV)/dev $(MODEL)  ## what docs/ says we measured, as ratios
	@$(PY) -m benchmarks

lock:  ## resolve requirements*.txt anew from pyproject.toml (needs uv)
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header pyproject.toml -o requirements.txt
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --extra scale -c requirements.txt pyproject.toml -o requirements-scale.txt
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --extra scale --extra dev -c requirements.txt pyproject.toml -o requirements-dev.txt

clean:  ## forget the environment and all data of this checkout
	rm -rf $(VENV) $(DATA_DIR)

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed, this is %s." % sys.version.split()[0] if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)

$(VENV)/runtime: requirements.txt | $(VENV)/bin/python
	$(PIP) -r requirements.txt
	@touch $@

$(VENV)/dev: requirements-dev.txt | $(VENV)/bin/python
	$(PIP) -r requirements-dev.txt
	@touch $@ $(VENV)/runtime

# Without the model the sandbox still answers, with a plain cut, and says so: the demo must not fail for it.
$(MODEL): | $(VENV)/bin/python
	@DATA_DIR=$(DATA_DIR) $(PY) -m dashboard.sandbox.model || echo "No segmentation model: the sandbox makes plain cuts."
