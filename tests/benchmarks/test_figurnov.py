"""The benchmark of LDAVAE's paper: its recipe, shortened in proportion, and continued runs."""

from pathlib import Path

import pytest

from benchmarks.studies import figurnov
from ntm_fast.training import RECIPES, TrainingInterrupted
from tests.helpers.blocks import block_corpus

TRAIN, TEST = block_corpus(n_documents=70), block_corpus(n_documents=20, seed=1)


def test_the_papers_recipe() -> None:
    paper = RECIPES["FigurnovLDA"]
    per_epoch = -(-11_258 // paper.training.batch_size)
    assert abs(per_epoch * paper.training.epochs - 180_000) < per_epoch
    assert abs(per_epoch * paper.training.prior_burn_in - 120_000) < per_epoch
    shorter = figurnov.recipe("rsvi-5", 100)
    assert (shorter.model.posterior, shorter.model.rsvi_boost) == ("dirichlet-rsvi", 5)
    assert (shorter.training.epochs, shorter.training.prior_burn_in) == (100, 67)
    assert shorter.training.learning_rate == pytest.approx(511 / 100 * paper.training.learning_rate)
    assert figurnov.recipe("implicit", 511) == paper.changed(n_topics=50)
    with pytest.raises(SystemExit, match="scheme is 'rsvi'; expected implicit or rsvi-BOOST"):
        figurnov.recipe("rsvi", 100)


def test_a_run_that_stops_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = figurnov.train("implicit-3", TRAIN, TEST, tmp_path / "whole", 3, looks=3)
    assert list(whole["along_the_way"]) == ["3", "6", "9"]

    save = figurnov.Progress.save

    def first_epoch_only(progress: figurnov.Progress) -> None:
        save(progress)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(figurnov.Progress, "save", first_epoch_only)
        with pytest.raises((KeyboardInterrupt, TrainingInterrupted)):
            figurnov.train("implicit-3", TRAIN, TEST, tmp_path / "parts", 3, looks=3)
    assert (tmp_path / "parts" / "implicit-3.checkpoint").exists()
    parts = figurnov.train("implicit-3", TRAIN, TEST, tmp_path / "parts", 3, looks=3)
    assert parts.pop("cpu_seconds") > 0
    assert parts == {name: value for name, value in whole.items() if name != "cpu_seconds"}
