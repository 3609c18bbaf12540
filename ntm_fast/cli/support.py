"""What the commands share: reading corpora and models, progress."""

from __future__ import annotations

import json
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
        except ValueError:
            asked[name] = value
    return asked


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


def read_in_words_of(vocabulary: tuple[str, ...], source: str, **options: Any) -> Corpus:
    """Documents in a model's words: texts counted by them, other corpora's columns matched."""
    from ntm_fast.data import Corpus

    path = Path(source)
    text = (".txt", ".text", ".csv", ".tsv", ".jsonl", ".ndjson", ".parquet")
    saved = (path / "corpus.json").exists() or (path / "corpus.tsv").exists()
    if path.name.removesuffix(".gz").lower().endswith(text) or (path.is_dir() and not saved):
        return read_source(source, vocabulary=list(vocabulary), **options)
    found = read_source(source, **options)
    unnamed = found.vocabulary == tuple(map(str, range(found.n_words)))
    if found.vocabulary == vocabulary or (unnamed and found.n_words == len(vocabulary)):
        return found
    place = {word: v for v, word in enumerate(found.vocabulary)}
    shared = [(v, place[word]) for v, word in enumerate(vocabulary) if word in place]
    if not shared:
        raise ValueError(f"{source} has none of the model's {len(vocabulary)} words")
    import numpy as np
    import scipy.sparse as sp

    columns, rows = np.array(shared).T
    select = sp.csr_array(
        (np.ones(len(shared), np.float32), (rows, columns)),
        shape=(found.n_words, len(vocabulary)),
    )
    return Corpus.from_scipy(
        found.to_scipy() @ select, vocabulary, found.labels, found.document_ids
    )


def use_threads(threads: int | None) -> None:
    """Compute with so many threads; None leaves torch's choice."""
    if threads is not None:
        import torch

        torch.set_num_threads(threads)


def is_terminal() -> bool:
    """Whether a person sees the output as it comes."""
    return sys.stdout.isatty()


def epoch_printer(epochs: int) -> Callable[[Any], None]:
    """Says ten times in a run how it goes, where there is no terminal to show a bar on."""

    def show(epoch: Any) -> None:
        if not is_terminal() and (epoch.epoch % max(1, epochs // 10) == 0 or epoch.epoch == 1):
            rate = f"{epoch.documents_per_second:,.0f} documents/s"
            print(f"epoch {epoch.epoch}/{epochs}  ELBO {epoch.elbo:.2f}  {rate}", flush=True)

    return show


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
    """What `vectorise` takes for `english`, `none` or the path of a file of words."""
    if text in ("english", "none"):
        return None if text == "none" else text
    if not Path(text).is_file():
        raise FileNotFoundError(f"--stop-words is {text!r}; expected english, none or a file")
    return Path(text).read_text(encoding="utf-8").split()
