"""Other packages: collapsed Gibbs sampling by tomotopy, in C++, and figures of the rest.

Gibbs sampling is measured in the same way as our models, where tomotopy is installed. The topics of
the others were measured once, one seed each, on another machine (two cores of a server, November
2026), with the same corpora and definitions as in `quality`: 50 topics, top words by probability,
NPMI of the top 10 from document co-occurrence in the training documents, C_v by gensim, the share
of distinct words in the top 25, and the perplexity of held-out words of the test documents.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from ntm_fast import metrics
from ntm_fast.data import Corpus

INFERENCE_SWEEPS = 100

SOURCE = "measured on another machine, one seed"


class Peer(NamedTuple):
    """Figures of a package's topics, and the CPU seconds of its training."""

    system: str
    corpus: str
    run: str
    npmi: float
    c_v: float
    diversity: float
    perplexity: float
    cpu_seconds: float

    def row(self) -> dict[str, Any]:
        """The columns of `quality`."""
        return {
            "op": f"{self.system}, {self.run} quality",
            "seeds": 1,
            "npmi_10_by_probability": self.npmi,
            "diversity_25_by_probability": self.diversity,
            "c_v_by_probability": self.c_v,
            "perplexity": self.perplexity,
            "cpu_seconds": self.cpu_seconds,
        }


PEERS = (
    Peer("OCTIS ProdLDA", "20ng_prodlda", "100 epochs", 0.258, 0.513, 0.723, 1388, 306),
    Peer("dense torch ProdLDA", "20ng_prodlda", "100 epochs", 0.248, 0.524, 0.749, 1459, 146),
    Peer("TopMost ProdLDA", "20ng_prodlda", "25 epochs", 0.265, 0.585, 0.445, 1169, 48),
    Peer("TopMost ETM", "20ng_prodlda", "10 epochs", 0.120, 0.330, 0.922, 1218, 50),
    Peer("OCTIS NeuralLDA", "20ng_prodlda", "10 epochs", 0.149, 0.556, 0.462, 1171, 35),
    Peer("Pyro ProdLDA", "20ng_prodlda", "5 epochs", 0.139, 0.412, 0.528, 1784, 40),
    Peer("scikit-learn LDA online", "20ng_prodlda", "5 passes", 0.146, 0.413, 0.796, 1070, 33),
    Peer("gensim LdaMulticore", "20ng_prodlda", "5 passes", 0.174, 0.488, 0.566, 858, 123),
)


class GibbsLDA:
    """tomotopy's LDA on a Corpus, with the methods of our estimators that `quality` calls."""

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
        """Perplexity of held-out words."""
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
