"""The record of how a model was made, which stays with the model."""

import json
import os
import re
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sklearn
import torch

import ntm_fast
from ntm_fast import LDAVAE, NeuralTopicModel, ProdLDA
from ntm_fast.data import Corpus, Origin, Subset
from ntm_fast.data.corpus import split_rows
from ntm_fast.record import Record, read_record
from ntm_fast.report import paragraph, record_as_facts
from ntm_fast.training import RECIPES, TrainingInterrupted
from ntm_fast.training.state import hash_documents
from tests.estimator.common import CORPUS, NAMED, QUICK, X


def saved(model: Any, folder: Path) -> dict[str, Any]:
    """The fields of a model's model.json."""
    model.save(folder, overwrite=folder.exists())
    fields = json.loads((folder / "model.json").read_text())
    assert isinstance(fields, dict)
    return fields


def nulls(value: Any, name: str = "") -> list[str]:
    """The names of all values that are null."""
    if isinstance(value, dict):
        return [n for part, inner in value.items() for n in nulls(inner, f"{name}.{part}")]
    if isinstance(value, list):
        return [n for at, inner in enumerate(value) for n in nulls(inner, f"{name}[{at}]")]
    return [name] if value is None else []


@NAMED
def test_settings_in_force_are_saved(kind: Any, tmp_path: Path) -> None:
    model = kind(4, epochs=2, random_state=0).fit(CORPUS)
    fields = saved(model, tmp_path / "model")
    assert nulls(fields) == []
    recipe = RECIPES[kind.__name__]
    assert fields["recipe"]["name"] == kind.__name__
    training = fields["training"]
    assert training["learning_rate"] == recipe.training.learning_rate
    assert tuple(training["betas"]) == recipe.training.betas
    assert training["warm_up"] == recipe.training.warm_up
    assert training["validation_fraction"] == recipe.training.validation_fraction
    assert training["epochs"] == 2
    # With 300 or fewer documents an epoch has at least 16 steps, unless batches get too small.
    as_published = kind.__name__.startswith("Published")  # whose batches stay as they were
    assert training["batch_size"] == (200 if as_published else 32)
    assert fields["settings"]["background"] == (model.model_.decoder.shift is not None)
    given = {"epochs": recipe.training.epochs, "batch_size": recipe.training.batch_size}
    changed = {name: value for name, value in given.items() if value != training[name]}
    assert fields["recipe"]["changed"] == changed


def test_run_is_recorded(tmp_path: Path) -> None:
    before = datetime.now().astimezone().replace(microsecond=0)
    model = ProdLDA(4, **QUICK).fit(X)
    fields = saved(model, tmp_path / "model")
    seed = int(np.random.RandomState(0).randint(2**31 - 1))
    train, held_out, _ = split_rows(300, 0.1, 0.0, seed)
    assert fields["seed"] == seed
    assert fields["epochs"] == 2
    assert before <= datetime.fromisoformat(fields["began"]) <= datetime.now().astimezone()
    assert 0 < fields["seconds"] < 60
    corpus = Corpus.from_scipy(X)
    assert fields["corpus"] == {
        "documents": 270,
        "documents_held_out": len(held_out),
        "words": X.shape[1],
        "tokens": float(X[train].sum()),
        "nonzeros": X[train].nnz,
        "digest": hash_documents(Subset(corpus, train)),
        "description": "Documents were read from a matrix.",
        "origin": {"reader": "a matrix"},
    }
    place = fields["environment"]
    assert place["versions"]["torch"] == torch.__version__
    assert place["versions"]["scikit-learn"] == sklearn.__version__
    assert place["versions"]["ntm_fast"] == ntm_fast.__version__
    assert place["device"] == "cpu"
    assert place["cpu_level"] == ntm_fast.build_info().cpu_level
    assert place["threads"] == torch.get_num_threads()
    assert [run["call"] for run in fields["runs"]] == ["fit"]


