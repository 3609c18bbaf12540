"""Commands that compare models or gradients: compare, gradients."""

from __future__ import annotations

import json
import sys
from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import typer

from ntm_fast.cli.app import (
    NOTHING_GIVEN,
    AsJson,
    Reading,
    Seed,
    Threads,
    command,
)
from ntm_fast.cli.support import MODELS, model_named, use_threads


class Posterior(str, Enum):
    """The posteriors that `gradients` studies."""

    dense = "dense"
    sparse = "sparse"


@command(example="ntm-fast compare reviews --models prodlda,dirichletvae,etm --seconds 120")
def compare(
    source: Annotated[
        str, typer.Argument(metavar="CORPUS", help="Anything that `ntm-fast corpus` reads.")
    ],
    models: Annotated[
        str, typer.Option(help="Names separated by commas, such as prodlda,dirichlet-vae; or all.")
    ] = "prodlda,nvlda,dirichletvae,ldavae",
    topics: Annotated[int, typer.Option(min=1, help="Number of topics.")] = 50,
    epochs: Annotated[
        int | None, typer.Option(min=1, help="Most passes over the documents for each model.")
    ] = None,
    seconds: Annotated[
        float | None, typer.Option(min=0, help="Time limit for training each model.")
    ] = None,
    reading: Reading = NOTHING_GIVEN,
    seed: Seed = 0,
    threads: Threads = None,
    output: Annotated[
        Path | None, typer.Option(help="File for the table: .csv, .json or .jsonl.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Train several models for the same budget and print the figures of each.

    Without --epochs and --seconds each model's recipe decides. A tenth of the documents is held
    out for the perplexities. Figures that cannot be compared are left out, and the lines under the
    table (with --json: "notes") give the reasons.
    """
    from ntm_fast.data.readers.read import read_named
    from ntm_fast.studies import compare as side_by_side

    chosen = MODELS if models == "all" else [model_named(n, "--models") for n in models.split(",")]
    if output is not None:
        side_by_side.check_ending(output)  # before the work, not after it
    rows: list[dict[str, Any]] = []

    def show(row: dict[str, Any]) -> None:
        rows.append(row)
        if output is not None:
            side_by_side.save(rows, output)
        print(f"{row['model']} done", file=sys.stderr, flush=True)

    side_by_side.compare(
        read_named(source, **reading),
        chosen,
        n_topics=topics,
        epochs=epochs,
        seconds=seconds,
        seed=seed,
        threads=threads,
        callback=show,
    )
    print(json.dumps(rows, indent=1) if as_json else side_by_side.table(rows))


@command(example="ntm-fast gradients --posterior sparse --draws 10000")
def gradients(
    posterior: Annotated[Posterior, typer.Option(help="Concentrations.")] = Posterior.dense,
    topics: Annotated[int, typer.Option(min=2, help="Number of topics.")] = 50,
    words: Annotated[int, typer.Option(min=2, help="Size of the vocabulary.")] = 200,
    length: Annotated[int, typer.Option(min=1, help="Words of the document.")] = 60,
    schemes: Annotated[
        str | None, typer.Option(help="Names separated by commas; by default all.")
    ] = None,
    draws: Annotated[int, typer.Option(min=2, help="Draws of each scheme.")] = 40_000,
    seed: Seed = 0,
    threads: Threads = None,
    picture: Annotated[
        Path | None, typer.Option(help="File for a picture, such as gradients.png.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Measure bias and variance of every gradient scheme at one posterior.

    The document comes from random topics; errors are relative to the norm of the exact gradient.
    """
    from ntm_fast.studies.gradients import example, study

    use_threads(threads)
    alpha, objective = example(posterior.value, topics, words, length, seed)
    names = None if schemes is None else [name.strip() for name in schemes.split(",")]
    found = study(alpha, objective, schemes=names, draws=draws, seed=seed)
    if picture is not None:
        found.plot(picture)
    print(json.dumps(found.as_dicts(), indent=1) if as_json else found)
