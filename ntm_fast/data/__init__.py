"""Corpora: reading, checking, storing and splitting them, and batches for training.

Names are imported at first use: corpora are prepared without torch, and the command line's help
lists the formats without NumPy.
"""

import warnings
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ntm_fast.data import datasets as datasets
    from ntm_fast.data.batches import CorpusTensors as CorpusTensors
    from ntm_fast.data.corpus import Corpus as Corpus
    from ntm_fast.data.corpus import Subset as Subset
    from ntm_fast.data.in_words import Known as Known
    from ntm_fast.data.in_words import in_words_of as in_words_of
    from ntm_fast.data.in_words import known_share as known_share
    from ntm_fast.data.origin import Origin as Origin
    from ntm_fast.data.readers.matrix import read_libsvm as read_libsvm
    from ntm_fast.data.readers.matrix import read_npz as read_npz
    from ntm_fast.data.readers.matrix import read_uci as read_uci
    from ntm_fast.data.readers.octis import read_octis as read_octis
    from ntm_fast.data.readers.read import read as read
    from ntm_fast.data.readers.table import read_table as read_table
    from ntm_fast.data.readers.texts import read_folder as read_folder
    from ntm_fast.data.readers.texts import read_text as read_text
    from ntm_fast.data.splits import split_tokens as split_tokens
    from ntm_fast.data.text.tokenisation import Tokenisation as Tokenisation
    from ntm_fast.data.text.vectorise import read_vocabulary as read_vocabulary
    from ntm_fast.data.text.vectorise import vectorise as vectorise
    from ntm_fast.data.words import select_words as select_words

_HOMES = {
    "batches": ("CorpusTensors",),
    "corpus": ("Corpus", "Subset"),
    "in_words": ("Known", "in_words_of", "known_share"),
    "origin": ("Origin",),
    "readers.matrix": ("read_libsvm", "read_npz", "read_uci"),
    "readers.octis": ("read_octis",),
    "readers.read": ("read",),
    "readers.table": ("read_table",),
    "readers.texts": ("read_folder", "read_text"),
    "splits": ("split_tokens",),
    "text.tokenisation": ("Tokenisation",),
    "text.vectorise": ("read_vocabulary", "vectorise"),
    "words": ("select_words",),
}
_RENAMED = {"Part": ("ntm_fast.data", "Subset"), "Batch": ("ntm_fast.bags", "Bags")}
_HOME = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f"ntm_fast.data.{_HOME[name]}"), name)
    if name == "datasets":
        return import_module("ntm_fast.data.datasets")
    if name in _RENAMED:
        home, new = _RENAMED[name]
        warnings.warn(f"ntm_fast.data.{name} is now {home}.{new}", DeprecationWarning, stacklevel=2)
        return getattr(import_module(home), new)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME, "datasets"})
