"""Tables of several models: budgets, failures, files."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ntm_fast import compare
from ntm_fast.compare import save, table
from ntm_fast.training import Epoch
from tests.blocks import block_corpus

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
    assert set(compare.COLUMNS) - {"c_v"} <= set(row)


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
