import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ntm_fast import NVLDA, NeuralTopicModel, ProdLDA
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
        "options": {"free_bits": np.float32(0.5), "em_steps": (1, 2)},
    }
    model = ProdLDA(4, **{**QUICK, **odd}).fit(X)
    model.save(tmp_path / "model")
    loaded = ProdLDA.load(tmp_path / "model")
    np.testing.assert_array_equal(loaded.transform(X), model.transform(X))
    assert loaded.get_params()["options"] == {"free_bits": 0.5, "em_steps": [1, 2]}
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
        ("vocabulary.txt", lambda d: d[:-20], "vocabulary.txt is damaged"),
        ("vocabulary.txt", lambda d: b"\xff" + d, "vocabulary.txt is damaged"),
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
    edit(folder, lambda m: [m["settings"].pop("shape_floor"), m["parameters"].pop("verbose")])
    older = ProdLDA.load(folder)  # settings that came later have their defaults
    assert older.model_.settings == fitted.model_.settings
    np.testing.assert_array_equal(older.transform(X), fitted.transform(X))
    for part, name in (("settings", "colour"), ("parameters", "flavour")):
        fitted.save(folder, overwrite=True)
        edit(folder, lambda m: m[part].update({name: 1}))  # noqa: B023
        with pytest.raises(ValueError, match=f"'{name}', which this release does not know: a new"):
            ProdLDA.load(folder)


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
        ({"validation": 0.5}, "validation is 0.5; expected 0.1, as in"),
    ]
    for wrong, message in changed:
        with pytest.raises(MismatchError, match=message):
            ProdLDA(4, **{**QUICK, "epochs": 4, **wrong}).fit(X, resume_from=file)
    with pytest.raises(MismatchError, match="estimator is 'NVLDA'; expected 'ProdLDA', as in"):
        NVLDA(4, **{**QUICK, "epochs": 4}).fit(X, resume_from=file)
    with pytest.raises(ValueError, match="300 documents of 40 words expected, found 200 documents"):
        ProdLDA(4, **{**QUICK, "epochs": 4}).fit(X[:200], resume_from=file)
    assert file.read_bytes() == before
