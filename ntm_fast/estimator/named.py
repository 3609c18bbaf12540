"""The estimators, each a choice of posterior, decoder and recipe."""

from __future__ import annotations

import sys
import warnings
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch

from ntm_fast.data import Corpus
from ntm_fast.estimator.topic_estimator import TopicEstimator, parameter
from ntm_fast.models import TopicModel
from ntm_fast.models.decoders.embedded import WordEmbeddings
from ntm_fast.recipes import RECIPES, RENAMED_MODELS
from ntm_fast.settings import Recipe, explains_keywords, setting_field

_LIKE_DIRICHLET = (
    "dirichlet-rao-blackwell",
    "dirichlet-rsvi",
    "dirichlet-inverse-cdf",
    "score-function",
)


@explains_keywords
@dataclass(eq=False, repr=False, kw_only=True)
class NeuralTopicModel(TopicEstimator):
    """A topic model with any posterior and decoder, trained like the most similar named model.

    The recipe is the first of `ntm_fast.training.RECIPES` with this posterior and decoder; if there
    is none, the first with posterior "dirichlet" in place of another Dirichlet posterior; otherwise
    ProdLDA's, which is shown below.

    Examples
    --------
    >>> from ntm_fast import ProdLDA
    >>> model = ProdLDA(n_topics=50, random_state=0).fit(X)  # doctest: +SKIP
    >>> model.top_words(10)  # doctest: +SKIP
    >>> theta = model.transform(X)  # doctest: +SKIP
    """

    posterior: str = setting_field("posterior")
    decoder: str = setting_field("decoder")

    recipe = RECIPES["ProdLDA"]
    _opens_all = True

    def _base_recipe(self) -> Recipe:
        like = "dirichlet" if self.posterior in _LIKE_DIRICHLET else self.posterior
        for posterior in (self.posterior, like):
            for recipe in RECIPES.values():
                if (recipe.model.posterior, recipe.model.decoder) == (posterior, self.decoder):
                    return recipe
        return self.recipe


class ProdLDA(TopicEstimator):
    """Logistic-normal posterior, product of experts with batch normalisation.

    The recipe is ours. It differs from the paper's, which is :class:`PublishedProdLDA`: prior 0.3
    instead of 1; log1p of the counts instead of the counts; no dropout instead of 0.6 on the last
    hidden layer and on θ; the words' background starts at their frequencies instead of 0; the KL
    weight rises over 20 epochs instead of being 1 from the start; beta1 is 0.9 instead of 0.99; the
    batch norms' momentum is 0.1 instead of 0.001; a tenth of the documents is held out, and the
    best of at most 60 epochs is kept.

    Source: Srivastava & Sutton, "Autoencoding Variational Inference for Topic Models", 2017.
    """

    recipe = RECIPES["ProdLDA"]


class NVLDA(TopicEstimator):
    """Logistic-normal posterior, mixture of topics.

    The recipe is ours. It differs from the paper's, which is :class:`PublishedNVLDA`: a learned
    background of words and a penalty on duplicate topics (``background=False, diversity=0.0``
    removes both); prior 0.3 instead of 1;
    log1p of the counts; no dropout instead of 0.25; KL warm-up; learning rate 0.01 instead of
    0.005; held-out documents choose the best of 80 epochs, instead of 300 epochs without held-out
    documents; the θ of a document is refined at evaluation.

    Source: Srivastava & Sutton, "Autoencoding Variational Inference for Topic Models", 2017.
    """

    recipe = RECIPES["NVLDA"]


class DirichletVAE(TopicEstimator):
    """Dirichlet posterior with implicit gradients, product of experts, batch normalisation.

    The recipe is ours. It differs from the paper's, which is :class:`PublishedDirichletVAE`:
    implicit gradients instead of those of rejection sampling; prior 0.02 instead of 0.01; log1p of
    the counts; KL warm-up over 20 epochs instead of 100; learning rate 0.002 instead of 0.001;
    momentum 0.01 instead of 0.001 in the batch norms; the words' background starts at their
    frequencies; at most 80 epochs.

    Source: Burkhardt & Kramer, "Decoupling Sparsity and Smoothness in the Dirichlet Variational
    Autoencoder Topic Model", 2019.
    """

    recipe = RECIPES["DirichletVAE"]


