"""Recipes of named models as their papers give them; not tuned here, but where a line says so."""

from __future__ import annotations

from ntm_fast.models import ModelSettings
from ntm_fast.training.recipe import Recipe
from ntm_fast.training.settings import TrainingSettings

# Zhang, Chen, Guo & Zhou, 2018, with one layer of topics. The prior is learned, since nobody
# knows beforehand how many words a topic gives to a document.
WHAI = Recipe(
    ModelSettings(
        posterior="weibull",
        decoder="poisson",
        prior=0.1,
        hidden=(200,),
        activation="softplus",
        inputs="log1p",  # without batch norm, ours, topics of known corpora stayed mixed up
        learned_prior=True,
    ),
    TrainingSettings(learning_rate=1e-2, betas=(0.9, 0.999), batch_size=200, epochs=100),
)
# Miao, Yu & Blunsom, 2016: one hidden vector of reals; encoder and decoder are trained in turns.
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
# Miao, Grefenstette & Blunsom, 2017: topics and words are points of one space.
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
# The same decoder under a Dirichlet posterior, with the warm-up that sparse priors need.
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
# Figurnov, Mohamed & Mnih, 2018, appendix D, as TensorFlow Probability's example of it has it:
# 180,000 steps on 20 Newsgroups, the prior learned after 120,000 of them. That is in epochs of
# 352 steps here. The example clips α to [1e-3, 1e3]; the floor is added to it here, so that no
# gradient is lost, and a learned prior is exp of what is trained, not softplus. Ours is the
# warm-up: without it the KL term switched off every unit of the last hidden layer before topics
# differed (within two epochs from Glorot's weights, which the example begins with).
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
        validation=0.0,
    ),
)
# Srivastava & Sutton, 2017, as their code has it (akashgit/autoencoding_vi_for_topic_models):
# models/prodlda.py and run.py with its options -p. tf.contrib's batch norm learns a shift and no
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
        validation=0.0,
        patience=None,
    ),
)
# models/nvlda.py, where keep_prob is 0.75, and the README's command; option -n of run.py prints
# the same command, but sets a learning rate of 0.01. Topics have no batch norm there.
PUBLISHED_NVLDA = PUBLISHED_PRODLDA.changed(
    decoder="mixture",
    encoder_dropout=0.25,
    topic_dropout=0.25,
    background=False,
    learning_rate=5e-3,
    epochs=300,
)
# Burkhardt & Kramer, 2019, as their code has it (sophieburkhardt/dirichlet-vae-topic-models):
# nvdm_dirichlet_rsvi.py with line 2 of its tfconfig, without the correction.
PUBLISHED_DIRICHLET_VAE = Recipe(
    ModelSettings(
        posterior="dirichlet-rsvi",
        boost=10,
        correction=False,
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
        epochs=500,  # without a bound there
        kl_schedule="linear",
        warm_up=100,
        validation=0.1,
        patience=30,
    ),
)
PAPER_RECIPES = {
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
