"""The estimators, each a choice of posterior, decoder and recipe."""

from __future__ import annotations

import os
from typing import Any

from ntm_fast.estimator.base import TopicEstimator
from ntm_fast.training import RECIPES, Recipe


class NeuralTopicModel(TopicEstimator):
    """A topic model of any posterior and decoder, trained as the named model nearest to them is.

    For all parameters of which the default is None the recipe's value is taken
    (`ntm_fast.training.RECIPES`); they are checked in `fit`.

    Parameters
    ----------
    n_topics : K
    posterior : "logistic-normal" or "dirichlet"
    decoder : "product" (of experts) or "mixture" (of topics)
    prior : concentration of the symmetric Dirichlet prior on θ
    hidden : widths of the encoder's layers
    epochs : passes over the documents, at most
    batch_size : documents a step
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
        for recipe in RECIPES.values():
            if (recipe.model.posterior, recipe.model.decoder) == (self.posterior, self.decoder):
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

    Parameters and attributes as :class:`NeuralTopicModel`, posterior and decoder fixed.

    Source: Figurnov, Mohamed & Mnih, "Implicit Reparameterization Gradients", 2018.
    """

    _recipe = RECIPES["LDAVAE"]
