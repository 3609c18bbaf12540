"""Perplexity, by four definitions that each have a name, because published figures mix them."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple, Protocol, get_args, runtime_checkable

import numpy as np
import numpy.typing as npt
import torch

from ntm_fast.checks import choice, integer
from ntm_fast.data import Corpus, split_tokens
from ntm_fast.metrics.topics import documents_for, trained_model

__all__ = ["EvaluableModel", "PerplexityKind", "PredictiveModel", "perplexity"]

PerplexityKind = Literal["held_out_words", "per_word", "per_document", "elbo"]


class PredictiveModel(Protocol):
    """The methods of any trained topic model: enough for `held_out_words`."""

    def topic_proportions(self, corpus: Corpus) -> torch.Tensor:
        """Posterior mean θ [D, K] of each document, without randomness."""
        ...

    def log_likelihood(self, theta: torch.Tensor, corpus: Corpus) -> torch.Tensor:
        """Σ_v x_dv log p(v | θ_d) of each document [D], in nats; θ [D, K]."""
        ...


@runtime_checkable
class EvaluableModel(PredictiveModel, Protocol):
    """The further method of a variational topic model, in evaluation mode."""

    def elbo(self, corpus: Corpus, seed: int) -> torch.Tensor:
        """One-draw ELBO of each document [D], in nats, with running batch statistics."""
        ...


class Bounds(NamedTuple):
    """The figures that follow from the ELBO, by the names of `PerplexityKind`."""

    per_word: float | None
    per_document: float | None
    elbo: float | None


def perplexity(
    model: PredictiveModel,
    corpus: Corpus,
    kind: PerplexityKind = "held_out_words",
    seed: int = 0,
) -> float:
    """Perplexity of a corpus under a model: lower is better, V for uniform guessing.

    With N_d the tokens of document d and L_d its ELBO from one draw:

    ================ ===================================================================
    `held_out_words` exp(-Σ_d log p(half two_d | θ_d) / Σ_d tokens of half two_d), θ_d from
                     half one of the document's tokens, split at random. The default: it
                     predicts words that the model has not seen.
    `per_word`       exp(-Σ_d L_d / Σ_d N_d)
    `per_document`   exp(-mean_d(L_d / N_d)); short documents weigh as much as long ones
    `elbo`           mean_d L_d, nats per document: the bound itself, higher is better
    ================ ===================================================================

    Documents without words are left out. `held_out_words` also leaves out those with an empty
    half (always so for a single token): there is nothing to infer θ from or to predict.
    Sums are taken in float64. A word of probability 0 makes the perplexity infinite.

    Parameters
    ----------
    model : PredictiveModel, or for the other kinds an EvaluableModel, or a fitted estimator
    corpus : Corpus
        Documents not seen in training, over the model's vocabulary.
    kind : {"held_out_words", "per_word", "per_document", "elbo"}
    seed : int
        Seed of the split into halves, or of the ELBO's draw.

    Raises
    ------
    ValueError
        If kind is unknown or not one of the model's, no document is left to evaluate, or the
        model returns NaN or a tensor of another shape.
    TypeError
        If model or corpus is something else.
    """
    choice("kind", kind, get_args(PerplexityKind))
    seed = integer("seed", seed, low=0)
    inner = trained_model(model, "topic_proportions", "log_likelihood")
    model, corpus = inner, documents_for(model, corpus)
    if kind == "held_out_words":
        with torch.no_grad():
            return _held_out_words(model, corpus, seed)
    if not isinstance(model, EvaluableModel):
        raise ValueError(
            f"kind is {kind!r}, but {type(model).__name__} has no ELBO; expected 'held_out_words'"
        )
    found: float = getattr(bounds(model, corpus, seed), kind)
    return found


def bounds(model: EvaluableModel, corpus: Corpus, seed: int = 0) -> Bounds:
    """The three figures that follow from one pass of the ELBO; see `perplexity`."""
    tokens = corpus.document_lengths
    corpus, tokens = _keep(corpus, tokens, tokens > 0, "every document is empty")
    with torch.no_grad():
        bound = _per_document("elbo", model.elbo(corpus, seed), len(tokens))
    return Bounds(
        per_word=_exp(-bound.sum() / tokens.sum()),
        per_document=_exp(-np.mean(bound / tokens)),
        elbo=float(bound.mean()),
    )


def _held_out_words(model: PredictiveModel, corpus: Corpus, seed: int) -> float:
    seen, unseen = split_tokens(corpus, fraction=0.5, seed=seed)
    tokens = unseen.document_lengths
    both = (tokens > 0) & (seen.document_lengths > 0)
    why = "in every document one half of the tokens is empty"
    seen, _ = _keep(seen, tokens, both, why)
    unseen, tokens = _keep(unseen, tokens, both, why)
    # A model may have a θ of another kind than proportions, which its decoder takes.
    theta = getattr(model, "topic_codes", model.topic_proportions)(seen)
    log_p = _per_document("log_likelihood", model.log_likelihood(theta, unseen), len(tokens))
    return _exp(-log_p.sum() / tokens.sum())


def _keep(
    corpus: Corpus, tokens: npt.NDArray[np.float64], kept: npt.NDArray[np.bool_], why: str
) -> tuple[Corpus, npt.NDArray[np.float64]]:
    if not kept.any():
        raise ValueError(f"corpus has no document to evaluate: {why}")
    if kept.all():
        return corpus, tokens
    return corpus[np.flatnonzero(kept)], tokens[kept]


def _per_document(name: str, value: torch.Tensor, n_documents: int) -> npt.NDArray[np.float64]:
    if tuple(value.shape) != (n_documents,):
        raise ValueError(
            f"model.{name} returned shape {tuple(value.shape)}; expected ({n_documents},), "
            "one value per document"
        )
    array = value.detach().cpu().to(torch.float64).numpy()
    if np.isnan(array).any():
        first = int(np.flatnonzero(np.isnan(array))[0])
        raise ValueError(f"model.{name} returned NaN, first for evaluated document {first}")
    return np.asarray(array)


def _exp(value: np.floating[Any]) -> float:
    """exp that overflows to inf without a warning."""
    with np.errstate(over="ignore"):
        return float(np.exp(value))
