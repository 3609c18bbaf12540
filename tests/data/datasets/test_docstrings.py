import re
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ntm_fast.data import datasets
from ntm_fast.data.datasets.cache import cache_folder
from ntm_fast.data.datasets.documentation_words import STOP_WORDS
from ntm_fast.data.datasets.extract import docstrings_of

SOURCE = '''
"""Whales and dolphins swim in oceans."""
__doc__ = None
module.__doc__ = "Permission to use, copy and modify whales is granted."
raise ImportError("nobody may import this")

class Ocean:
    """Salty water covers planets."""

    async def swim(self, x):
        """Whales swim through salty water."""
        def inner():
            """Fins push."""

if True:
    def drift():
        "Plankton drifts."
        """Not a docstring."""

add_docstr(torch.abs, r"""
Dolphins jump over {waves} in oceans, whales do not.
""".format(**common))
_add_newdoc("sea.lib", "tide", ("rise", "Tides rise with the moon " "and fall again."))
Ocean.depth.__doc__ = "Depth of " + "salty water."
x = add_docstr(object_without_text)
'''


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    root = tmp_path / "site" / "sealife"
    (root / "deep" / "tests").mkdir(parents=True)
    (root / "__init__.py").write_text(SOURCE)
    (root / "deep" / "squid.py").write_text(SOURCE.replace("Whales", "Squids"))
    (root / "deep" / "tests" / "test_squid.py").write_text('"""Whales whales whales whales"""')
    (root / "broken.py").write_text('"""Whales swim in oceans of water"""\ndef :')
    monkeypatch.syspath_prepend(tmp_path / "site")
    monkeypatch.setenv("NTM_FAST_CACHE", str(tmp_path / "cache"))
    return "sealife"


OPTIONS: dict[str, Any] = {"words_per_document": 2, "min_df": 1, "max_df": 1.0, "progress": False}


def test_docstrings_are_read_and_nothing_is_imported(tmp_path: Path) -> None:
    (tmp_path / "ocean.py").write_text(SOURCE)
    assert docstrings_of(str(tmp_path / "ocean.py")) == [
        ("", "Whales and dolphins swim in oceans."),
        ("module", "Permission to use, copy and modify whales is granted."),
        ("Ocean", "Salty water covers planets."),
        ("Ocean.swim", "Whales swim through salty water."),
        ("Ocean.swim.inner", "Fins push."),
        ("drift", "Plankton drifts."),
        ("torch.abs", "Dolphins jump over  in oceans, whales do not."),
        ("sea.lib.tide.rise", "Tides rise with the moon and fall again."),
        ("Ocean.depth", "Depth of salty water."),
    ]
    assert docstrings_of(str(tmp_path / "none.py")) == []


def test_a_corpus_of_docstrings(package: str) -> None:
    corpus = datasets.docstrings(packages=[package], n_jobs=1, **OPTIONS)
    assert corpus.labels is not None
    assert corpus.document_ids is not None
    documents = dict(zip(corpus.document_ids, corpus.labels, strict=True))
    assert documents["sealife.Ocean.swim"] == "sealife"
    assert documents["sealife.deep.squid.Ocean.swim"] == "sealife.deep"
    assert "sealife.torch.abs" in documents
    # Tests, files that are not Python and licences are left out.
    assert not [name for name in documents if re.search("test|broken|module", name)]
    # The class's docstring stands in both files: it is kept once.
    assert len([name for name in documents if name.endswith("Ocean")]) == 1
    assert {"whales", "squids", "salty"} <= set(corpus.vocabulary)
    assert package not in sys.modules
    everything = {**OPTIONS, "remove_stop_words": False, "max_df": 1.0}
    whole = datasets.docstrings(packages=[package], n_jobs=1, **everything)
    assert {"and", "the", "whales"} <= set(whole.vocabulary)
    assert not {"and", "the"} & set(corpus.vocabulary)


def test_workers_and_cache_give_the_same_corpus(
    package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = datasets.docstrings(packages=[package], n_jobs=1, cache=False, **OPTIONS)
    assert not (tmp_path / "cache").exists()
    assert datasets.docstrings(packages=[package], n_jobs=2, **OPTIONS) == first
    (folder,) = (tmp_path / "cache").iterdir()

    def build(*_: Any) -> None:
        raise AssertionError("the cache was not used")

    with monkeypatch.context() as patch:
        patch.setattr(import_module("ntm_fast.data.datasets.docstrings"), "_build", build)
        assert datasets.docstrings(packages=[package], **OPTIONS) == first
        with pytest.raises(AssertionError):  # other settings, another corpus
            datasets.docstrings(packages=[package], **{**OPTIONS, "min_df": 2})
    (folder / "counts.npy").write_bytes(b"")
    assert datasets.docstrings(packages=[package], n_jobs=1, **OPTIONS) == first
    assert np.load(folder / "counts.npy").size == first.counts.size


def test_a_cache_that_cannot_be_written_is_only_warned_of(
    package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("NTM_FAST_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.warns(UserWarning, match="cannot cache the docstrings"):
        assert len(datasets.docstrings(packages=[package], n_jobs=1, **OPTIONS))


def test_the_cache_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NTM_FAST_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", "x")
    assert cache_folder() == Path("x/ntm_fast")
    monkeypatch.setenv("NTM_FAST_CACHE", "y")
    assert cache_folder() == Path("y")


def test_labels_are_capped_and_short_documents_left_out(package: str) -> None:
    corpus = datasets.docstrings(
        packages=[package], documents_per_label=1, n_jobs=1, **{**OPTIONS, "words_per_document": 4}
    )
    assert corpus.labels == ("sealife", "sealife.deep")
    assert (corpus.document_lengths >= 4).all()


@pytest.mark.parametrize("name", ["no_such_package", "a.b", ""])
def test_a_package_that_is_not_there_is_named(name: str) -> None:
    with pytest.raises(ModuleNotFoundError, match=f"packages holds {name!r}"):
        datasets.docstrings(packages=[name])
    with pytest.raises(ValueError, match="n_jobs must be at least 1 or None, got 0"):
        datasets.docstrings(n_jobs=0)


def test_real_docstrings_hold_no_boilerplate() -> None:
    corpus = datasets.docstrings(packages=["numpy"], n_jobs=1, cache=False, progress=False)
    assert len(corpus) > 100
    assert all(label.startswith("numpy") for label in corpus.labels or ())
    assert not STOP_WORDS & set(corpus.vocabulary)
