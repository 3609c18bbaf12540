"""The corpus that every Python installation holds: its own docstrings."""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import json
import os
import platform
import re
import sysconfig
import warnings
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import joblib

from ntm_fast.data.corpus import Corpus
from ntm_fast.data.datasets.cache import cache_folder
from ntm_fast.data.datasets.documentation_words import STOP_WORDS
from ntm_fast.data.datasets.workers import extract_all
from ntm_fast.data.text.tokenisation import Tokenisation
from ntm_fast.data.text.vectorise import vectorise

PACKAGES = ("python", "torch", "numpy", "scipy", "sklearn", "networkx", "sympy")
"""The standard library and packages that are installed wherever this one is."""

_DISTRIBUTIONS = {"sklearn": "scikit-learn"}
_SKIPPED_FOLDERS = {
    "__pycache__", "_vendor", "dist-packages", "idlelib", "lib2to3", "site-packages", "test",
    "testing", "tests", "tkinter", "turtledemo",
}  # fmt: skip
_SENTENCE_END = re.compile(r"(?<=[.:;!?])\s+|\n\s*\n")
_LICENCE = re.compile(
    r"redistributions? of source|warrant(y|ies) of merchant|permission to use, copy", re.IGNORECASE
)
_SHARED = 4  # a sentence that more documents hold is boilerplate
_VERSION = 2  # raise it when the same sources would give another corpus


class _Settings(NamedTuple):
    """What decides the corpus, besides the installed versions."""

    packages: tuple[str, ...]
    documents_per_label: int
    words_per_document: int
    min_df: int
    max_df: float
    max_features: int
    remove_stop_words: bool


def docstrings(
    *,
    packages: Sequence[str] | None = None,
    documents_per_label: int = 300,
    words_per_document: int = 10,
    min_df: int = 3,
    max_df: float = 0.1,
    max_features: int = 10_000,
    remove_stop_words: bool = True,
    n_jobs: int | None = None,
    progress: bool = True,
    cache: bool = True,
) -> Corpus:
    """The docstrings of the Python installation itself: about 13,000 documents, 9,000 words.

    The sources of the standard library ("python") and of the installed `packages` are parsed,
    never imported; docstrings attached by add_docstr and add_newdoc calls count too. One
    document is the prose of one docstring (no code, mathematics or names of parameters); its id
    is the qualified name, its label the second-level module ("torch.nn"; "asyncio" in the
    standard library). The counts follow the installed versions.

    Parameters
    ----------
    packages : "python" and names of installed packages; None: all of `PACKAGES` that are there
    documents_per_label : this many documents of each label are kept, the longest ones
    words_per_document : docstrings with fewer kept words are left out
    min_df, max_df, max_features : as in `vectorise`
    remove_stop_words : leave out English stop words and those of documentation; without that, and
        with ``max_df=1.0``, the counts are of the text as it is
    n_jobs : worker processes; None: one for each core. The corpus is the same for any number
    progress : show a progress bar on standard error, when it is a terminal
    cache : keep the corpus under `cache_folder()`, keyed by versions and settings

    Raises
    ------
    ModuleNotFoundError
        For a package that is not installed.
    ValueError
        For n_jobs below 1, and where the settings leave no document or word.
    """
    if n_jobs is not None and n_jobs < 1:
        raise ValueError(f"n_jobs must be at least 1 or None, got {n_jobs}")
    chosen = [name for name in PACKAGES if _find(name)] if packages is None else packages
    settings = _Settings(
        tuple(chosen), documents_per_label, words_per_document, min_df, max_df, max_features,
        remove_stop_words,
    )  # fmt: skip
    roots = {package: _root(package) for package in settings.packages}
    folder = cache_folder() / f"docstrings-{_key(settings, roots)}"
    if cache and folder.exists():
        try:
            return Corpus.load(folder)
        except (OSError, ValueError):
            pass  # damaged: it is built and written again
    corpus = _build(roots, settings, n_jobs or joblib.cpu_count(), progress)
    if cache:
        try:
            corpus.save(folder, overwrite=True)
        except OSError as error:
            warnings.warn(f"cannot cache the docstrings in {folder}: {error}", stacklevel=2)
    return corpus


