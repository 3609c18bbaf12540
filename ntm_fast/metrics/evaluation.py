"""What a model is worth: all figures in one record, with the reason where one is missing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from typing import Any

import numpy as np
import numpy.typing as npt

from ntm_fast.data import Corpus, known_share
from ntm_fast.metrics.coherence import c_v as c_v_of
from ntm_fast.metrics.coherence import npmi
from ntm_fast.metrics.diversity import redundancy, topic_diversity, topic_uniqueness
from ntm_fast.metrics.perplexity import Bounds, EvaluableModel, bounds, perplexity
from ntm_fast.metrics.topic_collapse import CollapseReport, collapse
from ntm_fast.metrics.topics import documents_for, top_words, trained_model
from ntm_fast.report import facts_as_text

__all__ = ["Evaluation", "evaluate", "evaluate_topics"]

COHERENT = 10  # top words of a topic whose coherence and redundancy are taken
DIVERSE = 25  # top words of a topic whose diversity and uniqueness are taken
NO_GENSIM = 'needs gensim, which is not installed: pip install "ntm_fast[interop]"'


@dataclass(frozen=True)
class Evaluation:
    """Figures of a model; `str(evaluation)` is a table of them.

    A figure that cannot be had is None. `notes` gives the reason by the figure's name, and also
    anything else that a reader of the figure has to know.

    Attributes
    ----------
    n_documents : documents whose words coherence is taken of, and collapse is looked for in
    n_coherent, n_diverse : top words of each topic that count, at most 10 and at most 25
    npmi_by_topic : NPMI of the n_coherent top words of each topic [K]
    c_v : mean C_v of the n_coherent top words
    diversity, uniqueness : of the n_diverse top words; uniqueness is the mean over topics
    redundancy : mean over topics, of the n_coherent top words
    n_held_out : documents of the perplexities and the ELBO
    known_share : share of the documents' words that the model knows, where they were counted by it
    perplexity, perplexity_per_word, perplexity_per_document, elbo : see `metrics.perplexity`
    collapse : signs of collapse
    notes : by the name of a figure
    incomparable : names of figures that must not be compared with those of other models; `notes`
        has the reasons
    """

    n_documents: int
    n_coherent: int
    n_diverse: int
    npmi_by_topic: tuple[float, ...] | None
    c_v: float | None
    diversity: float
    uniqueness: float
    redundancy: float
    n_held_out: int | None = None
    known_share: float | None = None
    perplexity: float | None = None
    perplexity_per_word: float | None = None
    perplexity_per_document: float | None = None
    elbo: float | None = None
    collapse: CollapseReport | None = None
    notes: Mapping[str, str] = field(default_factory=dict)
    incomparable: frozenset[str] = frozenset()

    @property
    def npmi(self) -> float | None:
        """Mean NPMI over topics."""
        return None if self.npmi_by_topic is None else float(np.mean(self.npmi_by_topic))

    @property
    def leading_topics(self) -> int | None:
        """Topics that are the largest of some document."""
        signs = self.collapse
        return None if signs is None else signs.n_topics - len(signs.never_dominant)

    @property
    def effective_topics(self) -> float | None:
        """exp(entropy of the mean θ)."""
        return None if self.collapse is None else self.collapse.effective_topics

    @property
    def duplicates(self) -> int | None:
        """Pairs of topics that are nearly the same."""
        return None if self.collapse is None else len(self.collapse.duplicates)

    def as_dict(self, *, comparable: bool = False) -> dict[str, Any]:
        """All figures by name, as JSON can hold them, and the notes where there are any.

        With `comparable` a figure that must not be compared with other models' is None.
        """
        figures: dict[str, Any] = {name: getattr(self, name) for name in _FIGURES}
        if comparable:
            figures |= dict.fromkeys(self.incomparable)
        return {**figures, "notes": dict(self.notes)} if self.notes else figures

    def facts(self) -> dict[str, object]:
        """Figures with their names in words; those that are missing are left out."""
        ten, many = self.n_coherent, self.n_diverse
        facts: dict[str, object] = {
            "documents": self.n_documents,
            "held-out documents": None if self.n_held_out == self.n_documents else self.n_held_out,
            "share of known words": self.known_share,
            f"NPMI of the top {ten} words": self.npmi,
            f"C_v of the top {ten} words": self.c_v,
            f"topic diversity, top {many}": self.diversity,
            f"topic uniqueness, top {many}": self.uniqueness,
            f"topic redundancy, top {ten}": self.redundancy,
            "perplexity, held out words": self.perplexity,
            "perplexity, per word": self.perplexity_per_word,
            "perplexity, per document": self.perplexity_per_document,
            "ELBO per document": self.elbo,
        }
        return {name: value for name, value in facts.items() if value is not None}

    def __str__(self) -> str:
        signs = {} if self.collapse is None else {"collapse": self.collapse.verdict}
        notes = {f"{name.replace('_', ' ')}": why for name, why in self.notes.items()}
        lines = [facts_as_text({**self.facts(), **signs})]
        return "\n".join([*lines, *(f"{name}: {why}" for name, why in notes.items())])


_FIGURES = (
    "npmi",
    "c_v",
    "diversity",
    "uniqueness",
    "redundancy",
    "perplexity",
    "perplexity_per_word",
    "perplexity_per_document",
    "elbo",
    "leading_topics",
    "effective_topics",
    "duplicates",
)


def evaluate(
    model: Any,
    corpus: Corpus,
    held_out: Corpus | None = None,
    *,
    texts: Iterable[Any] | None = None,
    c_v: bool = True,
    seed: int = 0,
) -> Evaluation:
    """Measure a trained model: coherence, diversity, perplexities, signs of collapse.

    Parameters
    ----------
    model : fitted estimator, or a model such as :class:`ntm_fast.models.TopicModel`
        An estimator's topics are read as `top_word_ids` ranks their words, those of other models
        by weight. A model without an ELBO or a posterior lacks the figures that need one.
    corpus : Corpus
        Documents whose words coherence is taken of, and in which collapse is looked for.
    held_out : Corpus, optional
        Documents of the perplexities and the ELBO; by default those of `corpus`.
    texts, c_v : see `evaluate_topics`
    seed : int
        Seed of the split into halves and of the ELBO's draw.

    Returns
    -------
    Evaluation

    Raises
    ------
    ValueError, TypeError
        As :func:`npmi`, :func:`perplexity` and :func:`collapse` do.
    """
    inner = trained_model(model, "topic_proportions", "log_likelihood")
    corpus = documents_for(model, corpus)
    tested = corpus if held_out is None else documents_for(model, held_out)
    found = evaluate_topics(_top_words(model, corpus.n_words), corpus, texts=texts, c_v=c_v)
    notes, incomparable = _notes(type(model).__name__, inner)
    held = perplexity(inner, tested, seed=seed)
    bound = bounds(inner, tested, seed) if isinstance(inner, EvaluableModel) else None
    if bound is None:
        why = f"{type(model).__name__} has no ELBO"
        notes |= dict.fromkeys(("perplexity_per_word", "perplexity_per_document", "elbo"), why)
        bound = Bounds(None, None, None)
    signs = None
    if hasattr(inner, "posterior_parameters") and hasattr(inner, "kl_per_topic"):
        signs = collapse(model, corpus, n=found.n_coherent)
    else:
        why = f"{type(model).__name__} has no posterior to look at"
        notes |= dict.fromkeys(("leading_topics", "effective_topics", "duplicates"), why)
    return replace(
        found,
        n_held_out=len(tested),
        known_share=None if corpus.words_read is None else known_share(corpus),
        perplexity=held,
        perplexity_per_word=bound.per_word,
        perplexity_per_document=bound.per_document,
        elbo=bound.elbo,
        collapse=signs,
        notes={**notes, **found.notes},
        incomparable=incomparable,
    )


def evaluate_topics(
    words: npt.ArrayLike,
    corpus: Corpus,
    *,
    texts: Iterable[Any] | None = None,
    c_v: bool = True,
) -> Evaluation:
    """The figures that need no more of a model than the top words of its topics.

    Parameters
    ----------
    words : int or str array [K, n]
        Top words, best first; the first 10 and the first 25 of them count, or all of fewer.
    corpus : Corpus
        Documents whose words coherence is taken of.
    texts : iterable of tokenised texts, optional
        The same documents with the order of their words, which C_v needs: see
        :func:`ntm_fast.metrics.c_v` for C_v without them.
    c_v : bool
        Whether C_v is computed. gensim, which does it, takes far longer than the rest.

    Raises
    ------
    ValueError, TypeError
        As :func:`npmi` does.
    """
    array = np.asarray(words)
    n_topics, many = array.shape[0], min(DIVERSE, array.shape[1])
    ten = min(COHERENT, many)
    notes: dict[str, str] = {}
    coherence = coherence_by_windows = None
    if ten < 2:
        notes |= dict.fromkeys(("npmi", "c_v") if c_v else ("npmi",), "needs two words")
    else:
        coherence = tuple(npmi(array, corpus, n=ten).tolist())
        if c_v and find_spec("gensim") is None:
            notes["c_v"] = NO_GENSIM
        elif c_v:
            documents = corpus if texts is None else texts
            scores = c_v_of(array, documents, n=ten, vocabulary=corpus.vocabulary)
            coherence_by_windows = float(scores.mean())
    possible = corpus.n_words / (n_topics * many)
    if possible < 1:
        notes["diversity"] = (
            f"at most {possible:.2f} with {corpus.n_words} words for the top {many}"
        )
    return Evaluation(
        n_documents=len(corpus),
        n_coherent=ten,
        n_diverse=many,
        npmi_by_topic=coherence,
        c_v=coherence_by_windows,
        diversity=float(topic_diversity(array, many)),
        uniqueness=float(topic_uniqueness(array, many).mean()),
        redundancy=float(redundancy(array, ten).mean()),
        notes=notes,
    )


def _top_words(model: Any, n_words: int) -> npt.NDArray[Any]:
    """The top words of each topic as the model ranks them, or by weight."""
    many = min(DIVERSE, n_words)
    if hasattr(model, "top_word_ids"):
        return np.asarray(model.top_word_ids(many))
    return top_words(trained_model(model, "topic_weights").topic_weights(), many)


def _notes(name: str, model: Any) -> tuple[dict[str, str], frozenset[str]]:
    """Notes on the figures of a model of ours, and the figures that must not be compared."""
    notes: dict[str, str] = {}
    if getattr(getattr(model, "settings", None), "decoder", None) == "poisson":
        why = (
            f"{name}'s bound is that of Poisson counts, the documents' lengths included, the"
            " others' that of words given the lengths; perplexity of held-out words compares"
        )
        notes |= dict.fromkeys(("perplexity_per_word", "perplexity_per_document", "elbo"), why)
    if getattr(getattr(model, "posterior", None), "kind", None) == "reals":
        why = f"{name}'s θ is any reals, not shares of topics"
        notes |= dict.fromkeys(("leading_topics", "effective_topics"), why)
    return notes, frozenset(notes)