class _Published(TopicEstimator):
    """A recipe as in its authors' code: its batch size and its initial weights.

    The words' background starts at 0, not at the words' frequencies.
    """

    def _with_steps(self, recipe: Recipe, n_documents: int) -> Recipe:
        return recipe

    def _new_model(self, corpus: Corpus, recipe: Recipe, seed: int) -> TopicModel:
        model = super()._new_model(corpus, recipe, seed)
        source = torch.Generator(model.device).manual_seed(seed)
        with torch.no_grad():
            if model.decoder.shift is not None:
                model.decoder.shift.zero_()
            self._begin(model, source)
        return model

    def _begin(self, model: TopicModel, source: torch.Generator) -> None:
        """Glorot's uniform law for all weights, biases of 0; each head of q is its own matrix.

        The topics' weights have it already.
        """
        heads = cast(torch.nn.Linear, model.posterior.heads)
        weights = [model.encoder.weight, *(layer.weight for layer in model.encoder.layers)]
        for weight in (*weights, *heads.weight.chunk(2)):
            torch.nn.init.xavier_uniform_(cast(torch.Tensor, weight), generator=source)
        biases = [model.encoder.bias, *(layer.bias for layer in model.encoder.layers), heads.bias]
        for bias in biases:
            cast(torch.Tensor, bias).zero_()


class PublishedProdLDA(_Published):
    """ProdLDA as its authors published it, for comparisons; :class:`ProdLDA` is the one to use.

    From the paper: the logistic-normal posterior, the Laplace approximation of the prior, the
    product of experts, batch norms against component collapse, Adam with a high beta1, dropout.
    The rest is taken from the authors' code (prodlda.py, and run.py with option -p): Dir(1) as
    prior, two layers of 100 softplus units on the counts, dropout 0.6 after the second and on θ,
    batch norms of mean, log variance and logits with a shift, no scale, and eps and momentum
    of 0.001, learning rate 0.002, beta1 0.99, batches of 200, 100 epochs (80 in its README), the
    whole KL term from the start, Glorot's weights. Neither holds out documents or stops early.

    What differs: an epoch uses each document once, while the code draws documents with
    replacement; evaluation uses the batch norms' running statistics, while the code uses those of
    the evaluated documents; 1e-10 is not added to probabilities.

    As published, the model does not use all of its topics: on 20 Newsgroups with 1,995 words, 32 of
    50 were distinct and in use. On a few hundred documents, 100 epochs have too few steps for the
    topics to separate.

    Source: Srivastava & Sutton, "Autoencoding Variational Inference for Topic Models", 2017;
    github.com/akashgit/autoencoding_vi_for_topic_models.
    """

    recipe = RECIPES["PublishedProdLDA"]


class PublishedNVLDA(_Published):
    """NVLDA as its authors published it, for comparisons; :class:`NVLDA` is the one to use.

    As :class:`PublishedProdLDA`, except for the mixture of topics (each a softmax over words
    without batch norm or background), dropout 0.25, learning rate 0.005 and 300 epochs, which are
    those of the README's command (run.py with option -n prints it too, but sets 0.01).

    What differs: topics kept by dropout are renormalised to sum to 1, while the code scales them,
    so that its probabilities do not sum to 1; the posterior's noise is drawn for each document,
    while the code draws one for the batch; the rest as in :class:`PublishedProdLDA`.

    As published, the model does not use all of its topics: on 20 Newsgroups with 1,995 words, 23 of
    50 were distinct and in use (after 150 epochs).

    Source: Srivastava & Sutton, "Autoencoding Variational Inference for Topic Models", 2017;
    github.com/akashgit/autoencoding_vi_for_topic_models.
    """

    recipe = RECIPES["PublishedNVLDA"]