def _find(package: str) -> Path | None:
    """The folder of a package's sources, looked up without importing it."""
    if package == "python":
        return Path(sysconfig.get_path("stdlib"))
    spec = importlib.util.find_spec(package) if package.isidentifier() else None
    places = spec.submodule_search_locations if spec else None
    return Path(next(iter(places))) if places else None


def _root(package: str) -> Path:
    found = _find(package)
    if found is None:
        raise ModuleNotFoundError(
            f'packages holds {package!r}: expected "python" or the name of an installed package'
        )
    return found


def _key(settings: _Settings, roots: dict[str, Path]) -> str:
    versions = {package: _package_version(package, root) for package, root in roots.items()}
    facts = json.dumps([_VERSION, versions, settings], sort_keys=True)
    return hashlib.sha256(facts.encode()).hexdigest()[:16]


def _package_version(package: str, root: Path) -> str:
    if package == "python":
        return platform.python_version()
    try:
        return importlib.metadata.version(_DISTRIBUTIONS.get(package, package))
    except importlib.metadata.PackageNotFoundError:
        return str(root.stat().st_mtime_ns)


def _build(roots: dict[str, Path], settings: _Settings, n_jobs: int, progress: bool) -> Corpus:
    sources = [
        (package, file.relative_to(root), file)
        for package, root in roots.items()
        for file in _python_files(root)
    ]
    found = extract_all([file for *_, file in sources], n_jobs, progress)
    by_label: dict[str, dict[str, str]] = defaultdict(dict)
    seen: set[str] = set()
    for (package, place, _), pairs in zip(sources, found, strict=True):
        module = _module(package, place)
        for name, text in pairs:
            if (words := _plain(text)) not in seen and not _LICENCE.search(words):
                seen.add(words)
                full = name if name.startswith(f"{package}.") else f"{module}.{name}".rstrip(".")
                by_label[_label(package, place)].setdefault(full, text)
    return _count(by_label, settings)


def _python_files(root: Path) -> Iterator[Path]:
    for folder, subfolders, names in os.walk(root):
        subfolders[:] = sorted(set(subfolders) - _SKIPPED_FOLDERS)
        yield from (Path(folder, name) for name in sorted(names) if name.endswith(".py"))


def _module(package: str, place: Path) -> str:
    parts = [*place.parent.parts, *([] if place.stem == "__init__" else [place.stem])]
    return ".".join(parts if package == "python" else [package, *parts])


def _label(package: str, place: Path) -> str:
    """torch/nn/functional.py gives "torch.nn", asyncio/events.py in the library "asyncio"."""
    first = place.parts[0].removesuffix(".py")
    if package == "python":
        return first
    # Private modules such as torch/_torch_docs.py document the package itself.
    return package if len(place.parts) == 1 and first.startswith("_") else f"{package}.{first}"


def _count(by_label: dict[str, dict[str, str]], settings: _Settings) -> Corpus:
    """The longest documents of each label, without sentences that many documents share."""
    sentences = {
        (label, name): _SENTENCE_END.split(text)
        for label, documents in by_label.items()
        for name, text in documents.items()
    }
    shared = Counter(
        sentence for document in sentences.values() for sentence in {*map(_plain, document)}
    )
    count = Tokenisation(stop_words=tuple(STOP_WORDS))
    candidates: dict[str, list[tuple[int, str, str]]] = defaultdict(list)
    for (label, name), document in sentences.items():
        text = " ".join(part for part in document if shared[_plain(part)] <= _SHARED)
        length = len(count(text))
        if length >= settings.words_per_document:
            candidates[label].append((-length, name, text))
    chosen = [
        (label, name, text)
        for label, documents in candidates.items()
        for _, name, text in sorted(documents)[: settings.documents_per_label]
    ]
    chosen.sort()
    corpus = vectorise(
        [text for *_, text in chosen],
        labels=[label for label, *_ in chosen],
        document_ids=[name for _, name, _ in chosen],
        min_df=settings.min_df,
        max_df=settings.max_df,
        max_features=settings.max_features,
        stop_words=STOP_WORDS if settings.remove_stop_words else None,
    )
    origin = None if corpus.origin is None else replace(corpus.origin, reader="docstrings")
    return corpus[corpus.document_lengths >= settings.words_per_document].with_origin(origin)


def _plain(sentence: str) -> str:
    return " ".join(sentence.split())
