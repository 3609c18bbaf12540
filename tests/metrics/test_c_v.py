import sys

import numpy as np
import pytest

from ntm_fast.metrics import c_v
from tests.metrics.corpora import corpus_of


def test_without_gensim_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("gensim", "gensim.corpora", "gensim.models"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError, match=r"ntm_fast\[interop\]"):
        c_v([[0, 1]], [[0, 1]], n=2)


def test_equals_gensim() -> None:
    models = pytest.importorskip("gensim.models")
    corpora = pytest.importorskip("gensim.corpora")
    rng = np.random.default_rng(0)
    counts = rng.poisson(0.7, (30, 8))
    counts[0] = 1  # every word occurs
    words = np.stack([rng.permutation(8)[:4] for _ in range(3)])
    texts = [[str(word) for word in np.repeat(np.arange(8), row)] for row in counts]
    model = models.CoherenceModel(
        topics=[[str(word) for word in topic] for topic in words],
        texts=texts,
        dictionary=corpora.Dictionary([[str(word) for word in range(8)]]),
        coherence="c_v",
        window_size=3,
        topn=4,
        processes=1,
    )
    expected = model.get_coherence_per_topic()
    result = c_v(words, corpus_of(counts.tolist()), n=4, window=3)  # pseudo-documents
    np.testing.assert_allclose(result, expected, rtol=0, atol=1e-12)
    again = c_v(words.astype(str), iter(texts), n=4, window=3)
    np.testing.assert_allclose(again, expected, rtol=0, atol=1e-12)


def test_words_that_never_occur_score_zero() -> None:
    pytest.importorskip("gensim")
    result = c_v([[0, 1, 2], [3, 4, 5]], [[0, 1], [0, 1, 6], [6]], n=3, window=2)
    assert 0 < result[0] <= 2 / 3
    assert result[1] == 0