class PublishedDirichletVAE(_Published):
    """The Dirichlet VAE as its authors published it; :class:`DirichletVAE` is the one to use.

    From the paper: the Dirichlet posterior with the gradients of rejection sampling, the product of
    experts, KL warm-up. The values are those of the authors' code (nvdm_dirichlet_rsvi.py, line 2
    of its tfconfig): Dir(0.01) as prior, boost 10 without the correction term, α >= 1e-5, one layer
    of 100 ReLU units on the counts, dropout 0.25 of it, batch norms of α (before its softplus) and
    of the logits with a shift, no scale, and eps and momentum of 0.001, Adam's learning rate 0.001,
    batches of 200, KL warm-up over 100 epochs, a tenth of the documents held out, 30 epochs of
    patience, initial weights from a truncated normal distribution with standard deviation 0.01.

    What differs: the KL term is exact, while the code estimates it from the draw; the floor is
    added to α instead of clipping it; the KL weight rises from step to step instead of from epoch
    to epoch; epochs are compared only after the warm-up, while the code compares all; 500 epochs at
    most; evaluation by running statistics, as in :class:`PublishedProdLDA`.

    Source: Burkhardt & Kramer, "Decoupling Sparsity and Smoothness in the Dirichlet Variational
    Autoencoder Topic Model", 2019; github.com/sophieburkhardt/dirichlet-vae-topic-models.
    """

    recipe = RECIPES["PublishedDirichletVAE"]

    def _begin(self, model: TopicModel, source: torch.Generator) -> None:
        head = cast(torch.nn.Linear, model.posterior.head)
        decoder = cast(torch.Tensor, model.decoder.weight)
        weights = [model.encoder.weight, *(layer.weight for layer in model.encoder.layers)]
        for weight in (*weights, head.weight, decoder):
            value = cast(torch.Tensor, weight)
            torch.nn.init.trunc_normal_(value, std=0.01, a=-0.02, b=0.02, generator=source)
        biases = [model.encoder.bias, *(layer.bias for layer in model.encoder.layers), head.bias]
        for bias in biases:  # TensorFlow's default law
            value = cast(torch.Tensor, bias)
            bound = (3 / value.numel()) ** 0.5
            torch.nn.init.uniform_(value, -bound, bound, generator=source)


class LDAVAE(TopicEstimator):
    """Latent Dirichlet allocation as a VAE: Dirichlet posterior with implicit gradients, mixture.

    The recipe is ours; the paper's is :class:`FigurnovLDA`. It adds what LDA does not have: a
    learned background of words, and a penalty on duplicate topics; ``background=False,
    diversity=0.0`` removes both. Further differences: prior 0.3, fixed, instead of 0.7, trained
    towards the end; two layers of 100 softplus units on log1p of the counts, with batch norm of α,
    instead of three of 300 ReLU units on the counts; learning rate 0.02 instead of 0.0003; batches
    of 200 instead of 32; 120 epochs instead of 180,000 steps; the θ of a document is refined at
    evaluation.

    Source: Figurnov, Mohamed & Mnih, "Implicit Reparameterization Gradients", 2018.
    """

    recipe = RECIPES["LDAVAE"]


class FigurnovLDA(TopicEstimator):
    """LDA as a VAE, trained as in its paper, for the perplexity reported there; much slower.

    180,000 steps on 20 Newsgroups; on other corpora, the same number of passes over the documents.
    Ours are the KL warm-up over 80 epochs, without which the posterior collapsed; that the floor is
    added to α instead of clipping it; and that a learned prior is exp, not softplus, of the trained
    parameter.

    Source: Figurnov, Mohamed & Mnih, "Implicit Reparameterization Gradients", 2018, appendix D;
    the rest from TensorFlow Probability's example of it.
    """

    recipe = RECIPES["FigurnovLDA"]


class DirichletVAERSVI(TopicEstimator):
    """`DirichletVAE` with the gradients of rejection sampling; see `posterior="dirichlet-rsvi"`.

    Everything except the gradients is :class:`DirichletVAE`'s recipe, so that differences in the
    results are due to them; :class:`PublishedDirichletVAE` is the paper's.

    Source: Burkhardt & Kramer, "Decoupling Sparsity and Smoothness in the Dirichlet Variational
    Autoencoder Topic Model", 2019; Naesseth et al., 2017.
    """

    recipe = RECIPES["DirichletVAERSVI"]


class DirichletVAEInverseCDF(TopicEstimator):
    """`DirichletVAE` with approximate inverse-CDF draws of the gammas: cheap, slightly biased.

    Everything except the draws is :class:`DirichletVAE`'s recipe, not the paper's, which is about
    VAEs in general; draws are exact at evaluation.

    Source: Joo, Lee, Park & Moon, "Dirichlet Variational Autoencoder", 2019.
    """

    recipe = RECIPES["DirichletVAEInverseCDF"]


