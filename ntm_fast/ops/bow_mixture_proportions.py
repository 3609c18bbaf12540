"""Topic proportions of documents under given topics."""

from __future__ import annotations

import torch
from torch import Tensor

from ntm_fast.bags import Bags, tensors_of
from ntm_fast.ops._checks import check_no_gradient, with_clear_errors
from ntm_fast.ops._registration import once_differentiable, widen

_op = torch.ops.ntm_fast.bow_mixture_proportions.default


def _fake(theta: Tensor, *_: Tensor | int) -> Tensor:
    return theta.new_empty(theta.shape)


_call = once_differentiable(_op, fake=_fake)


@with_clear_errors
def bow_mixture_proportions(
    theta: Tensor,
    topics: Tensor,
    prior: Tensor,
    indptr: Bags | Tensor,
    indices: Tensor | None = None,
    counts: Tensor | None = None,
    steps: int = 20,
) -> Tensor:
    """Posterior mean θ of each document under given topics, by updates of its own Dirichlet.

    γ_dk ← a_k + Σ_v x_dv w_dk β_vk / Σ_j w_dj β_vj with w = exp ψ(γ): coordinate ascent on the
    bound of latent Dirichlet allocation. It begins at γ = a + N_d θ_d, with N_d the sum of the
    document's counts, and gives γ / Σ γ. γ is kept in float64; sums over topics, and over 32 words,
    are taken in the topics' dtype, the others in float64. One document after the other: a thread
    holds some vectors of K elements and copies of at most 4 MiB of rows, nothing that grows with
    documents, words or nonzeros, and a document's θ does not depend on the other documents. A word
    whose Σ_j w_j β_j underflows is computed in log space; one that no topic has counts for nothing.
    With dense counts X, in plain PyTorch::

        gamma = prior + X.sum(1, keepdim=True) * theta
        for _ in range(steps):
            w = gamma.digamma().exp()
            gamma = prior + w * ((X / (w @ topics.T)) @ topics)
        gamma / gamma.sum(1, keepdim=True)

    Parameters
    ----------
    theta : Tensor [B, K], float32 or float64 (half types are computed in float32)
        Topic proportions to begin at: at least 0, each row summing to 1 (neither is checked).
    topics : Tensor [V, K], float32 or float64, whatever theta's dtype
        The topics' probabilities of each word, word-major, from 0 to 1 (not checked). A word's row
        may be divided by a number, such as its largest element: θ stays the same. Of float32
        topics θ has errors as of their rounding, 1e-6 or so.
    prior : Tensor [K], any real dtype
        Concentrations a of the Dirichlet prior, positive and finite.
    indptr, indices, counts : Tensor [B+1], [N], [N]
        The documents' words as CSR: int32 or int64, int32 or int64, any real dtype (read in that of
        topics). Repeated and unsorted indices are fine, fractional counts too. Instead of the
        three: :class:`Bags`, or a sparse CSR tensor [B, V].
    steps : int
        Number of updates, at least 0.

    Returns
    -------
    Tensor [B, K], of theta's dtype (float32 for half types)
        Without a gradient.

    Raises
    ------
    ValueError
        If shapes or dtypes do not fit, indptr is not one, an index is not in [0, V), a count is
        negative or not finite, a concentration is not positive and finite (NaN instead on CUDA),
        steps is negative, or a gradient is asked for.

    Source: Blei, Ng & Jordan, "Latent Dirichlet Allocation", 2003, section 5.2; that inference
    networks gain by it: Kim et al., "Semi-Amortized Variational Autoencoders", 2018.
    """
    name = "bow_mixture_proportions"
    indptr, indices, counts, _ = tensors_of(name, indptr, indices, counts, matrix=topics)
    if torch.is_grad_enabled():
        check_no_gradient(name, theta=theta, topics=topics, prior=prior, counts=counts)
    result: Tensor = _call(widen(theta), widen(topics), prior, indptr, indices, counts, steps)
    return result
