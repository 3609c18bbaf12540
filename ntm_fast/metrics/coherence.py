"""Topic coherence: NPMI over documents or windows of text, and C_v."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ntm_fast.checks import integer, number
from ntm_fast.data import Corpus
from ntm_fast.metrics.cooccurrence import (
    Cooccurrence,
    Encoder,
    count_documents,
    count_windows,
    word_ids,
)
from ntm_fast.metrics.topics import check_top_words

__all__ = ["c_v", "npmi"]

EPSILON = 1e-12
Texts = Iterable[Any]


def npmi(
    top_words: npt.ArrayLike,
    corpus: Corpus | Texts,
    *,
    n: int = 10,
    window: int | None = None,
    missing: float | None = None,
    vocabulary: Sequence[str] | None = None,
) -> npt.NDArray[np.float64]:
    """Normalised pointwise mutual information of each topic's n top words, in [-1, 1].

    NPMI(a, b) = log((p_ab + 1e-12) / (p_a p_b)) / -log(p_ab + 1e-12), averaged over the
    n (n-1) / 2 pairs of a topic; Bouma 2009, Aletras & Stevenson 2013. A pair with a word that
    never occurs scores -1, a pair that is in every document 1; never NaN. With n near the size V
    of the vocabulary any topics share most of their top words (at least 2n - V), and have similar
    NPMI: use n well below V / K to distinguish them.

    Parameters
    ----------
    top_words : int or str array [K, >= n]
        Best word first; `ntm_fast.metrics.top_words` makes them.
    corpus : Corpus, or iterable of texts
        p is the share of documents that hold the word or both words. Documents may also be given
        as tokenised texts: an iterable of lists of strings or of arrays of word ids.
    n : int
        Words per topic that count, >= 2.
    window : int, optional
        Take p over sliding windows of this many tokens; needs texts, a bag of words has no order.
        A text of L tokens gives max(1, L - window + 1) windows. Equal to gensim's c_npmi with
        the same window, also in this: a word with two copies in a window counts as absent once
        the first copy has left, until the next one enters.
    missing : float, optional
        Score, in [-1, 1], of two words that occur but never together; -1 is the limit of NPMI.
        By default the formula with its 1e-12 stands, which gives about -.6 to -.8.
    vocabulary : sequence of str [V], optional
        Needed when one of top_words and texts holds ids and the other strings.

    Returns
    -------
    float64 array [K]

    Raises
    ------
    ValueError, TypeError
        If an argument is out of range, or a word id or string is not in the vocabulary.

    Notes
    -----
    Equals gensim's `CoherenceModel(coherence="c_npmi")`, for whole documents with a window longer
    than any of them, except where gensim divides by zero (a word that never occurs: inf or NaN)
    or a pair is in every document (gensim: -1).
    """
    words = check_top_words(top_words, n, low=2)
    if window is not None:
        window = integer("window", window, low=1)
    if missing is not None:
        number("missing", missing, low=-1, high=1)
    if isinstance(corpus, Corpus):
        if window is not None:
            raise TypeError(
                f"window is {window!r} and corpus a Corpus, which has no word order; "
                "expected tokenised texts, or window=None"
            )
        counts = count_documents(words, corpus)
    else:
        counts = count_windows(words, _check_texts(corpus), window, vocabulary)
    if counts.n_units == 0:
        raise ValueError("corpus holds no documents; expected at least one")
    return _npmi_of_counts(counts, missing)


def _npmi_of_counts(counts: Cooccurrence, missing: float | None) -> npt.NDArray[np.float64]:
    """Mean over pairs i < j of NPMI, [K]."""
    n = counts.joint.shape[1]
    i, j = np.triu_indices(n, 1)
    p_single = np.einsum("kii->ki", counts.joint) / counts.n_units  # [K, n]
    p_joint = counts.joint[:, i, j] / counts.n_units  # [K, pairs]
    p_independent = p_single[:, i] * p_single[:, j]

    occur = p_independent > 0
    log_joint = np.log(p_joint + EPSILON)
    pmi = log_joint - np.log(p_independent, where=occur, out=np.zeros_like(p_joint))
    value = -pmi / np.where(p_joint == 1, 1, log_joint)
    value[p_joint == 1] = 1
    if missing is not None:
        value[p_joint == 0] = missing
    value[~occur] = -1
    return np.asarray(value.mean(axis=1))


def c_v(
    top_words: npt.ArrayLike,
    corpus: Corpus | Texts,
    *,
    n: int = 10,
    window: int = 110,
    vocabulary: Sequence[str] | None = None,
) -> npt.NDArray[np.float64]:
    """C_v coherence of each topic's n top words, by gensim; Röder, Both & Hinneburg 2015.

    The cosine between each word's vector of NPMI with the topic's words and the sum of those
    vectors, averaged over the words; NPMI from sliding windows.

    Parameters
    ----------
    top_words, n, vocabulary
        As in `npmi`.
    corpus : Corpus, or iterable of texts
        Tokenised texts if possible. A Corpus has lost the word order, so that each document is
        written out as a pseudo-document: its words in id order, each as often as it was counted
        (a fractional count rounded up). Figures from pseudo-documents depend on that order
        wherever a document is longer than the window: compare them only with each other.
    window : int
        Tokens in a window.

    Returns
    -------
    float64 array [K]
        A word that never occurs has the zero vector and scores 0 (gensim: NaN).

    Raises
    ------
    ImportError
        If gensim is not installed: ``pip install "ntm_fast[interop]"``.
    ValueError, TypeError
        As in `npmi`.
    """
    try:
        from gensim.corpora import Dictionary
        from gensim.models import CoherenceModel
    except ImportError as error:
        raise ImportError(
            'c_v needs gensim, of the extra "interop": pip install "ntm_fast[interop]"'
        ) from error
    words = check_top_words(top_words, n, low=2)
    window = integer("window", window, low=1)
    if isinstance(corpus, Corpus):
        words = word_ids(words, corpus.vocabulary)
        documents = list(_pseudo_documents(corpus))
    else:
        documents = list(_check_texts(corpus))
    if not documents:
        raise ValueError("corpus holds no documents; expected at least one")

    # gensim sees column numbers for words; -1 stands for all those that no topic has.
    columns, slots = np.unique(words, return_inverse=True)
    encode = Encoder(columns, vocabulary)
    encoded = [encode(document, number) for number, document in enumerate(documents)]
    seen = np.bincount(np.concatenate(encoded) + 1, minlength=len(columns) + 1)[1:] > 0
    topics = [topic[seen[topic]] for topic in slots.reshape(words.shape)]
    scored = [k for k, topic in enumerate(topics) if len(topic)]
    result = np.zeros(len(topics))
    if scored:
        names = [str(column) for column in range(len(columns))]
        model = CoherenceModel(
            topics=[[names[word] for word in topics[k]] for k in scored],
            texts=[[str(column) for column in document] for document in encoded],
            dictionary=Dictionary([names]),
            coherence="c_v",
            window_size=window,
            topn=n,
            processes=1,
        )
        # The mean over n words, of which the unseen score 0.
        share = [len(topics[k]) / n for k in scored]
        result[scored] = np.multiply(model.get_coherence_per_topic(), share)
    return result


def _pseudo_documents(corpus: Corpus) -> Iterator[npt.NDArray[Any]]:
    """Word ids of each document, in id order, each as often as it was counted."""
    for start, stop in zip(corpus.indptr[:-1], corpus.indptr[1:], strict=True):
        times = np.ceil(corpus.counts[start:stop]).astype(np.int64)
        yield np.repeat(corpus.indices[start:stop], times)


def _check_texts(texts: Any) -> Iterable[Any]:
    """texts, unless they are a string or a matrix of counts, whose rows would pass for ids."""
    matrix = getattr(texts, "ndim", 1) != 1
    if matrix or isinstance(texts, (str, bytes)) or not isinstance(texts, Iterable):
        raise TypeError(
            f"corpus is a {type(texts).__name__}; expected a Corpus (Corpus.from_scipy makes one "
            "of a matrix of counts) or an iterable of tokenised texts"
        )
    return texts