class WHAI(TopicEstimator):
    """Weibull posterior, Poisson counts: topics have intensities; `transform` gives their shares.

    One layer of the paper's model. Topics are learned by Adam together with the encoder, while the
    paper samples them by stochastic-gradient MCMC; batch norm in the encoder, learning rate, batch
    size and epochs are ours.
    The ELBO is that of the counts, including the documents' lengths: only
    ``perplexity(kind="held_out_words")`` can be compared with other models.

    Source: Zhang, Chen, Guo & Zhou, "WHAI: Weibull Hybrid Autoencoding Inference for Deep Topic
    Modeling", 2018, with one layer.
    """

    recipe = RECIPES["WHAI"]


class NVDM(TopicEstimator):
    """Gaussian posterior whose draws, any reals, weight the words directly: no topic proportions.

    Encoder and decoder are trained alternately for 10 steps each (10 passes over the documents in
    the authors' code); log1p of the counts and the learning rate 0.001 (5e-5 there) are ours.
    `transform` gives the softmax of the posterior's mean, and `word_probabilities` takes the mean
    itself (`model_.topic_codes`).

    Source: Miao, Yu & Blunsom, "Neural Variational Inference for Text Processing", 2016.
    """

    recipe = RECIPES["NVDM"]


@explains_keywords
@dataclass(eq=False, repr=False, kw_only=True)
class _Embedded(TopicEstimator):
    """What the models with word embeddings share."""

    embeddings: Any = parameter(
        None,
        "array [V, E]",
        "Word embeddings ρ, a row for each word of the vocabulary. They stay as given, unless"
        " learned_embeddings is True. None learns them from the corpus.",
    )

    def _base_recipe(self) -> Recipe:
        if self.embeddings is None:
            return self.recipe
        shape = np.shape(self.embeddings)
        if len(shape) != 2:
            raise ValueError(f"embeddings has shape {shape}; expected [V, E]")
        return self.recipe.changed(embedding_size=shape[1], learned_embeddings=False)

    def _new_model(self, corpus: Corpus, recipe: Recipe, seed: int) -> TopicModel:
        model = super()._new_model(corpus, recipe, seed)
        if self.embeddings is not None:
            words = torch.as_tensor(np.asarray(self.embeddings))
            cast(WordEmbeddings, model.decoder.embeddings).give(words)
        return model


class GSM(_Embedded):
    """Gaussian softmax posterior; topics and words are points in one space.

    The paper's model; log1p of the counts as inputs, the optimiser's settings, batch size and
    number of epochs are ours, and not claimed to be the paper's.

    Source: Miao, Grefenstette & Blunsom, "Discovering Discrete Latent Topics with Neural
    Variational Inference", 2017.
    """

    recipe = RECIPES["GSM"]


class ETM(_Embedded):
    """Gaussian softmax posterior, mixture of topics β_k = softmax(ρ t_k) in an embedding space.

    Sizes, rates and epochs are those of the authors' code. What differs: word embeddings are
    learned unless given, while the code uses pretrained embeddings by default; the ELBO of a
    held-out tenth of the documents chooses the best epoch and stops training after 20 epochs
    without a better one, while the code uses the perplexity of held-out words and trains all
    epochs.

    Source: Dieng, Ruiz & Blei, "Topic Modeling in Embedding Spaces", 2020.
    """

    recipe = RECIPES["ETM"]


class DirichletETM(_Embedded):
    """`ETM` with a Dirichlet posterior and implicit gradients.

    From no paper: prior 0.1, a smaller encoder than ETM's (two layers of 100 softplus units, batch
    norm, log1p of the counts) and KL warm-up are ours.
    """

    recipe = RECIPES["DirichletETM"]


def __getattr__(name: str) -> Any:
    """A class by its old name, with a warning."""
    if name in RENAMED_MODELS:
        new = RENAMED_MODELS[name]
        warnings.warn(f"{name} is now called {new}", DeprecationWarning, _level_of_caller())
        return globals()[new]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _level_of_caller() -> int:
    """The warning's stacklevel for the first frame outside ntm_fast, which asked for the name."""
    level, frame = 0, sys._getframe(1)
    while frame.f_back is not None:
        home = frame.f_globals.get("__name__", "").split(".")[0]
        if home not in ("ntm_fast", "importlib"):
            break
        level += home == "ntm_fast"  # warnings leaves out the import system's own
        frame = frame.f_back
    return level + 1
