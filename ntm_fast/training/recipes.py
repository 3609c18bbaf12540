"""Named models: architecture and training that belong together, with the reasons.

They were chosen on held-out documents; docs/measured.md has what they reach on test documents.
"""

from __future__ import annotations

from ntm_fast.models import ModelSettings
from ntm_fast.training.paper_recipes import PAPER_RECIPES
from ntm_fast.training.recipe import Recipe
from ntm_fast.training.settings import TrainingSettings

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
        validation=0.0,
        patience=15,
    ),
)
RECIPES = {
    "ProdLDA": PRODLDA,
    "NVLDA": NVLDA,
    "DirichletVAE": DIRICHLET_VAE,
    "LDAVAE": LDAVAE,
    # The same model with other gradients: what differs in the results is the gradients' doing.
    "DirichletVAERSVI": DIRICHLET_VAE.changed(posterior="dirichlet-rsvi", boost=10),
    "InverseCDF": DIRICHLET_VAE.changed(posterior="dirichlet-inverse-cdf"),
    **PAPER_RECIPES,
}
