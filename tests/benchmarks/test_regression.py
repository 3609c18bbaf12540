"""The check that compares two files of benchmark rows."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import regression
from benchmarks.harness import results

ROOT = Path(__file__).resolve().parents[2]


def rows(ratio: float = 4.0, share: float = 0.8, spread: float = 0.02) -> list[dict[str, Any]]:
    """One op beside one rival, and a row of peak memory."""
    machine = {"cpu": "a", "cores": 2}
    common = {"op": "f", "shape": "3x4", "dtype": "float32", "threads": 1, "machine": machine}
    ours = {"subject": "ntm_fast", "seconds": 1.0, "ratio": 1.0, "share_of_floor": share}
    rival = {"subject": "eager", "seconds": ratio, "ratio": ratio, "share_of_floor": share / ratio}
    memory = {**common, "op": "g", "subject": "ntm_fast", "peak_bytes": 1_000}
    spreads = {"spread": 5.0, "ratio_spread": spread, "share_spread": spread}
    return [{**common, **ours, **spreads}, {**common, **rival, **spreads}, memory]


def write(path: Path, lines: list[Any]) -> str:
    path.write_text("\n".join(x if isinstance(x, str) else json.dumps(x) for x in lines) + "\n")
    return str(path)


def compare(folder: Path, old: list[Any], new: list[Any], *options: str) -> int:
    files = [write(folder / "old.jsonl", old), write(folder / "new.jsonl", new)]
    return regression.main([*files, *options])


def test_nothing_changed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    faster = [{**row, "seconds": 1e-3} for row in rows()]  # seconds alone say nothing
    assert compare(tmp_path, rows(), faster) == 0
    assert "3 figures of both files compared: 0 worse, 0 better" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("new", "worse", "better"),
    [
        (rows(ratio=3.0), 1, 0),
        (rows(ratio=5.0), 0, 1),
        (rows(share=0.5), 1, 0),
        (rows(ratio=3.9, share=0.75), 0, 0),
        ([*rows()[:2], {**rows()[2], "peak_bytes": 1_200}], 1, 0),
    ],
)
def test_changes_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], new: list[Any], worse: int, better: int
) -> None:
    assert compare(tmp_path, rows(), new) == int(worse > 0)
    assert f"{worse} worse, {better} better" in capsys.readouterr().out


def test_tolerance_and_spread(tmp_path: Path) -> None:
    slower = rows(ratio=3.0)
    assert compare(tmp_path, rows(), slower, "--tolerance", "0.5") == 0
    assert compare(tmp_path, rows(), slower, "--tolerance", "0") == 1
    assert compare(tmp_path, rows(spread=0.5), slower) == 0
    with pytest.raises(SystemExit):
        compare(tmp_path, rows(), slower, "--tolerance", "-1")


@given(old=st.floats(0.01, 100), new=st.floats(0.01, 100), tolerance=st.floats(0, 2))
def test_swapped_files_swap_the_verdict(old: float, new: float, tolerance: float) -> None:
    tables = [{results.key(row): row for row in rows(ratio)} for ratio in (old, new)]
    there = [change.verdict(tolerance) for change in regression.changes(*tables)]
    back = [change.verdict(tolerance) for change in regression.changes(*reversed(tables))]
    opposite = {"worse": "better", "better": "worse", "": ""}
    assert back == [opposite[verdict] for verdict in there]


def test_other_rows_and_other_machines_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    new = [{**row, "machine": {"cpu": "b", "cores": 2}} for row in rows()[:2]]
    assert compare(tmp_path, rows(), [*new, {**new[0], "op": "h"}]) == 0
    out = capsys.readouterr().out
    assert "cpu was a, now b" in out
    assert "rows in one file alone: 1 old, 1 new" in out


def test_the_last_of_repeated_rows_counts(tmp_path: Path) -> None:
    assert compare(tmp_path, rows(), [*rows(ratio=1.0), *rows()]) == 0


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([], "holds no rows"),
        (["{"], "line 1 is damaged"),
        ([*rows(), "[1]"], "line 4 holds a list"),
        ([{**rows()[0], "op": None}], "line 1: op is None; expected str"),
        ([{**rows()[0], "shape": [3, 4]}], "shape is [3, 4]; expected a name or a number"),
        ([{**rows()[0], "ratio": "fast"}], "ratio is 'fast'; expected a finite number >= 0"),
        ([json.dumps(rows()[0]).replace("0.8", "NaN")], "share_of_floor is nan"),
        (["\ufffe\x00"], "line 1 is damaged"),
        ([{**row, "op": "other"} for row in rows()], "no row of"),
    ],
)
def test_damaged_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], lines: list[Any], message: str
) -> None:
    assert compare(tmp_path, rows(), lines) == 2
    error = capsys.readouterr().err
    assert message in error
    assert "new.jsonl" in error


def test_missing_and_binary_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good = write(tmp_path / "good.jsonl", rows())
    assert regression.main([str(tmp_path / "absent.jsonl"), good]) == 2
    assert "absent.jsonl cannot be read: No such file" in capsys.readouterr().err
    (tmp_path / "binary.jsonl").write_bytes(b"\xff\xfe\x00")
    assert regression.main([good, str(tmp_path / "binary.jsonl")]) == 2
    assert "it is not text in UTF-8" in capsys.readouterr().err


def test_committed_results_can_be_read() -> None:
    for path in results.RESULTS.glob("*.jsonl"):
        assert results.read(path)
        assert regression.main([str(path), str(path)]) == 0
