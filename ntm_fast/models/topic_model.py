"""A topic model: encoder, posterior and decoder, its loss and its evaluation."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call

from ntm_fast import checks
from ntm_fast.bags import Bags
from ntm_fast.data import Corpus, CorpusTensors, Subset
from ntm_fast.models.backend import resolve
from ntm_fast.models.decoders import DECODERS, Mixture
from ntm_fast.models.encoder import Encoder, document_lengths
from ntm_fast.models.posteriors import POSTERIORS
from ntm_fast.models.randomness import Masks
from ntm_fast.models.score import ScoreTerm
from ntm_fast.settings import ModelSettings

# Documents evaluated together, and their nonzeros (a document with more is evaluated alone). A
# nonzero needs up to 40 bytes, 10 MiB in all.
EVALUATION_BATCH, EVALUATION_NONZEROS = 1024, 1 << 18
CHUNK = 1 << 22  # nonzeros read at a time: a corpus may be larger than memory


class Loss(NamedTuple):
    """Means over the documents of a batch, in nats: loss = kl_weight · kl − log_likelihood."""

    loss: Tensor
    log_likelihood: Tensor
    kl: Tensor


class TopicModel(nn.Module):
    """q(θ | x) and p(x | θ), trained on the ELBO by :class:`ntm_fast.training.Trainer`.

    Parameters
    ----------
    n_words : V
    settings : ModelSettings
    ops : module
        Computes the likelihoods and draws: :mod:`ntm_fast.ops` (default), or
        :mod:`ntm_fast.reference`, the same functions in plain PyTorch.
    """

    def __init__(
        self, n_words: int, settings: ModelSettings | None = None, *, ops: Any = None
    ) -> None:
        super().__init__()
        settings = ModelSettings() if settings is None else settings
        checks.integer("n_words", n_words, 1)
        checks.choice("posterior", settings.posterior, POSTERIORS)
        checks.choice("decoder", settings.decoder, DECODERS)
        backend = resolve(ops)
        self.n_words, self.settings = n_words, settings
        self.encoder = Encoder(
            n_words,
            settings.hidden,
            activation=settings.activation,
            dropout=settings.encoder_dropout,
            inputs=settings.inputs,
            ops=backend,
        )
        width = settings.hidden[-1]
        self.posterior = POSTERIORS[settings.posterior](width, settings, backend)
        self.decoder = DECODERS[settings.decoder](n_words, settings, backend)
        self.posterior.kind = self._kind_of_theta()
        self.score_term = ScoreTerm()
        if settings.refinement:
            self._mixture()

    @property
    def device(self) -> torch.device:
        """Where the parameters are."""
        return self.encoder.weight.device

    def begin_at(self, corpus: Corpus) -> None:
        """The old name of `init_background`."""
        warnings.warn(
            "TopicModel.begin_at is now called init_background", DeprecationWarning, stacklevel=2
        )
        self.init_background(corpus)

    def init_background(self, corpus: Corpus) -> None:
        """Start the words' background, if the decoder has one, at their frequencies in a corpus.

        A word that does not occur counts as half an occurrence.
        """
        self.check_corpus(corpus)
        counts = np.full(self.n_words, 0.5)
        for start in range(0, corpus.n_nonzeros, CHUNK):
            part = slice(start, start + CHUNK)
            counts += np.bincount(corpus.indices[part], corpus.counts[part], self.n_words)
        self.decoder.init_background(torch.from_numpy(counts))

    def loss(
        self,
        batch: Bags,
        seed: Tensor,
        kl_weight: Tensor | float = 1.0,
        n_samples: int = 1,
        free_bits: float = 0.0,
        diversity: Tensor | float = 0.0,
    ) -> Loss:
        """−ELBO of a batch, averaged over its documents: the objective of training.

        E_q[log p(x | θ)] is estimated by `n_samples` draws. A document's KL below `free_bits` nats
        is raised to that. `diversity` times the topics' overlap, which is not part of the ELBO, is
        added. The result depends only on parameters, batch and the 0-dim int64 `seed`: dropout
        comes from the seed too.

        Source: Kingma & Welling, "Auto-Encoding Variational Bayes", 2014; Kingma et al., "Improved
        Variational Inference with Inverse Autoregressive Flow", 2016 (free bits).
        """
        batch = batch.ordered()  # once for all ops and draws
        masks = Masks(seed, self.decoder.ops) if self.training else None
        q = self.posterior(self.encoder(batch, masks))
        kls = self.posterior.kl(q)
        kl = kls.mean()
        paid = kls.clamp(min=free_bits).mean() if free_bits > 0 else kl
        drop = self.settings.topic_dropout
        matrix = self.decoder.topic_matrix()
        likelihoods, log_weights = [], []
        for draw in range(n_samples):
            theta, log_weight = self.posterior.draw(q, seed + draw if draw else seed)
            theta = self.decoder.drop_topics(theta, drop, masks)
            likelihoods.append(self.decoder(theta, batch, matrix))
            if log_weight is not None:
                log_weights.append(log_weight)
        means = [likelihood.mean() for likelihood in likelihoods]
        mean = means[0] if n_samples == 1 else torch.stack(means).mean()
        loss = kl_weight * paid - mean
        if isinstance(diversity, Tensor) or diversity > 0:  # never wait for a tensor's value
            loss = loss + diversity * self.decoder.overlap(matrix)
        if log_weights:
            f, weights = torch.stack(likelihoods), torch.stack(log_weights)
            loss = loss - self.score_term(f, weights, document_lengths(batch))
        return Loss(loss, mean, kl)

    # -- evaluation: no dropout, running statistics ---------------------------------------------

    @torch.no_grad()
    def topic_proportions(self, corpus: Corpus) -> Tensor:
        """Posterior mean θ [D, K] of each document, its rows summing to 1, in float64.

        `topic_codes`, normalised if the posterior gives intensities or real numbers.
        """
        return self.posterior.proportions(self.topic_codes(corpus))

    @torch.no_grad()
    def topic_codes(self, corpus: Corpus) -> Tensor:
        """Posterior mean θ [D, K] of each document as the decoder takes it, in float64.

        Proportions, unless the posterior gives intensities or real numbers. There is no randomness.
        All layers except the first are computed in float64, so that a document's θ does not depend,
        in float32's last bits, on the documents that are evaluated with it.

        Memory beyond the result and the topics that a refined mixture keeps (4 V K bytes): at most
        40 bytes for each of 2^18 nonzeros, or of one document that has more, and some vectors as
        wide as the layers for each of 1,024 documents. No array has nonzeros × topics elements.
        Once the topics are kept, the time does not grow with V.
        """
        steps = self.settings.refinement
        encoder = _float64(self.encoder, but="weight")
        posterior = _float64(self.posterior)

        def proportions(batch: Bags, rows: slice) -> Tensor:
            hidden = functional_call(self.encoder, encoder, (batch,), tie_weights=False)
            q = functional_call(self.posterior, posterior, (hidden,), tie_weights=False)
            theta = self.posterior.mean(q)
            if not steps:
                return theta
            topics, prior = self._mixture().relative_topics(), self.posterior.prior_concentration()
            return self.decoder.ops.bow_mixture_proportions(
                theta, topics, prior.to(theta), batch, steps=steps
            )

        return self._evaluate(corpus, proportions)

    @torch.no_grad()
    def log_likelihood(self, theta: Tensor, corpus: Corpus) -> Tensor:
        """Σ_v x_dv log p(v | θ_d) of each document [D], in nats; θ [D, K] as of `topic_codes`."""
        if tuple(theta.shape) != (len(corpus), self.settings.n_topics):
            expected = (len(corpus), self.settings.n_topics)
            raise ValueError(f"theta has shape {tuple(theta.shape)}; expected {expected}")
        theta, matrix = theta.to(self.encoder.weight), self.decoder.topic_matrix()

        def likelihood(batch: Bags, rows: slice) -> Tensor:
            return self.decoder.words_log_likelihood(theta[rows], batch, matrix)

        return self._evaluate(corpus, likelihood)

    @torch.no_grad()
    def elbo(self, corpus: Corpus | Subset, seed: int = 0) -> Tensor:
        """log p(x | θ) − KL(q ‖ prior) of each document [D], in nats, at one draw of θ."""
        source, matrix = torch.Generator().manual_seed(seed), self.decoder.topic_matrix()

        def bound(batch: Bags, rows: slice) -> Tensor:
            q = self.posterior(self.encoder(batch))
            theta = self.posterior.sample(q, draw_seeds(source, 1)[0])
            likelihood: Tensor = self.decoder(theta, batch, matrix)
            return likelihood - self.posterior.kl(q)

        return self._evaluate(corpus, bound)

    @torch.no_grad()
    def kl_per_topic(self, corpus: Corpus) -> Tensor:
        """KL(q ‖ prior) of each document and topic [D, K], in nats.

        It is that of the topics' marginals if topics are not independent (Dirichlet posteriors).
        """

        def divergence(batch: Bags, rows: slice) -> Tensor:
            return self.posterior.kl_per_topic(self.posterior(self.encoder(batch)))

        return self._evaluate(corpus, divergence)

    @torch.no_grad()
    def posterior_parameters(self, corpus: Corpus) -> dict[str, Tensor]:
        """Parameters of q(θ | x) by name, such as "alpha", each [D, K]."""

        def parameters(batch: Bags, rows: slice) -> Tensor:
            return torch.stack(self.posterior(self.encoder(batch)), 1)

        values = self._evaluate(corpus, parameters)
        return dict(zip(self.posterior.names, values.unbind(1), strict=True))

    @torch.no_grad()
    def word_probabilities(self, theta: Tensor) -> Tensor:
        """p(v | θ_d) [D, V] for θ [D, K] as of `topic_codes`."""
        return self.decoder.word_probabilities(theta.to(self.encoder.weight))

    @torch.no_grad()
    def topic_weights(self) -> Tensor:
        """Each topic as a distribution over words [K, V]; see the decoder."""
        return self.decoder.topic_weights()

    @torch.no_grad()
    def topics_with_background(self) -> Tensor:
        """Topics [K, V] with what they share, to rank words by relevance; see the decoder."""
        return self.decoder.topics_with_background()

    def _kind_of_theta(self) -> str:
        """Check that the decoder accepts a θ that the posterior can give, and return its kind."""
        for kind in self.posterior.gives:
            if kind in self.decoder.accepts:
                return kind
        given, wanted = " or ".join(self.posterior.gives), " or ".join(self.decoder.accepts)
        raise ValueError(
            f"decoder is {self.settings.decoder!r}, which takes {wanted}; posterior"
            f" {self.settings.posterior!r} gives {given}"
        )

    def _mixture(self) -> Mixture:
        """The decoder, checked to be one whose θ can be refined."""
        if isinstance(self.decoder, Mixture) and self.posterior.kind == "proportions":
            return self.decoder
        raise ValueError(
            f"refinement is {self.settings.refinement}; expected 0 for decoder"
            f" {self.settings.decoder!r}: only mixtures' θ is refined"
        )

    def check_corpus(self, corpus: Corpus | Subset) -> None:
        """Raise TypeError unless it is a corpus, ValueError unless it has as many words."""
        if not isinstance(corpus, Corpus | Subset):
            raise TypeError(
                f"corpus is a {type(corpus).__name__}; expected a Corpus (Corpus.from_scipy makes"
                " one of a matrix of counts)"
            )
        if corpus.n_words != self.n_words:
            raise ValueError(
                f"corpus has a vocabulary of {corpus.n_words} words; expected"
                f" {self.n_words}, as the model has"
            )

    def _evaluate(self, corpus: Corpus | Subset, value: Callable[[Bags, slice], Tensor]) -> Tensor:
        self.check_corpus(corpus)
        if not len(corpus):
            raise ValueError("corpus has no documents; expected at least one")
        with evaluating(self):
            result: Tensor | None = None
            for batch, rows in in_chunks(corpus, self.device, self.decoder.ops):
                part = value(batch, rows)
                if result is None:
                    result = part.new_empty(len(corpus), *part.shape[1:])
                result[rows] = part
        assert result is not None
        return result


def _float64(module: nn.Module, but: str = "") -> dict[str, Tensor]:
    """Parameters and running statistics of a module in float64, except one."""
    named = (*module.named_parameters(), *module.named_buffers())
    return {n: t.double() for n, t in named if t.is_floating_point() and n != but}


def draw_seeds(source: torch.Generator, n: int) -> Tensor:
    """n seeds for samplers, int64 [n] on the CPU."""
    return torch.randint(2**63 - 1, (n,), generator=source, device="cpu")


def in_chunks(
    corpus: Corpus | Subset, device: torch.device, ops: Any
) -> Iterator[tuple[Bags, slice]]:
    """The documents in order, in batches of at most EVALUATION_BATCH and EVALUATION_NONZEROS.

    A document with more nonzeros is a batch of its own. Batches of a whole corpus on the CPU are
    views of it.
    """
    tensors = CorpusTensors(corpus, ops=ops)
    if isinstance(corpus, Subset):
        ends = np.concatenate(([0], np.cumsum(corpus.document_nonzeros)))
    else:
        ends = corpus.indptr
    start = 0
    while start < len(corpus):
        fitting = int(np.searchsorted(ends, ends[start] + EVALUATION_NONZEROS, side="right")) - 1
        stop = min(max(fitting, start + 1), start + EVALUATION_BATCH, len(corpus))
        if isinstance(corpus, Subset):
            batch = tensors.batch(torch.arange(start, stop, device="cpu"))
        else:
            indptr = tensors.indptr[start : stop + 1]
            part = slice(int(ends[start]), int(ends[stop]))
            batch = Bags(indptr - indptr[0], tensors.indices[part], tensors.counts[part])
        yield batch.to(device), slice(start, stop)
        start = stop


@contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """Evaluation mode within the block; a module that is already in it is not changed."""
    training = module.training
    changed = any(part.training for part in module.modules())
    if changed:
        module.eval()
    try:
        yield
    finally:
        if changed:
            module.train(training)
