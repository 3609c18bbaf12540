"""Named models: architecture and training that belong together, with the reasons.

They were chosen on held-out documents; docs/measured.md has what they reach on test documents.
"""

from __future__ import annotations

from typing import TypeVar

from ntm_fast.settings import ModelSettings, Recipe, TrainingSettings

PRODLDA = Recipe(
    ModelSettings(
        posterior="logistic-normal",
        decoder="product",
        # Of the paper's 1 (more diverse topics), 0.5, 0.3 and 0.1 (more coherent ones).
        prior=0.3,
        hidden=(100, 100),
        activation="softplus",  # with ReLU the posterior collapsed
        # Long documents do not shout down short ones: better coherence and perplexity.
        inputs="log1p",
        # No dropout, of which the paper's is 0.6: all units of softplus are .69 at first, and to
        # drop some of them is more noise than what short documents and large vocabularies move.
        # At 0.01 running statistics lag behind in short runs and on small corpora.
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
        # Without batch norm of the posterior's parameters it all but does (15 topics lead any
        # document, of 50).
        # Without one each topic has to learn what words are frequent: on 54,000 they were alike.
        background=True,
        refinement=20,  # better perplexity of held-out words
    ),
    # Topics start alike and must part, so the rate is high. Without warm-up the posterior
    # collapsed to the prior within an epoch of a corpus of 54,000 words, at twice this rate.
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
        encoder_dropout=0.25,  # coherence, together with log1p
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
        # 0.1 needs thrice the weight of diversity for as diverse topics, which cohere less.
        prior=0.3,
        hidden=(100, 100),
        activation="softplus",
        inputs="log1p",
        # Topics need not each learn how frequent words are: on 54,000 words much better in all
        # respects, on 2,000 much alike.
        background=True,
        refinement=20,  # better perplexity of held-out words
    ),
    # Topics start alike and must part, so the rate is high. Without `diversity` the great subjects
    # have several topics each, all alike; its weight trades coherence for diversity (on 54,000
    # words, six epochs: .28 and .87 without it, .27 and .99 with it).
    TrainingSettings(
        learning_rate=2e-2,
        betas=(0.9, 0.999),
        batch_size=200,
        epochs=120,
        kl_schedule="linear",
        warm_up=20,
        diversity=0.7,
        diversity_every=8,
        # Held-out documents found the last of 80 epochs best (one seed): better to learn from
        # them too, and longer.
        validation_fraction=0.0,
        patience=15,
    ),
)
# The recipes below are their papers', not tuned here except where a line says so.
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
        validation_fraction=0.0,
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
        validation_fraction=0.0,
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
        validation_fraction=0.1,
        patience=30,
    ),
)
RECIPES = {
    "ProdLDA": PRODLDA,
    "NVLDA": NVLDA,
    "DirichletVAE": DIRICHLET_VAE,
    "LDAVAE": LDAVAE,
    # The same model with other gradients: what differs in the results is the gradients' doing.
    "DirichletVAERSVI": DIRICHLET_VAE.changed(posterior="dirichlet-rsvi", boost=10),
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
