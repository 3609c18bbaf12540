"""The estimators, each a choice of posterior, decoder and recipe."""

from __future__ import annotations

import os
from typing import Any, cast

import numpy as np
import torch

from ntm_fast.data import Corpus
from ntm_fast.estimator.base import TopicEstimator
from ntm_fast.models import TopicModel
from ntm_fast.models.decoders.embedded import WordEmbeddings
from ntm_fast.training import RECIPES, Recipe

_LIKE_DIRICHLET = (
    "dirichlet-rao-blackwell",
    "dirichlet-rsvi",
    "dirichlet-inverse-cdf",
    "score-function",
)


class NeuralTopicModel(TopicEstimator):
    """A topic model of any posterior and decoder, trained as the named model nearest to them is.

    For all parameters of which the default is None the recipe's value is taken
    (`ntm_fast.training.RECIPES`); they are checked in `fit`.

    Parameters
    ----------
    n_topics : K
    posterior : "logistic-normal", "dirichlet" (implicit gradients), "dirichlet-rao-blackwell",
        "dirichlet-rsvi", "dirichlet-inverse-cdf", "score-function", "weibull", "gaussian-softmax"
        or "gaussian"
    decoder : "product" (of experts), "mixture" (of topics), "embedded-product",
        "embedded-mixture" or "poisson"
    prior : concentration of the symmetric Dirichlet prior on θ
    hidden : widths of the encoder's layers
    epochs : passes over the documents, at most
    batch_size : documents a step; None takes fewer than the recipe where an epoch would have less
        than 16 steps, but 32
    learning_rate : Adam's
    validation : share of the documents held out from training, by which the best epoch is chosen
    patience : epochs without a better validation ELBO before training stops
    options : any other field of `ModelSettings` and `TrainingSettings`, such as
        ``{"topic_dropout": 0.1, "kl_schedule": "linear", "warm_up": 20}``
    checkpoint : file that the run's state is saved to after each epoch and at Ctrl-C
    random_state : int, RandomState or None; an int makes two fits give the same bits
    device : "auto" (a GPU, if there is one that can be used), "cpu" or "cuda"
    verbose : whether to show a progress bar

    Attributes
    ----------
    components_ : float32 [K, V], each topic as a distribution over words. For a mixture the
        topics themselves; for a product the topic's own weights, without the background that
        all topics share.
    model_ : the trained :class:`ntm_fast.models.TopicModel`
    vocabulary_ : tuple of the V words
    history_ : list of :class:`ntm_fast.training.Epoch`
    n_epochs_, n_features_in_ : int
    record_ : :class:`ntm_fast.record.Record`, how the model was made: settings in force, seed,
        documents, versions, machine, time; saved with it, and shown by `ntm-fast info MODEL`
    feature_names_in_ : names of the columns, where X had them

    Examples
    --------
    >>> from ntm_fast import ProdLDA
    >>> model = ProdLDA(n_topics=50, random_state=0).fit(X)  # doctest: +SKIP
    >>> model.top_words(10)  # doctest: +SKIP
    >>> theta = model.transform(X)  # doctest: +SKIP
    """

    _recipe = RECIPES["ProdLDA"]

    def __init__(
        self,
        n_topics: int = 50,
        *,
        posterior: str = "logistic-normal",
        decoder: str = "product",
        prior: float | None = None,
        hidden: tuple[int, ...] | None = None,
        epochs: int | None = None,
        batch_size: int | None = None,
        learning_rate: float | None = None,
        validation: float | None = None,
        patience: int | None = None,
        options: dict[str, Any] | None = None,
        checkpoint: str | os.PathLike[str] | None = None,
        random_state: Any = None,
        device: str = "auto",
        verbose: int | bool = 0,
    ) -> None:
        super().__init__(
            n_topics,
            prior=prior,
            hidden=hidden,
            epochs=epochs,
            batch_size=batch_size,
            learning_rate=learning_rate,
            validation=validation,
            patience=patience,
            options=options,
            checkpoint=checkpoint,
            random_state=random_state,
            device=device,
            verbose=verbose,
        )
        self.posterior = posterior
        self.decoder = decoder

    def _base_recipe(self) -> Recipe:
        like = "dirichlet" if self.posterior in _LIKE_DIRICHLET else self.posterior
        for posterior in (self.posterior, like):
            for recipe in RECIPES.values():
                if (recipe.model.posterior, recipe.model.decoder) == (posterior, self.decoder):
                    return recipe
        return self._recipe


