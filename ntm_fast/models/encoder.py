"""The inference network: from sparse counts to a hidden vector of each document."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from ntm_fast.bags import Bags
from ntm_fast.models.backend import Ops, OpsModule
from ntm_fast.models.batch_norm import dense
from ntm_fast.models.randomness import Masks, dropout


class Encoder(OpsModule):
    """Dense layers on bags of words; the first computes only with the nonzeros.

    Parameters
    ----------
    n_words : V
    sizes : width of each layer, at least one; the last is the width H of the output
    activation : "softplus" or "relu", after every layer
    dropout : probability of dropping an element of the output
    inputs : "counts" as they are, "log1p" of them, or "normalised" to sum to 1 in each document
    """

    def __init__(
        self,
        n_words: int,
        sizes: Sequence[int],
        *,
        activation: str,
        dropout: float,
        inputs: str,
        ops: Ops,
    ) -> None:
        super().__init__(ops)
        self.activation, self.dropout, self.inputs = activation, dropout, inputs
        self.weight = nn.Parameter(torch.empty(n_words, sizes[0]))  # word-major: rows are gathered
        self.bias = nn.Parameter(torch.zeros(sizes[0]))
        self.sparse_gradient = False  # of weight: see bow_linear's sparse_grad
        bound = 1 / math.sqrt(n_words)
        nn.init.uniform_(self.weight, -bound, bound)
        self.layers = nn.ModuleList(nn.Linear(before, after) for before, after in pairwise(sizes))

    def forward(self, batch: Bags, masks: Masks | None = None) -> Tensor:
        """Hidden vectors [B, H]; `masks` gives the dropout, None means no dropout."""
        given = batch._replace(counts=batch.counts.log1p()) if self.inputs == "log1p" else batch
        hidden = self.ops.bow_linear(self.weight, given, sparse_grad=self.sparse_gradient)
        hidden = hidden.to(self.bias.dtype)  # wider in evaluation
        if self.inputs == "normalised":
            hidden = hidden / document_lengths(batch)[:, None].to(hidden)
        hidden = self.ops.dense_layer(hidden, None, self.bias, self.activation)[0]
        for layer in self.layers:
            hidden = dense(self.ops, hidden, layer, None, self.activation)
        return dropout(hidden, self.dropout, masks)


def document_lengths(batch: Bags) -> Tensor:
    """Sum of each document's counts [B]; 1 for an empty document."""
    totals = torch.cat((batch.counts.new_zeros(1, dtype=torch.float64), batch.counts.double()))
    ends = totals.cumsum(0)[batch.indptr]
    lengths = ends.diff()
    return torch.where(lengths > 0, lengths, 1)
