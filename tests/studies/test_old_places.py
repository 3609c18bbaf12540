"""Modules and classes that moved are found where they were, with a warning that names the user."""

import importlib
import sys
import warnings

import pytest

import ntm_fast
from ntm_fast import data, ops, studies


@pytest.mark.parametrize("name", ["compare", "gradients"])
def test_old_places(name: str) -> None:
    sys.modules.pop(f"ntm_fast.{name}", None)
    with pytest.warns(DeprecationWarning, match=f"is now ntm_fast.studies.{name}"):
        found = importlib.import_module(f"ntm_fast.{name}")
    assert found is importlib.import_module(f"{studies.__name__}.{name}")


def test_old_names_warn_the_one_who_uses_them() -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert ntm_fast.InverseCDF is ntm_fast.DirichletVAEInverseCDF
        from ntm_fast import InverseCDF
        from ntm_fast.estimator import InverseCDF as Again

        assert data.Part is data.Subset
        assert data.Batch is ops.Bags
    assert InverseCDF is Again
    assert len(caught) >= 5
    assert {warning.filename for warning in caught} == {__file__}
