import json
import os
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ntm_fast import NVLDA, NeuralTopicModel, ProdLDA
from ntm_fast.__main__ import main
from ntm_fast.data import Corpus
from ntm_fast.training import MismatchError, TrainingInterrupted
from tests.estimator.common import CORPUS, NAMED, QUICK, X


@NAMED
def test_save_and_load(kind: Any, tmp_path: Path) -> None:
    model = kind(4, **QUICK).fit(CORPUS)
    folder = tmp_path / "deep" / "model"
    model.save(folder)
    assert sorted(os.listdir(folder)) == ["model.json", "model.safetensors", "vocabulary.txt"]
    for cls in (kind, NeuralTopicModel):
        loaded = cls.load(folder)
        assert type(loaded) is kind
        np.testing.assert_array_equal(loaded.transform(X), model.transform(X))
        assert loaded.top_words() == model.top_words()
        assert loaded.get_params() == model.get_params()
        assert loaded.history_ == model.history_
        assert loaded.perplexity(CORPUS) == model.perplexity(CORPUS)
    with pytest.raises(FileExistsError, match="overwrite=True"):
        model.save(folder)
    model.save(folder, overwrite=True)
    with pytest.raises(FileExistsError, match="holds no model"):
        model.save(tmp_path, overwrite=True)


def test_parameters_of_other_libraries_are_saved(tmp_path: Path) -> None:
    odd: dict[str, Any] = {
        "hidden": [np.int64(8)],
        "device": torch.device("cpu"),
        "free_bits": np.float32(0.5),
        "em_steps": [1, 2],
        "patience": "none",
    }
    model = ProdLDA(4, **{**QUICK, **odd}).fit(X)
    model.save(tmp_path / "model")
    loaded = ProdLDA.load(tmp_path / "model")
    np.testing.assert_array_equal(loaded.transform(X), model.transform(X))
    parameters = loaded.get_params()
    assert (parameters["free_bits"], parameters["em_steps"]) == (0.5, (1, 2))
    assert parameters["patience"] == "none"
    np.testing.assert_array_equal(loaded.fit(X).transform(X), model.transform(X))


def test_damaged_and_foreign_folders(fitted: ProdLDA, tmp_path: Path) -> None:
    folder = tmp_path / "model"

    def broken(name: str, change: Any) -> Path:
        fitted.save(folder, overwrite=folder.exists())
        file = folder / name
        data = change(file.read_bytes())
        file.unlink() if data is None else file.write_bytes(data)
        return folder

    def edited(**values: Any) -> Any:
        return lambda data: json.dumps({**json.loads(data), **values}).encode()

    cases = [
        ("model.safetensors", lambda d: d[:-5], "model.safetensors is damaged or truncated"),
        ("model.safetensors", lambda d: d[:-9] + b"123456789", "damaged or truncated"),
        ("model.json", lambda d: d[:50], "model.json is damaged"),
        ("model.json", edited(format="else"), "does not describe a model"),
        ("model.json", edited(version=99), "version 99, this release reads 1"),
        ("model.json", edited(version="one"), "is damaged: version is 'one'"),
        ("model.json", edited(settings={}), "is damaged: settings are {}"),
        ("model.json", edited(history=None), "is damaged: history is None"),
        ("model.json", edited(n_words="x"), "n_words is 'x'"),
        ("vocabulary.txt", lambda d: d[:-20], "vocabulary.txt has 36 entries, expected 40"),
        ("vocabulary.txt", lambda d: b"\xff" + d, "vocabulary.txt is not UTF-8"),
        ("model.json", edited(estimator="NVLDA"), "holds a NVLDA; expected a ProdLDA"),
    ]
    for name, change, message in cases:
        with pytest.raises(ValueError, match=message):
            ProdLDA.load(broken(name, change))
    for name in ("model.json", "model.safetensors", "vocabulary.txt"):
        with pytest.raises(FileNotFoundError, match=name):
            ProdLDA.load(broken(name, lambda d: None))
        (folder / "model.json").write_text("")  # so that it may be written over
    with pytest.raises(FileNotFoundError, match="is not a saved model"):
        ProdLDA.load(tmp_path / "absent")


