"""Corpora: reading, checking, storing and splitting them, and batches for training."""

from ntm_fast.data.batches import Batch as Batch
from ntm_fast.data.batches import CorpusTensors as CorpusTensors
from ntm_fast.data.batches import gather_rows as gather_rows
from ntm_fast.data.corpus import Corpus as Corpus
from ntm_fast.data.splits import split_tokens as split_tokens
