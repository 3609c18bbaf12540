"""Commands to begin with: demo, info, settings."""

from __future__ import annotations

import json
import textwrap
import time
from pathlib import Path
from typing import Annotated

import typer

from ntm_fast.cli.app import AsJson, Seed, Threads, command
from ntm_fast.cli.support import (
    MODEL_NAMES,
    MODELS,
    epoch_printer,
    is_terminal,
    model_named,
    use_threads,
)
from ntm_fast.recipes import RECIPES
from ntm_fast.report import facts_as_text, paragraph, record_as_facts, topics_as_text

_READ = {
    "estimator": str,
    "ntm_fast": str,
    "n_words": int,
    "settings": dict,
    "parameters": dict,
    "history": list,
}


@command(example="ntm-fast demo")
def demo(
    topics: Annotated[int, typer.Option(min=1, help="Number of topics.")] = 50,
    epochs: Annotated[int, typer.Option(min=1, help="Passes over the documents.")] = 40,
    seed: Seed = 0,
    threads: Threads = None,
) -> None:
    """Learn topics from the docstrings of this Python installation and print them."""
    import numpy as np

    from ntm_fast import ProdLDA, metrics
    from ntm_fast.data import datasets

    use_threads(threads)
    corpus = datasets.docstrings(min_df=10)  # rarer words make topics that say little
    print(f"The docstrings of this Python's libraries: {corpus}", flush=True)
    model = ProdLDA(topics, epochs=epochs, random_state=seed, verbose=is_terminal())
    began = time.perf_counter()
    model.fit(corpus, callback=epoch_printer(epochs))
    seconds = time.perf_counter() - began
    words = model.top_word_ids(min(25, corpus.n_words))
    found = metrics.evaluate_topics(words, corpus, c_v=False)
    order = np.argsort(found.npmi_by_topic or ())[::-1]
    print(f"\n{topics} topics by ProdLDA in {seconds:.0f} s, the most coherent first:\n")
    named = model.top_words(min(10, corpus.n_words))
    print(topics_as_text([named[k] for k in order]))
    print(f"\nNPMI {found.npmi:.3f}, share of distinct words in the top 25 {found.diversity:.2f}.")
    print("On your own text, one document a line: ntm-fast train documents.txt --output my-model")


@command(example="ntm-fast info reviews-model")
def info(
    model: Annotated[
        str | None,
        typer.Argument(metavar="MODEL", help="Folder that `train` wrote, or a model's name."),
    ] = None,
    named: Annotated[
        str | None, typer.Option("--model", metavar="NAME", help=f"One of {MODEL_NAMES}.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show how a model was made, the settings of a recipe, or how ntm_fast was built.

    With MODEL, a folder: a paragraph for a methods section, and the facts behind it.
    With --model NAME: the recipe of that model, each setting with its meaning. Without either:
    how ntm_fast was built and what it uses on this machine.
    """
    if model is not None and named is not None:
        raise ValueError(f"MODEL is {model!r} and --model is {named!r}; expected one of them")
    if model is not None:
        from ntm_fast.files import path_of

        if path_of(model).exists() or not _is_a_name(model):
            _show_model(path_of(model), as_json)
            return
    if (name := named or model) is not None:
        _show_recipe(model_named(name, "--model"), as_json)
        return
    from ntm_fast._build_info import build_info

    facts = build_info().as_dict()
    if as_json:
        print(json.dumps(facts, indent=1))
    else:
        print(facts_as_text({name.replace("_", " "): value for name, value in facts.items()}))


def _is_a_name(text: str) -> bool:
    try:
        return model_named(text, "MODEL") in MODELS
    except ValueError:
        return False


def _show_model(folder: Path, as_json: bool) -> None:
    """What model.json says; the weights are not read."""
    from ntm_fast.files import read_metadata
    from ntm_fast.record import METADATA, VERSION, checked, read_record

    path = folder / METADATA
    if not path.exists():
        raise FileNotFoundError(
            f"{folder} is not a saved model: {path} does not exist; expected a folder that"
            f" `ntm-fast train` wrote, or one of {MODEL_NAMES}"
        )
    metadata = read_metadata(path, "model", VERSION)
    for name, kind in _READ.items():
        checked(f"{path} is damaged", name, metadata.get(name), kind)
    record = read_record(path, metadata)
    text = paragraph(metadata, record)
    if as_json:
        known = {name: metadata[name] for name in _READ}
        made = {} if record is None else record.as_dict()
        print(json.dumps({"paragraph": text, **known, **made}, indent=1))
    else:
        print(textwrap.fill(text, 88, break_on_hyphens=False, break_long_words=False))
        print()
        print(facts_as_text(record_as_facts(metadata, record)))


def _show_recipe(name: str, as_json: bool) -> None:
    from ntm_fast.estimator.recipe_facts import recipe_facts

    facts = recipe_facts(name)
    if as_json:
        print(json.dumps(facts, indent=1))
        return
    source = f" Source: {facts['source']}." if "source" in facts else ""
    print(_wrapped(f"{name}: {facts['summary']}{source}", 88))
    for part, heading in (("settings", "model"), ("training", "training")):
        rows = facts[part]
        shown = {setting: _value(row["value"]) for setting, row in rows.items() if row["used"]}
        width, room = max(map(len, shown)), max(map(len, shown.values()))
        print(f"\n{heading}:")
        for setting, value in shown.items():
            print(f"{setting:<{width}}  {value:<{room}}  {rows[setting]['type']}")
            print(textwrap.indent(_wrapped(rows[setting]["meaning"], 84), "    "))
        if unused := [setting for setting in rows if setting not in shown]:
            print(_wrapped(f"not used by this model: {', '.join(unused)}", 88))


def _wrapped(text: str, width: int) -> str:
    return textwrap.fill(text, width, break_on_hyphens=False)


def _value(value: object) -> str:
    """A setting as `--option` takes it."""
    if isinstance(value, list):
        return ",".join(map(str, value))
    return value if isinstance(value, str) else json.dumps(value)


@command(example="ntm-fast settings prodlda")
def settings(
    model: Annotated[
        str | None, typer.Argument(metavar="NAME", help=f"One of {MODEL_NAMES}.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Print every setting of a model: its value in the model's recipe, its type and its meaning.

    Each can be given to `ntm-fast train` as --option NAME=VALUE, and to the model's class in
    Python as a keyword. Without NAME: the models, each with its posterior and decoder.
    """
    if model is not None:
        _show_recipe(model_named(model, "NAME"), as_json)
        return
    parts = {
        name: {"posterior": recipe.model.posterior, "decoder": recipe.model.decoder}
        for name, recipe in RECIPES.items()
    }
    if as_json:
        print(json.dumps(parts, indent=1))
        return
    rows = {name.lower(): f"{p['posterior']}, {p['decoder']}" for name, p in parts.items()}
    print(facts_as_text({"model": "posterior, decoder", **rows}))