class ProdLDA(TopicEstimator):
    """Logistic-normal posterior, product of experts with batch normalisation.

    Parameters and attributes as :class:`NeuralTopicModel`, posterior and decoder fixed.

    Source: Srivastava & Sutton, "Autoencoding Variational Inference for Topic Models", 2017.
    """

    _recipe = RECIPES["ProdLDA"]


class NVLDA(TopicEstimator):
    """Logistic-normal posterior, mixture of topics.

    Its recipe adds to the paper's a learned background of words, and a term that keeps topics
    apart; ``options={"background": False, "diversity": 0.0}`` takes both away.
    Parameters and attributes as :class:`NeuralTopicModel`, posterior and decoder fixed.

    Source: Srivastava & Sutton, "Autoencoding Variational Inference for Topic Models", 2017.
    """

    _recipe = RECIPES["NVLDA"]


class DirichletVAE(TopicEstimator):
    """Dirichlet posterior with implicit gradients, product of experts, batch normalisation.

    Parameters and attributes as :class:`NeuralTopicModel`, posterior and decoder fixed.

    Source: Burkhardt & Kramer, "Decoupling Sparsity and Smoothness in the Dirichlet Variational
    Autoencoder Topic Model", 2019.
    """

    _recipe = RECIPES["DirichletVAE"]


class LDAVAE(TopicEstimator):
    """Latent Dirichlet allocation as a VAE: Dirichlet posterior with implicit gradients, mixture.

    Its recipe adds what LDA has not: a learned background of words, and a term that keeps topics
    apart; ``options={"background": False, "diversity": 0.0}`` takes both away.
    Parameters and attributes as :class:`NeuralTopicModel`, posterior and decoder fixed.

    Source: Figurnov, Mohamed & Mnih, "Implicit Reparameterization Gradients", 2018.
    """

    _recipe = RECIPES["LDAVAE"]


class FigurnovLDA(TopicEstimator):
    """LDA as a VAE as its paper trains it, for the perplexity reported there; slower by far.

    180,000 steps on 20 Newsgroups: of other corpora, as many passes over the documents.
    Parameters and attributes as :class:`NeuralTopicModel`, posterior and decoder fixed.

    Source: Figurnov, Mohamed & Mnih, "Implicit Reparameterization Gradients", 2018, appendix D.
    """

    _recipe = RECIPES["FigurnovLDA"]


class DirichletVAERSVI(TopicEstimator):
    """`DirichletVAE` with the gradients of rejection sampling; see `posterior="dirichlet-rsvi"`.

    Parameters and attributes as :class:`NeuralTopicModel`, posterior and decoder fixed; ``boost``
    and ``correction`` are among `options`.

    Source: Burkhardt & Kramer, "Decoupling Sparsity and Smoothness in the Dirichlet Variational
    Autoencoder Topic Model", 2019; Naesseth et al., 2017.
    """

    _recipe = RECIPES["DirichletVAERSVI"]


class InverseCDF(TopicEstimator):
    """`DirichletVAE` with approximate inverse-CDF draws of the gammas: cheap, slightly biased.

    Parameters and attributes as :class:`NeuralTopicModel`, posterior and decoder fixed.

    Source: Joo, Lee, Park & Moon, "Dirichlet Variational Autoencoder", 2019.
    """

    _recipe = RECIPES["InverseCDF"]


