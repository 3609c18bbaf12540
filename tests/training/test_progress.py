"""Progress where standard error is no terminal, by a clock that the test moves."""

import io
import sys
import threading
from collections.abc import Callable, Iterator, Sequence

import pytest

from ntm_fast import ProdLDA
from ntm_fast.training import Callback, Epoch, Run, StepLoss, progress
from ntm_fast.training.progress import Progress, Ticker, as_time
from tests.training.runs import CORPUS, HELD_OUT, trainer


class Clock:
    """Stands still until it is moved; calls what ticks after each 10 seconds."""

    def __init__(self) -> None:
        self.now = 100.0
        self.ticking: list[Callable[[], None]] = []
        self.since = 0.0

    def __call__(self) -> float:
        return self.now

    def move(self, seconds: float) -> None:
        self.now += seconds
        self.since += seconds
        while self.since >= progress.SECONDS_BETWEEN_LINES:
            self.since -= progress.SECONDS_BETWEEN_LINES
            for function in self.ticking:
                function()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    made = Clock()

    class FakeTicker:
        def __init__(self, seconds: float, function: Callable[[], None]) -> None:
            assert seconds == 10.0
            self.function = function
            made.ticking.append(function)

        def close(self) -> None:
            made.ticking.remove(self.function)

    monkeypatch.setattr(progress, "Ticker", FakeTicker)
    monkeypatch.setattr(progress, "clock", made)
    yield made
    assert made.ticking == [], "every ticker is closed"


class Slow(Callback):
    """Makes each step take its seconds."""

    def __init__(self, clock: Clock, seconds: float) -> None:
        self.clock, self.seconds = clock, seconds

    def on_losses(self, run: Run, losses: Sequence[StepLoss]) -> None:
        self.clock.move(self.seconds)


def lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    out, err = capsys.readouterr()
    assert out == ""
    return [" ".join(line.split()) for line in err.splitlines()]


def test_a_line_every_ten_seconds(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    history = trainer(epochs=2, callbacks=[Progress(), Slow(clock, 6.0)]).fit(CORPUS)
    found = lines(capsys)
    assert len(found) == 4, "48 seconds"
    # Lines at 10, 20, 30 and 40 s, when steps 2, 4, 5 and 7 were the last to be read.
    starts = ["1/2 step 2/4 ELBO", "1/2 step 4/4, finishing the epoch ELBO"]
    starts += ["2/2 step 1/4 ELBO", "2/2 step 3/4 ELBO"]
    for line, start in zip(found, starts, strict=True):
        assert line.startswith(f"epoch {start} -")
        assert "documents/s" in line
    assert [line.rpartition("documents/s ")[2] for line in found] == [
        f"{as_time(seconds)} left"  # time since the start, by steps done, for each that is left
        for seconds in (12 / 2 * 6, 24 / 4 * 4, 30 / 5 * 3, 42 / 7 * 1)
    ]
    assert f"ELBO {history[0].elbo:.2f}" in found[1]


def test_a_line_while_no_loss_is_read(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    """As on a GPU, whose first 50 steps may take long, and in a long first step."""
    run = trainer(epochs=1, callbacks=[Progress()])
    step = run.run.optimiser.step

    def slow() -> None:
        clock.move(4.0)
        step()

    run.run.optimiser.step = slow  # type: ignore[method-assign, assignment]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ntm_fast.training.losses.LossReader.add", lambda self, loss: [])
        with pytest.raises(ZeroDivisionError):  # since the epoch has no loss at all
            run.fit(CORPUS)
    assert lines(capsys) == ["training on cpu, no loss read yet"]


def test_a_line_during_validation(
    clock: Clock, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = trainer(epochs=1, callbacks=[Progress()])
    elbo = run.model.elbo

    def slow(*arguments: object, **options: object) -> object:
        clock.move(25.0)
        return elbo(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(run.model, "elbo", slow)
    run.fit(CORPUS, HELD_OUT)
    found = lines(capsys)
    assert len(found) == 2
    assert all("epoch 1/1 step 4/4, finishing the epoch" in line for line in found)


def test_a_run_that_goes_on_foretells_by_its_own_steps(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    run = trainer(epochs=3)
    run.fit(CORPUS, epochs=2)
    run.callbacks = [Progress(), Slow(clock, 6.0)]
    run.fit(CORPUS)
    first = lines(capsys)[0]
    assert first.startswith("epoch 3/3 step 2/4 ")
    assert first.endswith(f" {as_time(12)} left")


@pytest.mark.parametrize("verbose", [True, False])
def test_estimators_are_verbose(
    clock: Clock, capsys: pytest.CaptureFixture[str], verbose: bool
) -> None:
    model = ProdLDA(3, epochs=2, hidden=(8,), random_state=0, verbose=verbose)
    model.fit(CORPUS, callbacks=[Slow(clock, 11.0)])
    assert (len(lines(capsys)) > 3) == verbose


def test_a_callback_that_raises_ends_the_lines(clock: Clock) -> None:
    def fail(epoch: Epoch) -> None:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        trainer(callback=fail, callbacks=[Progress()]).fit(CORPUS)


@pytest.mark.parametrize("stream", [None, "closed", "broken"])
def test_standard_error_may_be_gone(
    clock: Clock, monkeypatch: pytest.MonkeyPatch, stream: str | None
) -> None:
    class Broken(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    gone = None if stream is None else Broken() if stream == "broken" else io.StringIO()
    if stream == "closed":
        monkeypatch.setattr(progress, "_is_terminal", lambda: False)
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stderr", gone)
        run = trainer(epochs=2, callbacks=[Progress(), Slow(clock, 12.0)])
        if stream == "closed":
            assert gone is not None
            run.run.model.to("cpu")
            gone.close()
        assert len(run.fit(CORPUS)) == 2


def test_a_bar_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    screen = Terminal()
    monkeypatch.setenv("TERM", "xterm-256color")
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stderr", screen)
        trainer(epochs=2, callbacks=[Progress()]).fit(CORPUS)
    assert "on cpu" in screen.getvalue()
    assert "epoch 2/2" in screen.getvalue()
    assert "documents/s" in screen.getvalue()


def test_a_ticker_ticks_until_it_is_closed() -> None:
    twice, ticks = threading.Event(), []

    def tick() -> None:
        ticks.append(1)
        if len(ticks) == 2:
            twice.set()

    ticker = Ticker(0.001, tick)
    assert twice.wait(timeout=30)
    ticker.close()
    assert not ticker._thread.is_alive()


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0:00"), (59.2, "1:00"), (309, "5:09"), (7509, "2:05:09")]
)
def test_times(seconds: float, text: str) -> None:
    assert as_time(seconds) == text
