"""What all estimators share: fitting, transforming and measuring, as scikit-learn does it."""

from __future__ import annotations

import os
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import Field, dataclass, field, fields
from numbers import Integral
from pathlib import Path
from typing import Any, ClassVar, TypeVar, cast

import numpy as np
import scipy.sparse as sp
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from ntm_fast import checks, metrics
from ntm_fast.data import Corpus, Known, Subset, in_words_of, vectorise
from ntm_fast.data.corpus import split_rows
from ntm_fast.data.text.tokenisation import as_texts
from ntm_fast.data.validation import checked_vocabulary
from ntm_fast.estimator.docstring import described
from ntm_fast.estimator.fit_record import FitRecorder, NamedRecipe, source_of
from ntm_fast.estimator.keywords import Keywords
from ntm_fast.estimator.saved_estimator import SavedEstimator
from ntm_fast.estimator.scikit_learn import Base
from ntm_fast.estimator.summary import summary
from ntm_fast.metrics.perplexity import PerplexityKind
from ntm_fast.models import TopicModel
from ntm_fast.models.backend import choose_device
from ntm_fast.models.unused import check_used, without_effect
from ntm_fast.recipes import RECIPES, current_model
from ntm_fast.settings import SETTINGS, Recipe, Setting, explains_keywords, what_to_write
from ntm_fast.training import Callback, Epoch, Trainer, TrainingInterrupted
from ntm_fast.training.checkpoint import seed_of

E = TypeVar("E", bound="TopicEstimator")
_ONE_AT_A_TIME = threading.Lock()  # that seeds torch's generator, which all threads share
_EXPECTED = "expected counts [D, V], a list or one column of texts, or a Corpus"
LEAST_BATCH, STEPS = 32, 16  # of a corpus so small that an epoch has no more steps
EpochCallback = Callable[[Epoch], "bool | None"]


ESTIMATORS: dict[str, type[TopicEstimator]] = {}  # by name: those that a saved model can be


def parameter(
    default: Any,
    kind: str,
    doc: str,
    saved: Callable[[str, Any], Any] = lambda _, value: value,
) -> Any:
    """A keyword of an estimator that is no setting of its model or training.

    `saved` checks the value that the file of a saved model has.
    """
    return field(default=default, metadata={"setting": Setting(kind, doc, "", saved, str)})


