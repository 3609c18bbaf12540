"""Shared by the commands: reading corpora and models, progress, logs."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ntm_fast.recipes import RECIPES, RENAMED_MODELS
from ntm_fast.settings import RENAMED, SETTINGS

if TYPE_CHECKING:
    from ntm_fast.data import Corpus

MODELS = tuple(RECIPES)
OPTIONS = {  # what has an option of its own
    **{n: f"--{n.replace('_', '-')}" for n in ("batch_size", "learning_rate", "prior", "epochs")},
    **{"background": "--background", "n_topics": "--topics", "random_state": "--seed"},
    **dict.fromkeys(("estimator", "posterior", "decoder"), "--model"),
}
MODEL_NAMES = ", ".join(MODELS).lower()
SECONDS_BETWEEN_LINES = 10  # of progress, where there is no terminal


def given(**options: Any) -> dict[str, Any]:
    """The options that are not None."""
    return {name: value for name, value in options.items() if value is not None}


def checked_settings(options: Sequence[str], **others: Any) -> dict[str, Any]:
    """The settings of `--option NAME=VALUE` and of those with an option of their own, checked.

    Errors name the option. A setting that is None in `others` is not given.
    """
    asked = {n: SETTINGS[n].check(option_of(n), value) for n, value in given(**others).items()}
    for option in options:
        name, equals, text = option.partition("=")
        if not equals:
            raise ValueError(f"--option is {option!r}; expected NAME=VALUE")
        name = RENAMED.get(name, name)
        if name in ("n_topics", "posterior", "decoder"):
            raise ValueError(f"--option has {name!r}; expected {option_of(name)} for that")
        if name not in SETTINGS:
            close = get_close_matches(name, SETTINGS, 1)
            hint = f"did you mean {close[0]!r}?" if close else "`ntm-fast settings` lists them"
            raise ValueError(f"--option has {name!r}, which is no setting: {hint}")
        if name in asked:
            raise ValueError(f"--option has {name!r}, which is given already")
        asked[name] = SETTINGS[name].parse(f"--option {name}", text)
    return asked


def option_of(name: str) -> str:
    """What the command line calls a setting, or a parameter of an estimator."""
    return OPTIONS.get(name, f"--option {name}")


def reader_options(**options: Any) -> dict[str, Any]:
    """The options of a reader that are given.

    The module of a tokenizer may lie in the current folder, as with `python -m`.
    """
    if options.get("tokenizer") is not None and os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())
    if options.get("stop_words") is not None:
        options["stop_words"] = read_stop_words(options["stop_words"])
        return given(**options) | {"stop_words": options["stop_words"]}  # None is asked for
    return given(**options)


def model_named(name: str, option: str) -> str:
    """The class of a model that `option` names, in any case and with hyphens or without."""
    plain = name.strip().lower().replace("-", "")
    known = {model.lower(): model for model in MODELS}
    known |= {old.lower(): new for old, new in RENAMED_MODELS.items()}
    if plain in known:
        return known[plain]
    raise ValueError(f"{option} has {name!r}; expected {MODEL_NAMES}")


def load_model(model: Path) -> Any:
    """The fitted estimator in a folder, of whichever class it is."""
    from ntm_fast import NeuralTopicModel

    return NeuralTopicModel.load(model)


def read_for(model: Any, source: str, **options: Any) -> Corpus:
    """Documents in a model's words, and a line on standard error of how many are known."""
    from ntm_fast.data import known_share
    from ntm_fast.data.readers.read import is_ready_made, read_named

    documents: Corpus = model.read(
        read_named(source) if is_ready_made(source) else source, **options
    )
    unknown = int((documents.known_words == 0).sum())
    named = "1 document" if len(documents) == 1 else f"{len(documents):,} documents"
    share = "" if documents.words_read is None else f", {known_share(documents):.1%} of words known"
    print(f"{named}{share}, {unknown:,} without a known word", file=sys.stderr, flush=True)
    return documents


