"""Corpora: reading, checking, storing and splitting them, and batches for training."""

import warnings
from typing import TYPE_CHECKING, Any

from ntm_fast.data import datasets as datasets
from ntm_fast.data.corpus import Corpus as Corpus
from ntm_fast.data.corpus import Subset as Subset
from ntm_fast.data.in_words import Known as Known
from ntm_fast.data.in_words import in_words_of as in_words_of
from ntm_fast.data.in_words import known_share as known_share
from ntm_fast.data.origin import Origin as Origin
from ntm_fast.data.readers import read as read
from ntm_fast.data.readers import read_folder as read_folder
from ntm_fast.data.readers import read_libsvm as read_libsvm
from ntm_fast.data.readers import read_npz as read_npz
from ntm_fast.data.readers import read_octis as read_octis
from ntm_fast.data.readers import read_table as read_table
from ntm_fast.data.readers import read_text as read_text
from ntm_fast.data.readers import read_uci as read_uci
from ntm_fast.data.splits import split_tokens as split_tokens
from ntm_fast.data.text.tokenisation import Tokenisation as Tokenisation
from ntm_fast.data.text.vectorise import read_vocabulary as read_vocabulary
from ntm_fast.data.text.vectorise import vectorise as vectorise
from ntm_fast.data.words import select_words as select_words

if TYPE_CHECKING:
    from ntm_fast.data.batches import Batch as Batch
    from ntm_fast.data.batches import CorpusTensors as CorpusTensors


def __getattr__(name: str) -> Any:
    if name in ("Batch", "CorpusTensors"):  # corpora are prepared without torch
        from ntm_fast.data import batches

        return getattr(batches, name)
    if name == "Part":
        warnings.warn("ntm_fast.data.Part is now called Subset", DeprecationWarning, stacklevel=2)
        return Subset
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
