PYTHON ?= python3

# Builds ntm_fast/_C in place with the current Python, which must have torch, ninja and pybind11.
extension:
	$(PYTHON) setup.py --quiet build_ext --inplace

.PHONY: extension