def test_best_epoch_is_recorded() -> None:
    model = ProdLDA(4, **{**QUICK, "epochs": 4}, kl_schedule="constant").fit(X)
    scores = [epoch.validation_elbo for epoch in model.history_]
    assert model.record_.best_epoch == 1 + int(np.argmax(scores))  # type: ignore[arg-type]
    without = LDAVAE(4, **QUICK).fit(X)
    assert without.record_.best_epoch is None
    assert without.record_.training["validation_fraction"] == 0
    assert "patience" not in without.record_.training  # there is nothing that it could look at


def test_departures_from_the_recipe(tmp_path: Path) -> None:
    given: Any = {"patience": "none", "background": False, "free_bits": np.float32(0.5)}
    model = ProdLDA(4, **QUICK, **given).fit(X)
    fields = saved(model, tmp_path / "model")
    assert nulls(fields) == []
    assert fields["parameters"]["patience"] == "none"
    assert "patience" not in fields["training"]
    assert fields["recipe"]["changed"] == {
        "epochs": 60,
        "batch_size": 200,
        "hidden": [100, 100],
        "patience": 15,
        "background": True,
        "free_bits": 0.0,
    }
    nearest = NeuralTopicModel(4, posterior="dirichlet", decoder="mixture", **QUICK).fit(X)
    assert nearest.record_.recipe["name"] == "LDAVAE"
    given = ntm_fast.ETM(4, embeddings=np.ones((X.shape[1], 3)), **QUICK).fit(X)
    assert given.record_.recipe["changed"]["learned_embeddings"] is True


def test_record_survives_saving(tmp_path: Path) -> None:
    model = ProdLDA(4, **QUICK).fit(CORPUS)
    first = saved(model, tmp_path / "one")
    loaded = ProdLDA.load(tmp_path / "one")
    assert loaded.record_ == model.record_
    assert saved(loaded, tmp_path / "two") == first


def test_partial_fit_goes_on_with_the_record(tmp_path: Path) -> None:
    model = ProdLDA(4, **QUICK).fit(CORPUS)
    model.save(tmp_path / "model")
    loaded = ProdLDA.load(tmp_path / "model")
    half = CORPUS[:150]
    for _ in range(3):
        loaded.partial_fit(half)
    loaded.partial_fit(CORPUS)
    record = loaded.record_
    assert record.epochs == 6
    assert [(run["call"], run["epochs"]) for run in record.runs] == [
        ("fit", 2),
        ("partial_fit", 3),
        ("partial_fit", 1),
    ]
    assert [run["digest"] for run in record.runs[1:]] == [
        hash_documents(half),
        hash_documents(CORPUS),
    ]
    assert record.runs[0] == model.record_.runs[0]
    assert record.seconds == pytest.approx(sum(run["seconds"] for run in record.runs))
    assert record.corpus["documents"] == 300
    assert record.corpus["documents_held_out"] == 0
    assert record.training["batch_size"] == 64
    assert loaded.fit(X).record_.runs[0]["call"] == "fit"
    assert len(loaded.record_.runs) == 1


def test_resumed_run_says_so(tmp_path: Path) -> None:
    file = tmp_path / "run.safetensors"

    def interrupt(epoch: Any) -> None:
        if epoch.epoch == 2:
            os.kill(os.getpid(), 2)

    model = ProdLDA(4, checkpoint=file, **{**QUICK, "epochs": 4})
    with pytest.raises(TrainingInterrupted):
        model.fit(X, callback=interrupt)
    assert model.record_.epochs == model.n_epochs_
    done = model.n_epochs_
    resumed = ProdLDA(4, **{**QUICK, "epochs": 4, "random_state": None}).fit(X, resume_from=file)
    record = resumed.record_
    assert record.seed == model.record_.seed
    assert (record.epochs, record.runs[0]["epochs"]) == (4, 4 - done)
    assert record.runs[0]["resumed_after"] == done
    assert record.corpus["digest"] == model.record_.corpus["digest"]


def test_origin_of_the_corpus_is_kept(tmp_path: Path) -> None:
    origin = Origin("table", {"column": "text", "ngram_range": (1, 2)})
    model = ProdLDA(4, **QUICK).fit(CORPUS.with_origin(origin))  # trained on a part of it
    fields = saved(model, tmp_path / "model")
    expected = {"reader": "table", "options": {"column": "text", "ngram_range": [1, 2]}}
    assert fields["corpus"]["origin"] == expected
    assert origin.describe() in paragraph(fields, model.record_)
    loaded = ProdLDA.load(tmp_path / "model").partial_fit(X)  # a matrix says nothing of words
    assert loaded.record_.corpus["origin"] == expected


