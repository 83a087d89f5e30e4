# Thin on purpose: two commands for a bare machine. The same as plain lines stand in README.md.

VENV ?= .venv
PYTHON ?= $(shell for p in python3.12 python3.11 python3 python; do \
  $$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 13))' >/dev/null 2>&1 \
  && echo $$p && break; done)

.PHONY: quickstart test lint clean

quickstart: $(VENV)/.has-voicekit
	$(VENV)/bin/voicekit quickstart --out quickstart
	$(VENV)/bin/consent verify quickstart/narration/*.mp3 quickstart/narration/*.flac quickstart/song/*.wav

test: $(VENV)/.has-tests
	$(VENV)/bin/python -m pytest

lint: $(VENV)/.has-lint
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy consent

$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { echo "voicekit needs Python 3.11 or 3.12; name one with PYTHON=..." >&2; exit 2; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.has-voicekit: pyproject.toml | $(VENV)/bin/python
	$(VENV)/bin/python -m pip install --quiet -e .
	touch $@

$(VENV)/.has-tests: pyproject.toml | $(VENV)/bin/python
	$(VENV)/bin/python -m pip install --quiet -e '.[test]'
	touch $@ $(VENV)/.has-voicekit

$(VENV)/.has-lint: pyproject.toml | $(VENV)/bin/python
	$(VENV)/bin/python -m pip install --quiet -e '.[dev]'
	touch $@

clean:
	rm -rf $(VENV) quickstart
