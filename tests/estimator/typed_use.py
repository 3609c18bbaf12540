"""What a user's program may say of the estimators, for mypy: nothing here is run.

Every `type: ignore` is of an error that mypy has to find: one that it does not is an error itself.
"""

from ntm_fast import ETM, Corpus, NeuralTopicModel, ProdLDA


def uses(corpus: Corpus) -> None:
    """Keywords that mypy knows, and some that it must not let pass."""
    model: ProdLDA = ProdLDA(20, diversity=1.0, hidden=(100,), patience="none").fit(corpus)
    rate: float | None = model.learning_rate
    words: list[list[str]] = model.set_params(diversity=0.5).fit(corpus).top_words(5)
    print(rate, words, model.elbo(corpus), model.recipe.model.prior)
    NeuralTopicModel(posterior="weibull", decoder="poisson", prior_rate=2.0)
    ETM(embeddings=[[0.0]], learned_embeddings=True)
    ProdLDA(diversty=1.0)  # type: ignore[call-arg]
    ProdLDA(20, 0.5)  # type: ignore[call-arg]
    ProdLDA(options={"diversity": 1.0})  # type: ignore[call-arg]
    ProdLDA(validation=0.1)  # type: ignore[call-arg]
    ProdLDA(hidden=100)  # type: ignore[arg-type]
    ProdLDA(patience="never")  # type: ignore[arg-type]