def test_global_generator_is_left_alone() -> None:
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    ProdLDA(4, **QUICK).fit(X)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_models_without_a_record_load(tmp_path: Path) -> None:
    model = ProdLDA(4, **QUICK).fit(CORPUS)
    fields = saved(model, tmp_path / "model")
    for name in model.record_.as_dict():
        del fields[name]
    fields["settings"] |= {"background": None, "variance_floor": None, "variance_ceiling": None}
    fields["parameters"] |= {"verbose": 0, "checkpoint": None, "prior": None, "device": "auto"}
    (tmp_path / "model" / "model.json").write_text(json.dumps(fields))
    loaded = ProdLDA.load(tmp_path / "model")
    assert not hasattr(loaded, "record_")
    np.testing.assert_array_equal(loaded.transform(X), model.transform(X))
    assert loaded.get_params() == model.get_params()
    assert "did not record" in paragraph(fields, None)
    assert record_as_facts(fields, None)["epochs"] == 2
    again = saved(loaded, tmp_path / "again")
    assert "runs" not in again
    assert nulls(again) == []
    assert [run["call"] for run in loaded.partial_fit(CORPUS).record_.runs] == ["partial_fit"]


@pytest.mark.parametrize(
    ("field", "value", "named"),
    [
        ("seed", "5", "seed is '5'; expected a whole number"),
        ("epochs", True, "epochs is True; expected a whole number"),
        ("seconds", "long", "seconds is 'long'; expected a number"),
        ("corpus", [], "corpus is []; expected an object"),
        ("corpus", {"documents": 1.5}, "corpus.documents is 1.5"),
        ("environment", {}, "environment.versions is None; expected an object"),
        ("runs", [5], "runs[0] is 5; expected an object"),
        ("runs", None, "runs is None; expected a list"),
        ("recipe", {"name": "x"}, "recipe.changed is None"),
        ("best_epoch", [], "best_epoch is []"),
    ],
)
def test_damaged_records_are_named(
    field: str, value: Any, named: str, fitted: ProdLDA, tmp_path: Path
) -> None:
    fields = saved(fitted, tmp_path / "model")
    file = tmp_path / "model" / "model.json"
    file.write_text(json.dumps({**fields, field: value}))
    for read in (ProdLDA.load, lambda folder: read_record(file, json.loads(file.read_text()))):
        with pytest.raises(ValueError, match=re.escape(f"{file} is damaged: {named}")):
            read(tmp_path / "model")


def test_paragraph(fitted: ProdLDA, tmp_path: Path) -> None:
    fields = saved(fitted, tmp_path / "model")
    text = paragraph(fields, fitted.record_)
    for part in (
        'We trained ProdLDA (Srivastava & Sutton, "Autoencoding Variational Inference for Topic'
        ' Models", 2017) with 4 topics on 270 documents (40 words in the vocabulary,',
        f"digest {fitted.record_.corpus['digest']}) using ntm_fast {ntm_fast.__version__}.",
        "30 further documents were held out",
        "layer of 8 units",
        "learning rate 0.002 (constant), betas (0.9, 0.999) and batch size 64;",
        "rose linearly from 0 to 1 over the first 20 epochs",
        "2 epochs were done (at most 2 in one run; patience 15).",
        "epochs 2 (recipe: 60)",
        "hidden (8) (recipe: (100, 100))",
        f"The seed was {fitted.record_.seed}, which followed from random_state=0.",
        f"PyTorch {torch.__version__}",
    ):
        assert part in text
    assert "None" not in text
    strange = {**fields, "estimator": "\x1b]0;title\x07\u202eProd"}
    assert r"\x1b]0;title\x07\u202eProd" in paragraph(strange, fitted.record_)


def test_record_holds_only_what_json_holds(fitted: ProdLDA) -> None:
    values = json.loads(json.dumps(fitted.record_.as_dict()))
    assert Record(**values) == fitted.record_
