"""Named models: architecture and training that belong together, with the reasons."""

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
        # Long documents do not shout down short ones: coherence .27 → .30, perplexity 816 → 769.
        inputs="log1p",
        # No dropout, of which the paper's is 0.6: all units of softplus are .69 at first, and to
        # drop some of them is more noise than what short documents and large vocabularies move.
        # With 0.25 four topics of 50 led all documents of six words, and after six epochs of
        # 54,000 words perplexity was 3,960 (without it 2,980 after two).
        # At 0.01 running statistics lag behind in short runs: after ten epochs perplexity of
        # held-out words 1,016 → 778, and on 7,000 documents of six words 637 → 606 after all.
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
        # On 54,000 words coherence .13 → .28, diversity .56 → .93, perplexity 2,990 → 2,420.
        background=True,
        refinement=20,  # perplexity of held-out words 726 → 680
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
        diversity=1.0,  # diversity .74 → .84 on 2,000 words, coherence .289 → .281
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
        encoder_dropout=0.25,  # with log1p: coherence .25 → .34
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
        # 0.1 needs thrice the weight of diversity for topics as diverse, and then has the less
        # coherent ones (.305 against .324, on 2,000 words, held-out documents).
        prior=0.3,
        hidden=(100, 100),
        activation="softplus",
        inputs="log1p",
        # Topics need not each learn how frequent words are: on 54,000 words perplexity 2,970 →
        # 2,310 after six epochs (one seed), coherence from nothing to .25; on 2,000 much alike.
        background=True,
        refinement=20,  # perplexity of held-out words 756 → 685
    ),
    # Topics start alike and must part: 0.001 leaves diversity at .15, 0.02 reaches .34, 0.05 no
    # more than that; the rest is the diversity's doing, without which the great subjects have
    # several topics each, all alike (on 54,000 words coherence .23 → .25, diversity .81 → 1.00, by
    # relevance, one seed). Its weight trades diversity against coherence.
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