def edit(folder: Path, change: Any) -> None:
    file = folder / "model.json"
    metadata = json.loads(file.read_text())
    change(metadata)
    file.write_text(json.dumps(metadata))


def test_models_of_other_releases(fitted: ProdLDA, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    fitted.save(folder)
    edit(folder, lambda m: [m["settings"].pop("shape_floor"), m["parameters"].pop("batch_size")])
    older = ProdLDA.load(folder)  # settings that came later have their defaults
    # A setting that the decoder decides is saved as it took effect.
    assert older.model_.settings == replace(fitted.model_.settings, background=True)
    assert older.get_params() == ProdLDA(4, **{**QUICK, "batch_size": None}).get_params()
    np.testing.assert_array_equal(older.transform(X), fitted.transform(X))
    for part, name in (("settings", "colour"), ("parameters", "flavour")):
        fitted.save(folder, overwrite=True)
        edit(folder, lambda m: m[part].update({name: 1}))  # noqa: B023
        with pytest.raises(ValueError, match=f"'{name}', which this release does not know: a new"):
            ProdLDA.load(folder)


def test_what_is_of_the_machine_is_not_restored(fitted: ProdLDA, tmp_path: Path) -> None:
    folder, victim = tmp_path / "model", tmp_path / "victim"
    victim.write_text("the user's own")
    model = ProdLDA(4, **QUICK, checkpoint=victim, device="cpu", verbose=1)
    model.__dict__ |= {n: v for n, v in vars(fitted).items() if n.endswith("_") and n[0] != "_"}
    model.save(folder)
    parameters = json.loads((folder / "model.json").read_text())["parameters"]
    assert not {"checkpoint", "device", "verbose"} & parameters.keys()
    odd = {"checkpoint": str(victim), "device": "tpu", "verbose": 1}
    edit(folder, lambda m: m["parameters"].update(odd))  # as a folder from elsewhere may have it
    loaded = NeuralTopicModel.load(folder)
    assert (loaded.checkpoint, loaded.device, loaded.verbose) == (None, "auto", 0)
    loaded.partial_fit(X)
    assert victim.read_text() == "the user's own"


@pytest.mark.parametrize(
    ("field", "value", "named"),
    [
        ("estimator", "os", "names the estimator 'os', which this release does not know"),
        ("estimator", "torch", "names the estimator 'torch'"),
        ("estimator", "TopicEstimator", "names the estimator 'TopicEstimator'"),
        ("estimator", "_Embedded", "names the estimator '_Embedded'"),
        ("estimator", "_LIKE_DIRICHLET", "names the estimator '_LIKE_DIRICHLET'"),
        ("estimator", "__doc__", "names the estimator '__doc__'"),
        ("estimator", ["ProdLDA"], "estimator is ['ProdLDA']; expected a text"),
        ("named_columns", 1, "named_columns is 1; expected true or false"),
        ("parameters.n_topics", "4", "parameters.n_topics is '4'; expected an int"),
        ("parameters.n_topics", True, "parameters.n_topics is True; expected an int"),
        ("parameters.hidden", 8, "parameters.hidden is 8; expected a tuple"),
        ("parameters.hidden", ["8"], "parameters.hidden[0] is '8'; expected an int"),
        ("parameters.learning_rate", {}, "parameters.learning_rate is {}; expected a number"),
        ("parameters.options", [1], "parameters.options is [1]; expected an object"),
        ("parameters.random_state", "x", "parameters.random_state is 'x'"),
        ("settings.hidden", 8, "in settings, hidden is 8; expected a tuple"),
        ("settings.hidden", [], "in settings, hidden is []"),
        ("settings.prior", "x", "in settings, prior is 'x'; expected a number"),
        ("settings.n_topics", 2.5, "in settings, n_topics is 2.5; expected an int"),
        ("settings.posterior", ["x"], "in settings, posterior is ['x']; expected one of"),
        ("settings.decoder", "poisson", "in settings, decoder is 'poisson', which takes"),
        ("settings.refinement", 5, "in settings, refinement is 5; expected 0"),
        ("history", [5], "history[0] is 5; expected an object"),
        ("history", [{"epoch": 1}], "history[0].elbo is None; expected a number"),
    ],
)
def test_wrong_types_are_named(
    field: str, value: Any, named: str, fitted: ProdLDA, tmp_path: Path
) -> None:
    fitted.save(tmp_path / "model")
    *parts, name = field.split(".")
    edit(tmp_path / "model", lambda m: (m[parts[0]] if parts else m).update({name: value}))
    path = re.escape(str(tmp_path / "model" / "model.json"))
    with pytest.raises(ValueError, match=f"{path}.*{re.escape(named)}"):
        NeuralTopicModel.load(tmp_path / "model")


def places(value: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path to each value in a JSON object."""
    inner = value.items() if isinstance(value, dict) else enumerate(value)
    for name, part in inner:
        yield (*above, name)
        if isinstance(part, dict | list):
            yield from places(part, (*above, name))


ODD: list[Any] = [None, True, -1, 0, 2.5, float("nan"), "\x1b[2J", [], {}, [[]], {"a": 1}, 10**30]


@given(data=st.data())
def test_changed_metadata_is_refused_or_harmless(
    data: st.DataObject, fitted: ProdLDA, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("changed") / "model"
    fitted.save(folder)
    file = folder / "model.json"
    fields = json.loads(file.read_text())
    *way, last = data.draw(st.sampled_from(list(places(fields))))
    holder = fields
    for name in way:
        holder = holder[name]
    holder[last] = data.draw(st.sampled_from(ODD))
    file.write_text(json.dumps(fields))
    reason = ""
    try:
        NeuralTopicModel.load(folder)
    except ValueError as error:
        reason = str(error)
    assert not reason or str(folder) in reason
    assert main(["info", str(folder)]) in (0, 2)


def test_history_is_checked(fitted: ProdLDA, tmp_path: Path) -> None:
    fitted.save(tmp_path / "model")
    edit(tmp_path / "model", lambda m: m["history"][1].update(kl="much"))
    with pytest.raises(ValueError, match=r"history\[1\].kl is 'much'; expected a number"):
        ProdLDA.load(tmp_path / "model")
    fitted.save(tmp_path / "model", overwrite=True)
    edit(tmp_path / "model", lambda m: m["history"][1].update(colour=1))
    with pytest.raises(ValueError, match="'colour', which this release does not know"):
        ProdLDA.load(tmp_path / "model")


def test_a_model_that_could_not_be_loaded_is_not_saved(fitted: ProdLDA, tmp_path: Path) -> None:
    model = ProdLDA(4, **QUICK).fit(X).set_params(n_topics="four")
    with pytest.raises(ValueError, match=r"cannot be saved: parameters.n_topics is 'four'"):
        model.save(tmp_path / "model")
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n_topics": 10**9}, r"decoder.weight has shape \(40, 4\); expected \(40, 1000000000\)"),
        ({"n_topics": 10**30}, "model.json is damaged: in settings"),
        ({"hidden": [10**9]}, "expected .*1000000000"),
        ({"hidden": [8] * 10**5}, "too few for 100000 layers"),
        ({"hidden": [8, 8]}, "it lacks the tensor 'encoder.layers.0.bias'"),
        ({"background": False}, "it has the tensor 'decoder.shift'"),
    ],
)
def test_sizes_are_compared_before_a_model_is_made(
    change: dict[str, Any], message: str, fitted: ProdLDA, tmp_path: Path
) -> None:
    fitted.save(tmp_path / "model")
    edit(tmp_path / "model", lambda m: m["settings"].update(change))
    with pytest.raises(ValueError, match=message):
        ProdLDA.load(tmp_path / "model")


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_refused(value: float, tmp_path: Path) -> None:
    model = ProdLDA(4, **QUICK).fit(X)
    with torch.no_grad():
        model.model_.decoder.get_parameter("weight")[3, 1] = value
    model.save(tmp_path / "model")
    with pytest.raises(ValueError, match=r"model.safetensors: decoder.weight holds a value"):
        ProdLDA.load(tmp_path / "model")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.replace(b"\n", b"\r\n"), r"line 1: 'w000\\r' holds a line break, expected l"),
        (lambda d: d.replace(b"w003\n", b"w001\n"), "line 4: 'w001' repeats line 2, expected dis"),
        (lambda d: d.replace(b"w003\n", b"\n"), "line 4: '' is empty, expected a word"),
        (lambda d: d[:-1], "is truncated: its last line has no end"),
        (lambda d: d + b"more\n", "has 41 entries, expected 40, the number of words"),
    ],
)
def test_vocabulary_is_checked(change: Any, message: str, tmp_path: Path) -> None:
    words = [f"w{v:03}" for v in range(X.shape[1])]
    corpus = Corpus.from_scipy(X, words)
    folders = {Corpus.load: tmp_path / "corpus", ProdLDA.load: tmp_path / "model"}
    corpus.save(folders[Corpus.load])
    ProdLDA(4, **QUICK).fit(corpus).save(folders[ProdLDA.load])
    for load, folder in folders.items():
        file = folder / "vocabulary.txt"
        file.write_bytes(change(file.read_bytes()))
        with pytest.raises(ValueError, match=f"{re.escape(str(file))}[, ]+{message}"):
            load(folder)


@pytest.mark.parametrize("name", ["vocabulary.txt", "model.safetensors", "labels.txt"])
def test_pipes_and_folders_are_no_files(name: str, fitted: ProdLDA, tmp_path: Path) -> None:
    folder = tmp_path / "saved"
    CORPUS.save(folder)
    load: Any = Corpus.load
    if not (folder / name).exists():
        fitted.save(folder := tmp_path / "model")
        load = ProdLDA.load
    for put in (os.mkfifo, os.mkdir, lambda path: os.symlink(path, path)):
        (folder / name).unlink(missing_ok=True)
        put(folder / name)
        with pytest.raises(ValueError, match=f"{name} is no file; expected an ordinary file"):
            load(folder)
        if (folder / name).is_dir():
            (folder / name).rmdir()


def test_interrupted_fit_can_be_used_and_resumed(tmp_path: Path) -> None:
    file = tmp_path / "run.safetensors"
    straight = ProdLDA(4, **{**QUICK, "epochs": 4}).fit(X)
    model = ProdLDA(4, checkpoint=file, **{**QUICK, "epochs": 4})

    def interrupt(epoch: Any) -> None:
        if epoch.epoch == 2:
            os.kill(os.getpid(), 2)

    with pytest.raises(TrainingInterrupted):
        model.fit(X, callback=interrupt)
    assert model.transform(X).shape == (300, 4)
    # The seed is the checkpoint's.
    resumed = ProdLDA(4, **{**QUICK, "epochs": 4, "random_state": None}).fit(X, resume_from=file)
    np.testing.assert_array_equal(straight.components_, resumed.components_)
    for same in (0, np.random.RandomState(5)):  # a generator is no number to compare
        again = ProdLDA(4, **{**QUICK, "epochs": 4, "random_state": same}).fit(X, resume_from=file)
        np.testing.assert_array_equal(straight.components_, again.components_)
    before = file.read_bytes()
    changed: list[tuple[dict[str, Any], str]] = [
        ({"random_state": 5}, f"random_state is 5; expected 0, as in {file}"),
        ({"hidden": (9,)}, r"hidden is \(9,\); expected \(8,\), as in"),
        ({"validation_fraction": 0.5}, "validation_fraction is 0.5; expected 0.1, as in"),
    ]
    for wrong, message in changed:
        with pytest.raises(MismatchError, match=message):
            ProdLDA(4, **{**QUICK, "epochs": 4, **wrong}).fit(X, resume_from=file)
    with pytest.raises(MismatchError, match="estimator is 'NVLDA'; expected 'ProdLDA', as in"):
        NVLDA(4, **{**QUICK, "epochs": 4}).fit(X, resume_from=file)
    with pytest.raises(ValueError, match="300 documents of 40 words expected, found 200 documents"):
        ProdLDA(4, **{**QUICK, "epochs": 4}).fit(X[:200], resume_from=file)
    assert file.read_bytes() == before
