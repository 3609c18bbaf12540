# Each target sets up all it needs by itself, in a virtual environment:
#   make demo | test | lint | benchmark
#   VENV=.venv          the environment's folder; empty (make test VENV=) uses PYTHON as it is and
#                       installs nothing
#   PYTHON=python3      the Python that makes the environment
#   TORCH="torch==..."  another torch, with pip's options where it needs any:
#                       TORCH="torch==2.13.0 --index-url https://download.pytorch.org/whl/cpu"
VENV ?= .venv
PYTHON ?= python3
TORCH ?= torch==2.13.0
RUN = $(if $(VENV),$(VENV)/bin/python,$(PYTHON))

help:
	@echo "make demo       train on the docstrings of this Python installation and print the topics"
	@echo "make test       build, check the code's form, run all tests"
	@echo "make lint       check the code's form only (ruff, mypy, clang-format)"
	@echo "make benchmark  check and time every op against plain PyTorch (NAMES=\"kl_normal …\" for some)"
	@echo "make gpu        on a machine with a GPU: build, tests, sanitizer, benchmarks, one summary"
	@echo "make extension  build the extension in place with PYTHON, installing nothing"
	@echo "make clean      remove what was built (and the environment $(VENV))"

demo: ready
	$(RUN) -m ntm_fast demo

test: ready
	$(RUN) scripts/lint.py $(if $(VENV),,--skip-missing)
	$(RUN) -m pytest -q

lint: set-up
	$(RUN) scripts/lint.py $(if $(VENV),,--skip-missing)

benchmark: ready
	$(RUN) -m benchmarks $(NAMES)

# Installs nothing: PYTHON is one that has torch for the GPU (make gpu PHASES=build,tests SECONDS=570).
gpu:
	$(PYTHON) scripts/gpu_session.py $(if $(PHASES),--phases "$(PHASES)") \
		$(if $(SECONDS),--seconds $(SECONDS))

# Incremental: a second build with nothing changed takes seconds.
extension:
	$(PYTHON) setup.py --quiet build_ext --inplace

set-up:
	@scripts/set_up.sh "$(PYTHON)" "$(VENV)" "$(TORCH)"

ready: set-up
	@$(MAKE) --no-print-directory extension PYTHON="$(RUN)"

clean:
	rm -rf build dist *.egg-info ntm_fast/_C*.so .mypy_cache .ruff_cache .pytest_cache .hypothesis
	$(if $(VENV),rm -rf "$(VENV)")
	find . -name __pycache__ -not -path './.git/*' -prune -exec rm -rf {} +

.PHONY: help demo test lint benchmark gpu extension set-up ready clean
