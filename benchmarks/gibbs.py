"""Collapsed Gibbs sampling by tomotopy, in C++, to be measured as our estimators are."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from ntm_fast import metrics
from ntm_fast.data import Corpus

INFERENCE_SWEEPS = 100


class GibbsLDA:
    """tomotopy's LDA on a Corpus, with the methods of our estimators that measuring takes."""

    def __init__(self, corpus: Corpus, n_topics: int, seed: int, workers: int) -> None:
        import tomotopy

        self.workers, self.vocabulary = workers, corpus.vocabulary
        self.model = tomotopy.LDAModel(k=n_topics, seed=seed)
        for words in self._texts(corpus):
            if words:
                self.model.add_doc(words)

    def _texts(self, corpus: Corpus) -> list[list[str]]:
        tokens = np.repeat(corpus.indices, corpus.counts.astype(np.int64))
        ends = np.cumsum(corpus.document_lengths.astype(np.int64))[:-1]
        return [[self.vocabulary[word] for word in text] for text in np.split(tokens, ends)]

    def fit(self, sweeps: int) -> None:
        """Sweep over the documents; then take the topics [K, V]."""
        self.model.train(sweeps, workers=self.workers)
        position = {word: i for i, word in enumerate(self.vocabulary)}
        columns = [position[word] for word in self.model.used_vocabs]
        self.beta: NDArray[np.float64] = np.zeros((self.model.k, len(self.vocabulary)))
        for topic in range(self.model.k):
            self.beta[topic, columns] = self.model.get_topic_word_dist(topic)

    def top_word_ids(self, n: int, *, relevance: float) -> NDArray[np.int64]:
        """Words that stand for each topic [K, n]."""
        return metrics.top_words(self.beta, n, relevance=relevance)

    def perplexity(self, corpus: Corpus) -> float:
        """Of held-out words."""
        return metrics.perplexity(self, corpus)

    def topic_proportions(self, corpus: Corpus) -> torch.Tensor:
        """θ [D, K] by tomotopy's own inference."""
        documents = [self.model.make_doc(words) for words in self._texts(corpus)]
        theta, _ = self.model.infer(documents, iterations=INFERENCE_SWEEPS, workers=self.workers)
        return torch.tensor(np.array(theta))

    def log_likelihood(self, theta: torch.Tensor, corpus: Corpus) -> torch.Tensor:
        """Σ_v x_dv log Σ_k θ_dk β_kv [D]."""
        theta_rows, beta = theta.double().numpy(), np.maximum(self.beta, 1e-300)
        values = np.empty(len(corpus))
        for document, (start, end) in enumerate(
            zip(corpus.indptr, corpus.indptr[1:], strict=False)
        ):
            p = theta_rows[document] @ beta[:, corpus.indices[start:end]]
            values[document] = corpus.counts[start:end] @ np.log(p)
        return torch.from_numpy(values)
