"""Tables of several models: budgets, failures, files."""

import json
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from ntm_fast.studies import compare
from ntm_fast.studies.compare import save, table
from ntm_fast.training import RECIPES, Epoch
from tests.helpers.blocks import block_corpus

ROWS: list[dict[str, Any]] = [
    {"model": "ProdLDA", "epochs": 3, "seconds": 1.25, "npmi": 0.5, "peak_megabytes": None},
    {"model": "ETM", "failed": "the loss is not finite"},
]


def test_a_budget_of_seconds_ends_a_run() -> None:
    seen: list[str] = []
    rows = compare.compare(
        block_corpus(n_documents=60),
        ["NVLDA"],
        n_topics=4,
        epochs=1000,
        seconds=0.0,
        threads=1,
        callback=lambda row: seen.append(row["model"]),
    )
    assert seen == ["NVLDA"]
    (row,) = rows
    assert row["epochs"] == 1
    assert 1 < row["perplexity"] < 100
    assert set(compare.COLUMNS) <= set(row)
    assert (row["c_v"] is None) == (find_spec("gensim") is None) == ("c_v" in row.get("notes", {}))


def test_what_cannot_be_compared_is_left_out() -> None:
    corpus = block_corpus(n_documents=60)
    rows = compare.compare(corpus, ["WHAI", "NVDM"], n_topics=4, epochs=1, threads=1)
    whai, nvdm = rows
    for figure in ("perplexity_per_word", "perplexity_per_document"):
        assert whai[figure] is None
        assert whai["notes"][figure].startswith("WHAI's bound is that of Poisson counts")
        assert nvdm[figure] > 1
    for figure in ("leading_topics", "effective_topics"):
        assert nvdm[figure] is None
        assert nvdm["notes"][figure] == "NVDM's θ is any reals, not shares of topics"
        assert whai[figure] >= 1
    for row in rows:
        assert row["perplexity"] > 1
        assert row["notes"]["diversity"] == "at most 0.40 with 40 words for the top 25"
        assert row["diversity"] <= 0.4
    head, first, second, *notes = table(rows).splitlines()
    at = head.index("per doc"), head.index("per doc") + len("per doc")
    assert not first[slice(*at)].strip()
    assert second[slice(*at)].strip()
    assert any(line.startswith("per doc: WHAI's bound is") for line in notes)
    assert "leading: NVDM's θ is any reals, not shares of topics" in notes
    assert ("C_v" in head) == (find_spec("gensim") is not None)
    assert any(line.startswith("C_v: needs gensim") for line in notes) != ("C_v" in head)
    json.dumps(rows, allow_nan=False)


def test_a_model_that_diverges_has_its_row(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    corpus = block_corpus(n_documents=60)
    for name in ("train", "test"):
        corpus.save(tmp_path / name)
    folders = str(tmp_path / "train"), str(tmp_path / "test")
    absurd = RECIPES["LDAVAE"].changed(learning_rate=1e3)
    monkeypatch.setattr("ntm_fast.LDAVAE.recipe", absurd)
    row = compare._measure("LDAVAE", *folders, 4, 9, None, 0, 1)
    assert row["model"] == "LDAVAE"
    assert "is not finite" in row["failed"]
    assert "epoch 1, step" in row["failed"]
    monkeypatch.undo()

    def nan(*_: object, **__: object) -> float:
        raise ValueError("model returned NaN")

    monkeypatch.setattr("ntm_fast.metrics.evaluation.perplexity", nan)
    row = compare._measure("LDAVAE", *folders, 4, 1, None, 0, 1)
    assert row["failed"] == "trained, but not to be measured: model returned NaN"


def test_speed_is_that_of_the_documents_trained_on() -> None:
    none = Epoch(1, -7.0, -6.0, 1.0, 1.0, None, 0.0)
    history = [replace(none, documents_per_second=rate) for rate in (10.0, 30.0)]
    assert compare.trained_per_second(history) == pytest.approx(15)  # 30 each, in 3 and 1 s


def test_table_has_columns_and_failures() -> None:
    head, first, second = table(ROWS).splitlines()
    assert head.split() == ["model", "epochs", "seconds", "NPMI"]
    assert first.split() == ["ProdLDA", "3", "1.2", "0.500"]
    assert first.index("0.500") + 5 == head.index("NPMI") + 4
    assert second == "ETM      the loss is not finite"


def test_saved_whole(tmp_path: Path) -> None:
    for ending in ("csv", "json", "jsonl"):
        save(ROWS, tmp_path / f"rows.{ending}")
    assert json.loads((tmp_path / "rows.json").read_text()) == ROWS
    assert (tmp_path / "rows.jsonl").read_text().count("\n") == 2
    assert (tmp_path / "rows.csv").read_text().splitlines()[0].startswith("model,epochs,seconds")
    with pytest.raises(ValueError, match=r"ends in '.xlsx'; expected .csv, .json or .jsonl"):
        save(ROWS, tmp_path / "rows.xlsx")
    assert len(list(tmp_path.iterdir())) == 3
    noted = [{"model": "WHAI", "npmi": 0.1, "c_v": None, "notes": {"c_v": "needs gensim"}}]
    save(noted, tmp_path / "noted.csv")
    assert (tmp_path / "noted.csv").read_text().splitlines()[1] == "WHAI,0.1,,c_v: needs gensim"
