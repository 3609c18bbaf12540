"""Shared by the commands: reading corpora and models, progress, logs."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ntm_fast.data import Corpus

DATASETS = ("docstrings", "newsgroups")
MODELS = (  # those of ntm_fast.training.RECIPES, which takes seconds to import
    "ProdLDA",
    "NVLDA",
    "DirichletVAE",
    "LDAVAE",
    "DirichletVAERSVI",
    "InverseCDF",
    "PublishedProdLDA",
    "PublishedNVLDA",
    "PublishedDirichletVAE",
    "WHAI",
    "NVDM",
    "GSM",
    "ETM",
    "DirichletETM",
    "FigurnovLDA",
)
MODEL_NAMES = ", ".join(MODELS).lower()
SECONDS_BETWEEN_LINES = 10  # of progress, where there is no terminal


def given(**options: Any) -> dict[str, Any]:
    """The options that are not None."""
    return {name: value for name, value in options.items() if value is not None}


def settings(options: Sequence[str]) -> dict[str, Any]:
    """What `--option NAME=VALUE` asks for: values as in JSON, words without quotes."""
    asked: dict[str, Any] = {}
    for option in options:
        name, equals, value = option.partition("=")
        if not equals:
            raise ValueError(f"--option is {option!r}; expected NAME=VALUE")
        try:
            asked[name] = json.loads(value)
        except (ValueError, RecursionError):
            asked[name] = value
    return asked


def reading(**options: Any) -> dict[str, Any]:
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
    for model in MODELS:
        if model.lower() == plain:
            return model
    raise ValueError(f"{option} has {name!r}; expected {MODEL_NAMES}")


def read_source(source: str, work: dict[str, Any] | None = None, **options: Any) -> Corpus:
    """A corpus of whatever `source` names: a path or a ready-made data set.

    `work` says how and where it is made, such as its output folder (`WorkOptions`).
    """
    from ntm_fast.data import datasets, read

    work = work or {}
    if source not in DATASETS or Path(source).exists():
        return read(source, **work, **options)
    if options:
        raise ValueError(f"{source} is a ready-made corpus and takes no {min(options)}")
    found: Corpus = getattr(datasets, source)()
    if work.get("output") is not None:
        found.save(work["output"], overwrite=work["overwrite"])
    return found


def load_model(model: Path) -> Any:
    """The fitted estimator in a folder, of whichever class it is."""
    from ntm_fast import NeuralTopicModel

    return NeuralTopicModel.load(model)


def read_for(model: Any, source: str, **options: Any) -> Corpus:
    """Documents in a model's words, and a line on standard error of how many are known."""
    from ntm_fast.data import known_share

    ready_made = source in DATASETS and not Path(source).exists()
    documents: Corpus = model.read(read_source(source) if ready_made else source, **options)
    unknown = int((documents.known_words == 0).sum())
    named = "1 document" if len(documents) == 1 else f"{len(documents):,} documents"
    share = "" if documents.words_read is None else f", {known_share(documents):.1%} of words known"
    print(f"{named}{share}, {unknown:,} without a known word", file=sys.stderr, flush=True)
    return documents


def use_threads(threads: int | None) -> None:
    """Compute with so many threads; None leaves torch's choice."""
    if threads is not None:
        import torch

        torch.set_num_threads(threads)


def is_terminal() -> bool:
    """Whether a person sees the output as it comes."""
    return sys.stdout.isatty()


def epoch_printer(epochs: int) -> Callable[[Any], None]:
    """Prints ten epochs of a run, unless standard output is a terminal: a bar is on it then."""

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
    """Says on standard error how many documents have been read: a bar, or a line now and then."""
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
    """A whole number counts documents, any other is a share of them, as in scikit-learn."""
    if text is None:
        return None
    try:
        return int(text) if text.lstrip("+-").isdigit() else float(text)
    except ValueError:
        raise ValueError(f"{name} is {text!r}; expected a number, such as 5 or 0.01") from None


def read_stop_words(text: str) -> str | list[str] | None:
    """What `vectorise` takes for `none`, a language, or the path of a file of words."""
    if text == "none":
        return None
    from ntm_fast.data.text_files import lines
    from ntm_fast.files import path_of

    path = path_of(text)
    if not path.is_file():
        if path.suffix or len(path.parts) > 1:  # looks like a file, and no language does
            raise FileNotFoundError(
                f"--stop-words is {text!r}, which does not exist; expected a language, none or a"
                " file"
            )
        return _language(text)
    return [word for _, line in lines(path, can_be_told=False) for word in line.split()]


def _language(name: str) -> str:
    """The name, if it has a list of stop words; the error names the option."""
    from ntm_fast.data.text.stop_words import stop_words_of

    try:
        stop_words_of(name)
    except (ValueError, ImportError) as error:
        raise type(error)(f"-{str(error).replace('stop_words', '-stop-words', 1)}") from None
    return name
