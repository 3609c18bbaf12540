"""Hypothesis strategies that ops on sparse counts share."""

from typing import NamedTuple

import torch
from hypothesis import strategies as st
from torch import Tensor


class CsrBatch(NamedTuple):
    """A batch of bags of words; ``batch[:3]`` are the arguments that every op takes."""

    indptr: Tensor  # [B+1]
    indices: Tensor  # [N]
    counts: Tensor  # [N]
    n_words: int


@st.composite
def csr_batches(
    draw: st.DrawFn,
    max_documents: int = 12,
    max_words: int = 60,
    max_length: int = 30,
    min_documents: int = 1,
    float_counts: bool = False,
) -> CsrBatch:
    """Ragged batches: empty documents, one word, repeated and unsorted indices, zero counts.

    Index tensors are int32 or int64, each by itself; counts are whole or fractional, float32 or
    float64, or int64 unless ``float_counts``. ``max_length`` bounds the nonzeros of a document.
    """
    documents = draw(st.integers(min_documents, max_documents))
    n_words = draw(st.integers(1, max_words))
    lengths = draw(st.lists(st.integers(0, max_length), min_size=documents, max_size=documents))
    generator = torch.Generator("cpu").manual_seed(draw(st.integers(0, 2**31)))
    n = sum(lengths)
    index_types = st.sampled_from([torch.int32, torch.int64])
    indptr = torch.tensor([0, *lengths]).cumsum(0).to(draw(index_types))
    favoured = draw(st.integers(1, n_words))  # few words: many repetitions
    indices = torch.randint(n_words - favoured, n_words, (n,), generator=generator, device="cpu")
    counts = torch.randint(1, 5, (n,), generator=generator, device="cpu").double()
    if draw(st.booleans()):  # stored zeros
        counts *= torch.rand(n, generator=generator, device="cpu") < 0.7
    types = [torch.float32, torch.float64]
    if draw(st.booleans()):
        counts *= torch.rand(n, generator=generator, device="cpu").double()
    elif not float_counts:
        types.append(torch.int64)
    indices, counts = indices.to(draw(index_types)), counts.to(draw(st.sampled_from(types)))
    device = torch.get_default_device()
    return CsrBatch(indptr, indices.to(device), counts.to(device), n_words)
