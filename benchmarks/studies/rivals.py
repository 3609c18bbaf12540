"""Topics of other packages, measured once and not again in each run: one seed each.

On another machine (two cores of a server, November 2026), with the same corpora and definitions as
`benchmarks.quality`: topics of 50, top words by probability, NPMI of the top 10 from document
co-occurrence in the training documents, C_v by gensim, the share of distinct words in the top 25,
and the perplexity of held-out words of the test documents. Gibbs sampling by tomotopy is measured
with our models where it is installed, by `benchmarks.quality` and `benchmarks.classical`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

SOURCE = "measured on another machine, one seed"


class Peer(NamedTuple):
    """A package's topics: what they are worth, and the CPU seconds of its training."""

    system: str
    corpus: str
    run: str
    npmi: float
    c_v: float
    diversity: float
    perplexity: float
    cpu_seconds: float

    def row(self) -> dict[str, Any]:
        """As `benchmarks.quality` names it."""
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
