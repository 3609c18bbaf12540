"""A checkpoint from before there were callbacks, in the middle of an epoch, is resumed."""

import warnings
from pathlib import Path

import pytest

from ntm_fast.training import deferred_rows, saved_run
from ntm_fast.training.checkpoint import environment
from tests.training.runs import CORPUS, HELD_OUT, assert_equal, trainer, weights

OLD = Path(__file__).parent / "old" / "middle_of_an_epoch.checkpoint"


def test_the_run_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """To the same bits on a machine like the one that it was saved on."""
    monkeypatch.setattr(deferred_rows, "WORTH_WAITING", 0)
    monkeypatch.setattr(deferred_rows, "MOST_TOUCHED", 1.0)
    settings = {"batch_size": 3, "epochs": 3, "learning_rate_schedule": "cosine"}
    straight, resumed = trainer(**settings), trainer(**settings)
    straight.fit(CORPUS, HELD_OUT)
    old, now = saved_run.read(OLD), environment(resumed.model.device)
    assert "done" in old.optimiser[0], "rows are waiting for their steps"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # another machine or number of threads
        resumed.resume(OLD, CORPUS)
    assert (resumed.state.epoch, resumed.state.step) == (1, 10)
    resumed.fit(CORPUS, HELD_OUT)
    history = [[e.elbo for e in run.history] for run in (resumed, straight)]
    assert history[0] == pytest.approx(history[1], rel=1e-3)
    if all(old.environment[name] == now[name] for name in now.keys() - {"threads"}):
        assert_equal(weights(straight), weights(resumed))
