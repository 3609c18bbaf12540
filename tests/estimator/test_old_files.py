"""A model and a checkpoint written before settings were fields of the estimators still load.

`old/` was written by version 0.1.0 of 2026-11-28, with the options and names of that time:
``options={"diversity": 0.5, …}``, ``validation=0.2``, and the class InverseCDF.
"""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from ntm_fast import LDAVAE, NeuralTopicModel, ProdLDA
from tests.helpers.blocks import block_corpus

OLD = Path(__file__).parent / "old"
EXPECTED = json.loads((OLD / "expected.json").read_text())
CORPUS = block_corpus(3, 6, 60)


def test_a_saved_model() -> None:
    model = LDAVAE.load(OLD / "model")
    np.testing.assert_allclose(model.transform(CORPUS[:5]), EXPECTED["theta"], atol=1e-5)
    assert model.top_words(4) == EXPECTED["top_words"]
    assert model.perplexity(CORPUS) == pytest.approx(EXPECTED["perplexity"], rel=1e-4)
    parameters = model.get_params()
    assert parameters["diversity"] == 0.5
    assert parameters["topic_dropout"] == 0.1
    assert parameters["em_steps"] == (1, 1)
    assert parameters["validation_fraction"] == 0.2
    assert parameters["patience"] == 9
    assert len(model.history_) == 3


def test_a_model_of_a_class_and_with_an_option_that_changed(tmp_path: Path) -> None:
    """InverseCDF has another name now, and a setting that it does not use is refused in fit."""
    model = NeuralTopicModel.load(OLD / "inverse_cdf_model")
    assert type(model).__name__ == "DirichletVAEInverseCDF"
    theta = model.transform(CORPUS[:5])
    np.testing.assert_allclose(theta, EXPECTED["inverse_cdf_theta"], atol=1e-5)
    model.save(tmp_path / "again")
    again = NeuralTopicModel.load(tmp_path / "again")
    np.testing.assert_array_equal(again.transform(CORPUS[:5]), theta)


@pytest.mark.filterwarnings("ignore:the run continues, but not bit for bit:UserWarning")
def test_a_checkpoint() -> None:
    model = ProdLDA(
        3,
        hidden=(6,),
        epochs=4,
        batch_size=20,
        validation_fraction=0.2,
        patience=9,
        optimiser="deferred-adam",
        learning_rate_schedule="linear",
        random_state=0,
    )
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        model.fit(CORPUS, resume_from=OLD / "run.checkpoint")
    finally:
        torch.set_num_threads(threads)
    found = [epoch.elbo for epoch in model.history_]
    np.testing.assert_allclose(found, EXPECTED["history"], rtol=1e-4)
    theta = model.transform(CORPUS[:5])
    np.testing.assert_allclose(theta, EXPECTED["resumed_theta"], atol=1e-3)


def test_settings_without_effect_in_old_files_do_not_stand_in_the_way() -> None:
    """Older releases took them in silence: `embedding_size` of a product, for example."""
    with pytest.warns(UserWarning, match="embedding_size is 9, but decoder 'product' does not"):
        model = NeuralTopicModel.load(OLD / "inverse_cdf_model")
    assert model.get_params()["embedding_size"] is None
    model.partial_fit(CORPUS)
    assert model.n_epochs_ == 3