@explains_keywords
@dataclass(eq=False, repr=False, kw_only=True)
class TopicEstimator(Keywords, Base):
    """What all the estimators share; None for a setting means the recipe's value."""

    checkpoint: str | os.PathLike[str] | None = parameter(
        None, "path", "File that the run's state is saved to after each epoch and at Ctrl-C."
    )
    random_state: Any = parameter(
        None,
        "int or RandomState",
        "With an int, two fits give the same bits.",
        lambda name, value: checks.integer(name, value, 0),
    )
    device: str = parameter(
        "auto", "'auto', 'cpu' or 'cuda'", "'auto' is a GPU, if there is one that can be used."
    )
    verbose: int | bool = parameter(0, "int or bool", "Whether to show a progress bar.")

    recipe: ClassVar[Recipe]
    _ops: ClassVar[Any] = None  # the module that computes; None is ntm_fast.ops

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if cls.__name__.startswith("_"):
            return
        if cls.__module__.startswith("ntm_fast."):
            ESTIMATORS[cls.__name__] = cls
        if cls.__dict__.get("__doc__"):
            cls.__doc__ = described(cls, _parameters_of(cls), cls.recipe)

    # -- fitting --------------------------------------------------------------------------------

    def fit(
        self: E,
        X: Any,
        y: Any = None,
        *,
        vocabulary: Sequence[str] | Mapping[str, int] | None = None,
        resume_from: str | os.PathLike[str] | None = None,
        callback: EpochCallback | None = None,
        callbacks: Sequence[Callback] = (),
    ) -> E:
        """Learn topics.

        Parameters
        ----------
        X : scipy sparse matrix, array [D, V], Corpus, or texts
            Counts of words in documents, >= 0; fractional weights are fine. Texts (a list, array
            or Series of str, or lists of words) are counted by :func:`ntm_fast.data.vectorise`
            as it does by default.
        y : ignored
        vocabulary : V words in the order of the columns, or their columns by word as a
            vectoriser's `vocabulary_`, for a matrix without names of columns
        resume_from : checkpoint of an earlier fit, which is continued bit for bit. Other documents
            or settings than it was made with raise ValueError naming them, and so does another
            random_state; None continues with the run's. `epochs` and `patience` may be others
        callback : called with each :class:`ntm_fast.training.Epoch`; True stops the training
        callbacks : what watches, logs or stops the training, such as
            :class:`ntm_fast.JSONLines` or a :class:`ntm_fast.Callback` of your own
        """
        run = FitRecorder("fit")
        recipe = self.chosen_recipe()
        corpus = self._corpus(X, vocabulary, reset=True)
        # A run that goes on holds out the documents that it held out before.
        seed = self._seed() if resume_from is None else self._seed_of(resume_from)
        train: Corpus | Subset = corpus
        held_out: Subset | None = None
        if recipe.training.validation_fraction > 0 and len(corpus) > 1:
            rows = split_rows(len(corpus), recipe.training.validation_fraction, 0.0, seed)
            parts = [Subset(corpus, chosen) for chosen in rows[:2]]
            if all(part.document_nonzeros.any() for part in parts):
                train, held_out = parts
        model = self._new_model(corpus, recipe, seed)
        trainer = self._new_trainer(
            model, self._with_steps(recipe, len(train)), seed, callback, callbacks
        )
        trainer.run.facts["n_documents"] = len(corpus)
        if resume_from is not None:
            trainer.resume(resume_from, train)
        self.__dict__.pop("_trainer", None)
        run.begin(trainer, train, held_out)
        try:
            trainer.fit(train, held_out)
        except TrainingInterrupted:
            self._finish(trainer, run)  # what was learned so far can be used
            raise
        return self._finish(trainer, run)

    def partial_fit(
        self: E,
        X: Any,
        y: Any = None,
        *,
        vocabulary: Sequence[str] | Mapping[str, int] | None = None,
        callbacks: Sequence[Callback] = (),
    ) -> E:
        """One pass over documents, without validation.

        A fitted model is continued: schedules, `history_` and `n_epochs_` go on where they were.
        `callbacks` are as in `fit`, for this pass alone.
        """
        fitted = hasattr(self, "model_")
        run = FitRecorder("partial_fit", getattr(self, "record_", None) if fitted else None)
        corpus = self._corpus(X, vocabulary, reset=not fitted)
        if not hasattr(self, "_trainer"):
            seed = self._seed()
            recipe = self.chosen_recipe()
            model = self.model_ if fitted else self._new_model(corpus, recipe, seed)
            self._trainer = self._new_trainer(model, recipe, seed, None)
            if fitted:
                self._trainer.run.history = list(self.history_)
                self._trainer.state.epoch = self.n_epochs_
        settings, done = self._trainer.settings, self._trainer.state.epoch
        if settings.learning_rate_schedule != "constant" and done >= settings.epochs:
            raise ValueError(
                f"learning_rate_schedule is {settings.learning_rate_schedule!r}, whose"
                f" {settings.epochs} epochs are over: nothing would be learned; expected 'constant'"
            )
        self._trainer.callbacks = callbacks
        run.begin(self._trainer, corpus)
        try:
            self._trainer.fit(corpus, epochs=done + 1)
        except TrainingInterrupted:
            self._finish(self._trainer, run)  # as `fit` does
            raise
        return self._finish(self._trainer, run)

    def _seed(self) -> int:
        return int(check_random_state(self.random_state).randint(2**31 - 1))

    def _seed_of(self, checkpoint: str | os.PathLike[str]) -> int:
        """The seed of the run to continue; MismatchError where an int random_state is another."""
        if not isinstance(self.random_state, Integral):
            return seed_of(checkpoint, None, None)
        return seed_of(checkpoint, int(self.random_state), self._seed())

    def set_params(self: E, **params: Any) -> E:
        """Set parameters by their names, as scikit-learn does; ValueError for an unknown name."""
        known = set(self.get_params(deep=False))
        for name in params.keys() - known:
            raise ValueError(what_to_write(type(self).__name__, name, params[name], known))
        return super().set_params(**params)

    def chosen_recipe(self) -> Recipe:
        """The recipe with the settings given here, checked.

        Raises as `fit` does: TypeError or ValueError naming a setting and what was expected,
        UnusedSettingError, a ValueError, where the model does not use it.
        """
        recipe, base = self._recipes()
        check_used(recipe, base)
        return recipe

    def _recipes(self) -> tuple[Recipe, Recipe]:
        """The recipe with the settings given here, and without any but the number of topics."""
        given = {name: getattr(self, name, None) for name in SETTINGS}
        base = self._base_recipe()
        recipe = base.changed(**{n: value for n, value in given.items() if value is not None})
        return recipe, base.changed(n_topics=recipe.model.n_topics)

    def _with_steps(self, recipe: Recipe, n_documents: int) -> Recipe:
        """The recipe with smaller batches for few documents, unless batch_size is given.

        An epoch of 800 documents would be four steps of 200, and all epochs too few of them.
        """
        if self.batch_size is not None:
            return recipe
        most = max(LEAST_BATCH, n_documents // STEPS)
        return recipe.changed(batch_size=min(recipe.training.batch_size, most))

    def _base_recipe(self) -> Recipe:
        """The recipe that the settings given here depart from."""
        return self.recipe

    def _named_recipe(self) -> NamedRecipe:
        """The recipe that a record says the settings depart from: the class's own, if it has one.

        Else the one of another model that they depart from.
        """
        cls, base = type(self), self._base_recipe()
        name = cls.__name__
        if cls.recipe == RECIPES.get(name):
            base = cls.recipe
        else:
            name = next((known for known, other in RECIPES.items() if other == base), name)
        return NamedRecipe(name, base, source_of(cls), self._ops)

    def _new_model(self, corpus: Corpus, recipe: Recipe, seed: int) -> TopicModel:
        device = choose_device(self.device)
        with _ONE_AT_A_TIME, torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            model = TopicModel(corpus.n_words, recipe.model, ops=self._ops)
        model.init_background(corpus)
        return model.to(device)

    def _new_trainer(
        self,
        model: TopicModel,
        recipe: Recipe,
        seed: int,
        callback: EpochCallback | None,
        callbacks: Sequence[Callback] = (),
    ) -> Trainer:
        given = self.random_state
        return Trainer(
            model,
            recipe.training,
            seed=seed,
            callbacks=callbacks,
            progress=bool(self.verbose),
            callback=callback,
            checkpoint=self.checkpoint,
            facts={
                "estimator": type(self).__name__,
                "random_state": int(given) if isinstance(given, Integral) else None,
            },
        )

    def _finish(self: E, trainer: Trainer, run: FitRecorder) -> E:
        self.model_ = trainer.model.eval()
        self.history_ = trainer.history
        self.n_epochs_ = trainer.state.epoch
        self.record_ = run.record(trainer, self._named_recipe())
        self.read_topics()
        return self

    def read_topics(self) -> None:
        """Set what follows from the model's weights."""
        self.components_ = self.model_.topic_weights().cpu().numpy()
        self._n_features_out = len(self.components_)

    def _corpus(
        self,
        X: Any,
        vocabulary: Sequence[str] | Mapping[str, int] | None = None,
        *,
        reset: bool = False,
    ) -> Corpus:
        texts = as_texts(X, all_missing=not reset)
        if texts is not None:
            if not reset:
                return self.read(texts)
            counted = {} if vocabulary is None else {"vocabulary": checked_vocabulary(vocabulary)}
            X = vectorise(texts, **counted)  # type: ignore[arg-type]
        if isinstance(X, Corpus):
            if not reset:
                return self.read(X)
            corpus = _named(X, vocabulary)
            self.__dict__.pop("feature_names_in_", None)
            self.n_features_in_ = corpus.n_words
            self._learn_words(corpus)
            return corpus
        if isinstance(X, str | os.PathLike):
            raise TypeError(
                f"X is {str(X)[:50]!r}; {_EXPECTED}, as ntm_fast.data.read makes of a file"
            )
        if isinstance(X, Mapping | Set | Iterator | bytes) and not sp.issparse(X):  # DOK is a dict
            raise TypeError(f"X is a {type(X).__name__}; {_EXPECTED}")
        try:
            X = validate_data(
                self,
                X,
                accept_sparse="csr",
                dtype=[np.float64, np.float32],
                ensure_non_negative=True,
                reset=reset,
            )
        except ValueError as error:
            if not str(error).startswith("could not convert string to float"):
                raise
            raise ValueError(f"X is a {type(X).__name__} that holds text; {_EXPECTED}") from None
        if reset:
            names = getattr(self, "feature_names_in_", None) if vocabulary is None else vocabulary
            corpus = Corpus.from_scipy(X, names)
            self._learn_words(corpus)
            return corpus
        return Corpus.of_counts(X if sp.issparse(X) else sp.csr_array(X), self.vocabulary_)

    def _learn_words(self, corpus: Corpus) -> None:
        self.vocabulary_, self.origin_ = corpus.vocabulary, corpus.origin
        self.numbered_words_ = corpus.numbered

    # -- use ------------------------------------------------------------------------------------

    def read(self, documents: Any, **options: Any) -> Corpus:
        """Documents counted in the model's words, as the corpus was that it was trained on.

        `documents` is a path as of :func:`ntm_fast.data.read`, a list of texts, or a Corpus;
        `options` are those of the reader. `Corpus.known_words` has the share of each document's
        words that the model knows. See :func:`ntm_fast.data.in_words_of`.
        """
        check_is_fitted(self, "model_")
        known = Known(self.vocabulary_, self.origin_, self.numbered_words_)
        return in_words_of(known, documents, **options)

    def transform(self, X: Any) -> NDArray[Any]:
        """Topic proportions θ [D, K]: the posterior's mean, rows sum to 1.

        X is as in `fit`. Texts are counted, and the columns of a Corpus matched, by the model's
        words (`read`); the columns of a matrix are those of `fit`. A document without one known
        word has the proportions that the model expects of none.
        """
        check_is_fitted(self, "model_")
        theta = self.model_.topic_proportions(self._corpus(X)).cpu().numpy()
        dtype = getattr(X, "dtype", None)
        return np.asarray(theta, dtype=np.float32 if dtype == np.float32 else np.float64)

    def score(self, X: Any, y: Any = None) -> float:
        """Mean ELBO per word of text, in nats (one draw): higher is better."""
        return -float(np.log(self.perplexity(X, kind="per_word")))

    def perplexity(self, X: Any, kind: PerplexityKind = "held_out_words", seed: int = 0) -> float:
        """Perplexity of documents; see :func:`ntm_fast.metrics.perplexity`."""
        if kind == "elbo":
            warnings.warn(
                'perplexity(kind="elbo") is now elbo(X): it is no perplexity, and higher is better',
                DeprecationWarning,
                stacklevel=2,
            )
            return self.elbo(X, seed)
        check_is_fitted(self, "model_")
        return metrics.perplexity(self.model_, self._corpus(X), kind, seed)

    def elbo(self, X: Any, seed: int = 0) -> float:
        """Mean ELBO per document, in nats: higher is better.

        From one draw of θ per document; documents without words are left out.
        """
        check_is_fitted(self, "model_")
        return metrics.perplexity(self.model_, self._corpus(X), "elbo", seed)

    def summary(self, n: int = 10) -> str:
        """The model as text: its recipe, documents, ELBO, and the n top words of each topic."""
        check_is_fitted(self, "model_")
        ids = self.top_word_ids(min(checks.integer("n", n, 1), len(self.vocabulary_)))
        topics = [[self.vocabulary_[word] for word in topic] for topic in ids]
        record = getattr(self, "record_", None)
        return summary(type(self).__name__, self.model_, record, self.history_, topics)

    def word_probabilities(self, theta: ArrayLike) -> NDArray[np.float32]:
        """p(v | θ) [D, V] for topic proportions θ [D, K]."""
        check_is_fitted(self, "model_")
        values = torch.as_tensor(np.asarray(theta))
        if values.ndim != 2 or values.shape[1] != len(self.components_):
            expected = f"[D, {len(self.components_)}]"
            raise ValueError(f"theta has shape {tuple(values.shape)}; expected {expected}")
        return np.asarray(self.model_.word_probabilities(values).cpu().numpy())

    def top_words(
        self,
        n: int | None = None,
        *,
        relevance: float = metrics.RELEVANCE,
        vocabulary: Sequence[str] | Mapping[str, int] | None = None,
    ) -> list[list[str]]:
        """The n words that stand for each topic (10, or all if they are fewer), best first.

        Ranked by :func:`ntm_fast.metrics.relevance_of_words` of the topics with their background:
        a word that is likely in all topics stands for none. `relevance=1` ranks by `components_`
        alone. `vocabulary` has the V words of a model that was trained on counts without any, as
        behind a vectoriser in a pipeline: ``model.top_words(vocabulary=vectoriser.vocabulary_)``.
        """
        ids = self.top_word_ids(n, relevance=relevance)
        words = self.vocabulary_
        if vocabulary is not None:
            words = checked_vocabulary(vocabulary, len(words))
        elif self.numbered_words_:
            warnings.warn(
                "the words are numbers of columns, since the counts came without words: pass"
                " vocabulary= here or to fit (vectoriser.vocabulary_), or fit to texts",
                stacklevel=2,
            )
        return [[words[word] for word in topic] for topic in ids]

    def top_word_ids(
        self, n: int | None = None, *, relevance: float = metrics.RELEVANCE
    ) -> NDArray[np.int64]:
        """The `top_words` as numbers of columns [K, n]."""
        check_is_fitted(self, "model_")
        n = min(10, len(self.vocabulary_)) if n is None else n
        if relevance == 1:
            return metrics.top_words(self.components_, n)
        topics = self.model_.topics_with_background()
        return metrics.top_words(topics, n, relevance=relevance)

    # -- disk -----------------------------------------------------------------------------------

    def save(self, folder: str | os.PathLike[str], *, overwrite: bool = False) -> None:
        """Write the fitted model to a folder, whole or not at all.

        Raises FileExistsError for a folder that exists, unless `overwrite=True` and the folder
        holds a model, which is replaced; what else lies in the folder stays there.
        """
        check_is_fitted(self, "model_")
        saved = SavedEstimator(
            estimator=type(self).__name__,
            parameters=self.get_params(deep=False),
            numbered_words=self.numbered_words_,
            named_columns=hasattr(self, "feature_names_in_"),
            history=self.history_,
            record=getattr(self, "record_", None),
        )
        saved.save(
            self.model_, folder, self.vocabulary_, _parameters_of(type(self)), overwrite=overwrite
        )

    @classmethod
    def load(cls: type[E], folder: str | os.PathLike[str]) -> E:
        """The fitted estimator saved in a folder, of the class that it was saved from.

        `checkpoint`, `device` and `verbose` have their defaults: they are not saved.

        Raises FileNotFoundError, or ValueError naming what is damaged or foreign, or that the
        folder holds another estimator than a `cls` (`NeuralTopicModel.load` opens all).
        """
        model, vocabulary, saved = SavedEstimator.load(folder, ops=cls._ops)
        kind = cls._class_of(saved)
        loaded = kind(**saved.parameters_for(_parameters_of(kind)))
        loaded._leave_out_unused(saved.path)
        if hasattr(loaded, "embeddings") and not model.settings.learned_embeddings:
            words = model.decoder.get_parameter("embeddings.words")
            loaded.set_params(embeddings=words.detach().numpy().copy())
        loaded.model_ = model.to(choose_device(loaded.device))
        loaded.vocabulary_, loaded.origin_ = vocabulary, saved.origin
        loaded.numbered_words_ = saved.numbered_words
        loaded.n_features_in_ = len(vocabulary)
        if saved.named_columns:
            loaded.__dict__["feature_names_in_"] = np.asarray(vocabulary, dtype=object)
        loaded.history_, loaded.n_epochs_ = saved.history, len(saved.history)
        if saved.record is not None:
            loaded.record_ = saved.record
        loaded.read_topics()
        return cast(E, loaded)

    def _leave_out_unused(self, path: Path) -> None:
        """Drop settings without effect, which older releases took in silence and `fit` refuses."""
        for name, reason in without_effect(*self._recipes()).items():
            given = f"{name} is {getattr(self, name)!r}, but {reason}"
            warnings.warn(f"{path}: {given}. It is left out", stacklevel=3)
            setattr(self, name, None)

    @classmethod
    def _class_of(cls, saved: SavedEstimator) -> type[TopicEstimator]:
        """The saved estimator's class: one of ours or `cls`, never what else has its name."""
        name = current_model(saved.estimator)
        if name == cls.__name__:
            return cls
        kind = ESTIMATORS.get(name)
        if kind is None:
            raise ValueError(
                f"{saved.path} names the estimator {name[:100]!r}, which this release does not"
                f" know; expected {', '.join(sorted(ESTIMATORS))}"
            )
        if vars(cls).get("_opens_all") or issubclass(kind, cls):
            return kind
        raise ValueError(f"{saved.path.parent} holds a {name}; expected a {cls.__name__}")

    def __getstate__(self) -> dict[str, Any]:
        state = dict(super().__getstate__())
        state.pop("_trainer", None)  # it holds a generator, which cannot be pickled
        return state

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.positive_only = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def _parameters_of(cls: type[TopicEstimator]) -> dict[str, Setting]:
    """What each keyword of a class takes, those included that `dataclass` has not seen yet."""
    own = {name: part for name, part in vars(cls).items() if isinstance(part, Field)}
    known = {part.name: part for part in fields(cls)} | own
    return {name: part.metadata.get("setting") or SETTINGS[name] for name, part in known.items()}


def _named(corpus: Corpus, vocabulary: Sequence[str] | Mapping[str, int] | None) -> Corpus:
    """The corpus, its columns named by a vocabulary where they have no words yet."""
    if vocabulary is None:
        return corpus
    words = checked_vocabulary(vocabulary, corpus.n_words)
    if corpus.numbered:
        return corpus.as_columns_of(words, False)
    if words != corpus.vocabulary:
        raise ValueError("vocabulary is given, and X is a Corpus with other words; expected one")
    return corpus