class WHAI(TopicEstimator):
    """Weibull posterior, Poisson counts: topics have intensities; `transform` gives their shares.

    Parameters and attributes as :class:`NeuralTopicModel`, posterior and decoder fixed. The ELBO
    is that of the counts, lengths of documents included: of other models' only
    ``perplexity(kind="held_out_words")`` is comparable.

    Source: Zhang, Chen, Guo & Zhou, "WHAI: Weibull Hybrid Autoencoding Inference for Deep Topic
    Modeling", 2018, with one layer.
    """

    _recipe = RECIPES["WHAI"]


class NVDM(TopicEstimator):
    """Gaussian posterior whose draws, any reals, weigh the words directly: no topic proportions.

    Parameters and attributes as :class:`NeuralTopicModel`, posterior and decoder fixed;
    `transform` gives the softmax of the posterior's mean, and `word_probabilities` takes the mean
    itself (`model_.topic_codes`).

    Source: Miao, Yu & Blunsom, "Neural Variational Inference for Text Processing", 2016.
    """

    _recipe = RECIPES["NVDM"]


class _Embedded(TopicEstimator):
    """What the models with word embeddings share."""

    def __init__(
        self,
        n_topics: int = 50,
        *,
        embeddings: Any = None,
        prior: float | None = None,
        hidden: tuple[int, ...] | None = None,
        epochs: int | None = None,
        batch_size: int | None = None,
        learning_rate: float | None = None,
        validation: float | None = None,
        patience: int | None = None,
        options: dict[str, Any] | None = None,
        checkpoint: str | os.PathLike[str] | None = None,
        random_state: Any = None,
        device: str = "auto",
        verbose: int | bool = 0,
    ) -> None:
        super().__init__(
            n_topics,
            prior=prior,
            hidden=hidden,
            epochs=epochs,
            batch_size=batch_size,
            learning_rate=learning_rate,
            validation=validation,
            patience=patience,
            options=options,
            checkpoint=checkpoint,
            random_state=random_state,
            device=device,
            verbose=verbose,
        )
        self.embeddings = embeddings

    def _base_recipe(self) -> Recipe:
        if self.embeddings is None:
            return self._recipe
        shape = np.shape(self.embeddings)
        if len(shape) != 2:
            raise ValueError(f"embeddings has shape {shape}; expected [V, E]")
        return self._recipe.changed(embedding_size=shape[1], learned_embeddings=False)

    def _new_model(self, corpus: Corpus, recipe: Recipe, seed: int) -> TopicModel:
        model = super()._new_model(corpus, recipe, seed)
        if self.embeddings is not None:
            words = torch.as_tensor(np.asarray(self.embeddings))
            cast(WordEmbeddings, model.decoder.embeddings).give(words)
        return model


class GSM(_Embedded):
    """Gaussian softmax posterior; topics and words are points of one space.

    Parameters and attributes as :class:`ETM`.

    Source: Miao, Grefenstette & Blunsom, "Discovering Discrete Latent Topics with Neural
    Variational Inference", 2017.
    """

    _recipe = RECIPES["GSM"]


class ETM(_Embedded):
    """Gaussian softmax posterior, mixture of topics β_k = softmax(ρ t_k) in an embedding space.

    Parameters and attributes as :class:`NeuralTopicModel`, posterior and decoder fixed, and

    embeddings : array [V, E] or None
        Word embeddings ρ, a row for each word of the vocabulary; they stay as given, unless
        options hold ``"learned_embeddings": True``. None learns them from the corpus.

    Source: Dieng, Ruiz & Blei, "Topic Modeling in Embedding Spaces", 2020.
    """

    _recipe = RECIPES["ETM"]


class DirichletETM(_Embedded):
    """`ETM` with a Dirichlet posterior and implicit gradients.

    Parameters and attributes as :class:`ETM`.
    """

    _recipe = RECIPES["DirichletETM"]