def use_threads(threads: int | None) -> None:
    """Compute with this many threads; None leaves the choice to torch."""
    if threads is not None:
        import torch

        torch.set_num_threads(threads)


def is_terminal() -> bool:
    """Whether standard output is a terminal."""
    return sys.stdout.isatty()


def epoch_printer(epochs: int) -> Callable[[Any], None]:
    """Prints ten epochs of a run, unless standard output is a terminal, which shows a bar."""

    def show(epoch: Any) -> None:
        if not is_terminal() and (epoch.epoch % max(1, epochs // 10) == 0 or epoch.epoch == 1):
            rate = f"{epoch.documents_per_second:,.0f} documents/s"
            print(f"epoch {epoch.epoch}/{epochs}  ELBO {epoch.elbo:.2f}  {rate}", flush=True)

    return show


def loggers(folder: Path, output: Path) -> list[Any]:
    """Callbacks that log a run to a folder: JSON lines, and TensorBoard's files if it is there.

    The folder is not the model's, which is written whole after the run.
    """
    from ntm_fast.files import path_of
    from ntm_fast.training import JSONLines, TensorBoard

    folder = path_of(folder)
    if folder.exists() and not folder.is_dir():
        raise NotADirectoryError(f"--log is a file; expected a folder: {folder}")
    model = path_of(output).resolve()
    if model in (folder.resolve(), *folder.resolve().parents):
        raise ValueError(f"--log is {folder}, in --output {output}; expected another folder")
    found: list[Any] = [JSONLines(folder / "log.jsonl")]
    try:
        found.append(TensorBoard(folder))
    except ImportError as error:
        print(f"ntm-fast: --log writes log.jsonl only: {error}", file=sys.stderr, flush=True)
    return found


@contextmanager
def document_counter() -> Iterator[Callable[[int], None]]:
    """Reports on standard error how many documents have been read: a bar, or lines."""
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TimeElapsedColumn

    console = Console(stderr=True)
    columns = SpinnerColumn(), "{task.completed:,.0f} documents read", TimeElapsedColumn()
    began = said = time.monotonic()
    hidden = not console.is_terminal
    with Progress(*columns, console=console, transient=True, disable=hidden) as bar:
        task = bar.add_task("", total=None)

        def show(documents: int) -> None:
            nonlocal said
            bar.update(task, completed=documents)
            now = time.monotonic()
            if hidden and now - said >= SECONDS_BETWEEN_LINES:
                said = now
                line = f"{documents:,} documents read in {now - began:.0f} s"
                print(line, file=sys.stderr, flush=True)

        yield show


def document_frequency(name: str, text: str | None) -> int | float | None:
    """A whole number is a number of documents, any other a share, as in scikit-learn."""
    if text is None:
        return None
    try:
        return int(text) if text.lstrip("+-").isdigit() else float(text)
    except ValueError:
        raise ValueError(f"{name} is {text!r}; expected a number, such as 5 or 0.01") from None


def read_stop_words(text: str) -> str | list[str] | None:
    """The `stop_words` of `vectorise` for `none`, a language, or the path of a file of words."""
    if text == "none":
        return None
    from ntm_fast.data.text.stop_words import stop_words_in
    from ntm_fast.files import path_of

    path = path_of(text)
    if not path.is_file():
        if path.suffix or len(path.parts) > 1:  # looks like a file, and no language does
            raise FileNotFoundError(
                f"--stop-words is {text!r}, which does not exist; expected a language, none or a"
                " file"
            )
        return _language(text)
    return stop_words_in(path)


def _language(name: str) -> str:
    """The name, if it has a list of stop words; the error names the option."""
    from ntm_fast.data.text.stop_words import stop_words_of

    try:
        stop_words_of(name)
    except (ValueError, ImportError) as error:
        raise type(error)(f"-{str(error).replace('stop_words', '-stop-words', 1)}") from None
    return name
