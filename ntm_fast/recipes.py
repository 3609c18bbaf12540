"""Named models: architecture and training that belong together, with the reasons.

They were chosen on held-out documents; docs/measured.md has their results on test documents.
"""

from __future__ import annotations

from typing import TypeVar

from ntm_fast.settings import ModelSettings, Recipe, TrainingSettings

PRODLDA = Recipe(
    ModelSettings(
        posterior="logistic-normal",
        decoder="product",
        # Tried: the paper's 1 (more diverse topics), 0.5, 0.3 and 0.1 (more coherent ones).
        prior=0.3,
        hidden=(100, 100),
        activation="softplus",  # with ReLU the posterior collapsed
        # Long documents do not dominate short ones: better coherence and perplexity.
        inputs="log1p",
        # No dropout (the paper has 0.6): softplus units all start at 0.69, and dropping some adds
        # more noise than the signal of short documents or large vocabularies.
        # At 0.01, running statistics lag behind in short runs and on small corpora.
        batch_norm_momentum=0.1,
    ),
    # b1 = 0.99, the paper's, is no better here: the batch norms keep components alive.
    TrainingSettings(
        learning_rate=2e-3,
        betas=(0.9, 0.999),
        batch_size=200,
        epochs=60,
        kl_schedule="linear",
        warm_up=20,
        patience=15,
    ),
)
NVLDA = Recipe(
    ModelSettings(
        posterior="logistic-normal",
        decoder="mixture",
        prior=0.3,
        hidden=(100, 100),
        activation="softplus",
        inputs="log1p",
        # No dropout: with it, and a small learning rate, the posterior collapsed to the prior.
        # Without batch norm of the posterior's parameters it nearly collapses too: only 15 of 50
        # topics lead any document.
        # Without a background each topic has to learn which words are frequent: on 54,000 words all
        # topics were nearly the same.
        background=True,
        refinement=20,  # better perplexity of held-out words
    ),
    # Topics start out similar and must separate, so the rate is high. Without warm-up, at twice
    # this rate, the posterior collapsed to the prior within one epoch on 54,000 words.
    TrainingSettings(
        learning_rate=1e-2,
        betas=(0.99, 0.999),
        batch_size=200,
        epochs=80,
        kl_schedule="linear",
        warm_up=20,
        diversity=1.0,  # on 2,000 words it costs a little coherence
        diversity_every=8,
        patience=15,
    ),
)
DIRICHLET_VAE = Recipe(
    ModelSettings(
        posterior="dirichlet",
        decoder="product",
        prior=0.02,
        hidden=(100,),
        activation="relu",
        inputs="log1p",
        encoder_dropout=0.25,  # better coherence, together with log1p
    ),
    TrainingSettings(
        learning_rate=2e-3,
        betas=(0.9, 0.999),
        batch_size=200,
        epochs=80,
        kl_schedule="linear",  # a sparse prior at full weight from the start switches topics off
        warm_up=20,
        patience=15,
    ),
)
LDAVAE = Recipe(
    ModelSettings(
        posterior="dirichlet",
        decoder="mixture",
        # 0.1 needs three times the diversity weight for equally diverse topics, and they are less
        # coherent.
        prior=0.3,
        hidden=(100, 100),
        activation="softplus",
        inputs="log1p",
        # Topics need not each learn how frequent words are: much better in all respects on 54,000
        # words, about the same on 2,000.
        background=True,
        refinement=20,  # better perplexity of held-out words
    ),
    # Topics start out similar and must separate, so the rate is high. Without `diversity` the main
    # subjects have several near-identical topics each; its weight trades coherence for diversity
    # (on 54,000 words, six epochs: .28 and .87 without it, .27 and .99 with it).
    TrainingSettings(
        learning_rate=2e-2,
        betas=(0.9, 0.999),
        batch_size=200,
        epochs=120,
        kl_schedule="linear",
        warm_up=20,
        diversity=0.7,
        diversity_every=8,
        # Held-out documents chose the last of 80 epochs (one seed): better to train on them too,
        # and longer.
        validation_fraction=0.0,
        patience=15,
    ),
)
# The recipes below are those of their papers, not tuned here except where a line says so.
# Zhang, Chen, Guo & Zhou, 2018, with one layer of topics. The prior is learned, since the number of
# words that a topic contributes to a document is not known beforehand.
WHAI = Recipe(
    ModelSettings(
        posterior="weibull",
        decoder="poisson",
        prior=0.1,
        hidden=(200,),
        activation="softplus",
        inputs="log1p",  # ours, as is batch norm: without it topics of known corpora stayed mixed
        learned_prior=True,
    ),
    TrainingSettings(learning_rate=1e-2, betas=(0.9, 0.999), batch_size=200, epochs=100),
)
# Miao, Yu & Blunsom, 2016: one hidden vector of reals; encoder and decoder are trained alternately.
NVDM = Recipe(
    ModelSettings(
        posterior="gaussian",
        decoder="product",
        hidden=(500, 500),
        activation="relu",
        encoder_batch_norm=False,
        decoder_batch_norm=False,
        inputs="log1p",
    ),
    TrainingSettings(
        learning_rate=1e-3, betas=(0.9, 0.999), batch_size=64, epochs=100, em_steps=(10, 10)
    ),
)
# Miao, Grefenstette & Blunsom, 2017: topics and words are points in one space.
GSM = Recipe(
    ModelSettings(
        posterior="gaussian-softmax",
        decoder="embedded-mixture",
        hidden=(256,),
        activation="relu",
        inputs="log1p",
        encoder_batch_norm=False,
        embedding_size=100,
    ),
    TrainingSettings(learning_rate=5e-3, betas=(0.9, 0.999), batch_size=200, epochs=100),
)
# Dieng, Ruiz & Blei, 2020.
ETM = Recipe(
    ModelSettings(
        posterior="gaussian-softmax",
        decoder="embedded-mixture",
        hidden=(800, 800),
        activation="relu",
        inputs="normalised",
        encoder_batch_norm=False,
        embedding_size=300,
    ),
    TrainingSettings(
        learning_rate=5e-3,
        betas=(0.9, 0.999),
        weight_decay=1.2e-6,
        batch_size=1000,
        epochs=150,
    ),
)
# The same decoder with a Dirichlet posterior, and the warm-up that sparse priors need.
DIRICHLET_ETM = Recipe(
    ModelSettings(
        posterior="dirichlet",
        decoder="embedded-mixture",
        prior=0.1,
        hidden=(100, 100),
        activation="softplus",
        inputs="log1p",
        embedding_size=300,
    ),
    TrainingSettings(
        learning_rate=5e-3,
        betas=(0.9, 0.999),
        batch_size=200,
        epochs=100,
        kl_schedule="linear",
        warm_up=20,
    ),
)
# Figurnov, Mohamed & Mnih, 2018, appendix D, as in TensorFlow Probability's example of it:
# 180,000 steps on 20 Newsgroups, with the prior trained after 120,000 of them; an epoch has 352
# steps here. The example clips α to [1e-3, 1e3]; here the floor is added to α, so that no gradient
# is lost, and a learned prior is exp of the trained parameter, not softplus. The warm-up is ours:
# without it the KL term switched off every unit of the last hidden layer before topics differed
# (within two epochs from Glorot's weights, with which the example starts).
FIGURNOV_LDA = Recipe(
    ModelSettings(
        posterior="dirichlet",
        decoder="mixture",
        prior=0.7,
        hidden=(300, 300, 300),
        activation="relu",
        inputs="counts",
        encoder_batch_norm=False,
        concentration_floor=1e-3,
        concentration_ceiling=1e3,
        learned_prior=True,
    ),
    TrainingSettings(
        learning_rate=3e-4,
        betas=(0.9, 0.999),
        batch_size=32,
        epochs=511,
        prior_burn_in=341,
        kl_schedule="linear",
        warm_up=80,
        validation_fraction=0.0,
    ),
)
# Srivastava & Sutton, 2017, as in their code (akashgit/autoencoding_vi_for_topic_models):
# models/prodlda.py, and run.py with option -p. tf.contrib's batch norm learns a shift and no
# scale, with eps and momentum of 1e-3. keep_prob is 0.4, for the last hidden layer and for θ.
PUBLISHED_PRODLDA = Recipe(
    ModelSettings(
        posterior="logistic-normal",
        decoder="product",
        prior=1.0,
        hidden=(100, 100),
        activation="softplus",
        inputs="counts",
        encoder_dropout=0.6,
        topic_dropout=0.6,
        batch_norm_momentum=1e-3,
        batch_norm_eps=1e-3,
        background=True,  # the shift of the batch norm
    ),
    TrainingSettings(
        learning_rate=2e-3,
        betas=(0.99, 0.999),
        batch_size=200,
        epochs=100,  # 80 in the README
        validation_fraction=0.0,
        patience=None,
    ),
)
# models/nvlda.py, where keep_prob is 0.75, and the README's command; run.py with option -n prints
# the same command, but sets a learning rate of 0.01. Topics have no batch norm there.
PUBLISHED_NVLDA = PUBLISHED_PRODLDA.changed(
    decoder="mixture",
    encoder_dropout=0.25,
    topic_dropout=0.25,
    background=False,
    learning_rate=5e-3,
    epochs=300,
)
# Burkhardt & Kramer, 2019, as in their code (sophieburkhardt/dirichlet-vae-topic-models):
# nvdm_dirichlet_rsvi.py with line 2 of its tfconfig, without the correction.
PUBLISHED_DIRICHLET_VAE = Recipe(
    ModelSettings(
        posterior="dirichlet-rsvi",
        rsvi_boost=10,
        rsvi_correction=False,
        decoder="product",
        prior=0.01,
        hidden=(100,),
        activation="relu",
        inputs="counts",
        encoder_dropout=0.25,
        concentration_floor=1e-5,
        batch_norm_momentum=1e-3,
        batch_norm_eps=1e-3,
        background=True,  # the shift of the batch norm
    ),
    TrainingSettings(
        learning_rate=1e-3,
        betas=(0.9, 0.999),
        batch_size=200,
        epochs=500,  # their code has no limit
        kl_schedule="linear",
        warm_up=100,
        validation_fraction=0.1,
        patience=30,
    ),
)
RECIPES = {
    "ProdLDA": PRODLDA,
    "NVLDA": NVLDA,
    "DirichletVAE": DIRICHLET_VAE,
    "LDAVAE": LDAVAE,
    # The same model with other gradients, so that differences in the results are due to them.
    "DirichletVAERSVI": DIRICHLET_VAE.changed(posterior="dirichlet-rsvi", rsvi_boost=10),
    "DirichletVAEInverseCDF": DIRICHLET_VAE.changed(posterior="dirichlet-inverse-cdf"),
    "PublishedProdLDA": PUBLISHED_PRODLDA,
    "PublishedNVLDA": PUBLISHED_NVLDA,
    "PublishedDirichletVAE": PUBLISHED_DIRICHLET_VAE,
    "WHAI": WHAI,
    "NVDM": NVDM,
    "GSM": GSM,
    "ETM": ETM,
    "DirichletETM": DIRICHLET_ETM,
    "FigurnovLDA": FIGURNOV_LDA,
}
RENAMED_MODELS = {"InverseCDF": "DirichletVAEInverseCDF"}  # old names: in files, and deprecated
N = TypeVar("N", str, None)


def current_model(name: N) -> N:
    """The name that this release has for a model; that of a file may be older."""
    return name if name is None else RENAMED_MODELS.get(name, name)
