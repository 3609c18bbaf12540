"""Commands that make models and use them: train, topics, infer, evaluate."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from ntm_fast.cli.app import (
    NOTHING_GIVEN,
    AsJson,
    Reading,
    Saved,
    Seed,
    Source,
    Threads,
    command,
)
from ntm_fast.cli.support import (
    MODEL_NAMES,
    checked_settings,
    epoch_printer,
    given,
    load_model,
    loggers,
    model_named,
    option_of,
    read_for,
    use_threads,
)
from ntm_fast.report import facts_as_text, topics_as_json, topics_as_text


@command(example="ntm-fast train reviews --model prodlda --topics 50 --output reviews-model")
def train(
    source: Annotated[
        str, typer.Argument(metavar="CORPUS", help="Anything that `ntm-fast corpus` reads.")
    ],
    output: Annotated[Path, typer.Option(help="Folder to save the model to.")],
    model: Annotated[str, typer.Option(metavar="NAME", help=f"One of {MODEL_NAMES}.")] = "prodlda",
    topics: Annotated[int, typer.Option(min=1, help="Number of topics.")] = 50,
    epochs: Annotated[
        int | None, typer.Option(min=1, help="Most passes over the documents.")
    ] = None,
    batch_size: Annotated[int | None, typer.Option(min=1, help="Documents per step.")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="Adam's learning rate.")] = None,
    prior: Annotated[
        float | None, typer.Option(help="Concentration of the prior on topics.")
    ] = None,
    reading: Reading = NOTHING_GIVEN,
    background: Annotated[
        bool | None,
        typer.Option(
            "--background/--no-background",
            help="Whether words have a bias that all topics share: it absorbs stop words.",
        ),
    ] = None,
    option: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE",
            help="Any other setting that `ntm-fast settings MODEL` lists, such as"
            " topic_dropout=0.1 or patience=none; may be given several times.",
        ),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(
            min=0, help="Seed of all random numbers of the run; by default 0, or the resumed run's."
        ),
    ] = None,
    threads: Threads = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    overwrite: Annotated[
        bool,
        typer.Option("--overwrite", help="Replace a model in that folder; other files there stay."),
    ] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Continue a stopped run.")] = False,
    log: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Write the losses of steps and epochs to FOLDER/log.jsonl, and for TensorBoard if"
            " it is installed.",
        ),
    ] = None,
) -> None:
    """Train a topic model, save it and print its topics.

    Settings that are not given have the values of the model's recipe. After each epoch the run's
    state is saved to OUTPUT.checkpoint, which is deleted once the model is saved; --resume
    continues from it, bit for bit.
    """
    from ntm_fast import estimator as estimators
    from ntm_fast.data.readers.read import read_named
    from ntm_fast.estimator.saved_estimator import free_place
    from ntm_fast.models.unused import UnusedSettingError
    from ntm_fast.training import MismatchError, NotFiniteError, TrainingInterrupted
    from ntm_fast.training import checkpoint as saved

    kind = model_named(model, "--model")
    use_threads(threads)
    checkpoint = output.with_name(f"{output.name}.checkpoint")
    if output.exists() and not overwrite:
        raise FileExistsError(f"{output} exists; --overwrite replaces a model in it")
    free_place(output, overwrite)  # before the work
    saved.check_replaceable(checkpoint)
    if checkpoint.exists() and not (resume or overwrite):
        raise FileExistsError(f"{checkpoint} exists: {_what_next(checkpoint)}")
    if resume and seed is None:
        seed = saved.random_state_of(checkpoint)
    elif seed is None:
        seed = 0
    estimator = getattr(estimators, kind)(
        topics,
        **checked_settings(
            option or [],
            prior=prior,
            epochs=epochs,
            batch_size=batch_size,
            learning_rate=learning_rate,
            background=background,
        ),
        checkpoint=checkpoint,
        random_state=seed,
        device=device,
        verbose=True,
    )
    try:
        recipe = estimator.chosen_recipe()
    except UnusedSettingError as error:
        raise ValueError(error.said_as(option_of(error.name))) from None
    callbacks = [] if log is None else loggers(log, output)
    documents = read_named(source, **reading)
    print(documents, flush=True)
    if documents.origin is not None:
        print(documents.origin.describe(), flush=True)
    progress = epoch_printer(recipe.training.epochs)
    try:
        estimator.fit(
            documents,
            resume_from=checkpoint if resume else None,
            callback=progress,
            callbacks=callbacks,
        )
    except TrainingInterrupted:
        done = f"{estimator.n_epochs_} epochs are saved to {checkpoint}"
        print(f"ntm-fast: interrupted, {done}; --resume continues", file=sys.stderr)
        raise typer.Exit(130) from None
    except MismatchError as error:
        raise ValueError(error.said_as(option_of(error.name))) from None
    except NotFiniteError as error:
        if error.checkpoint is None:
            checkpoint.unlink(missing_ok=True)  # with --overwrite: it is of another run
        what_next = f". {checkpoint}: {_what_next(checkpoint)}" if error.checkpoint else ""
        reason = error.reason.replace("learning_rate", "--learning-rate")
        raise NotFiniteError(f"{reason}{what_next}") from error
    estimator.save(output, overwrite=overwrite)
    checkpoint.unlink(missing_ok=True)
    print(topics_as_text(estimator.top_words(min(10, documents.n_words))))
    epochs_done = "1 epoch" if estimator.n_epochs_ == 1 else f"{estimator.n_epochs_} epochs"
    print(f"{epochs_done}; saved to {output}")


def _what_next(checkpoint: Path) -> str:
    """What can be done with a checkpoint that a run left."""
    from ntm_fast.training.saved_run import read_facts

    facts = read_facts(checkpoint)
    if facts["diverged"] is None:
        return "--resume continues, --overwrite starts anew"
    done = facts["state"].epoch
    return (
        f"the run diverged after epoch {done}; --resume --epochs {done} saves the model as it was"
        " then, --overwrite with a lower --learning-rate starts anew"
    )


@command(example="ntm-fast topics reviews-model --n 15")
def topics(
    model: Saved,
    n: Annotated[int | None, typer.Option(min=1, help="Words per topic; by default 10.")] = None,
    relevance: Annotated[
        float | None,
        typer.Option(
            help="1 ranks words by probability; less favours words that set the topic apart."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Print the topics of a model, each with its top words."""
    fitted = load_model(model)
    count = n or min(10, len(fitted.vocabulary_))
    words = fitted.top_words(count, **given(relevance=relevance))
    print(topics_as_json(words) if as_json else topics_as_text(words))


@command(without=("stop_words",), example="ntm-fast infer reviews-model new.txt --output theta.csv")
def infer(
    model: Saved,
    source: Annotated[
        str, typer.Argument(metavar="DOCUMENTS", help="Anything that `ntm-fast corpus` reads.")
    ],
    output: Annotated[Path, typer.Option(help="File to write: .npz or .csv.")],
    reading: Reading = NOTHING_GIVEN,
    threads: Threads = None,
) -> None:
    """Write the topic proportions of documents, one row each.

    Documents are counted in the same way as the training corpus, unless options say otherwise.
    The last column, known_words, is the share of a document's words that the model knows; a row
    with 0 says nothing about its document.
    """
    if output.suffix not in (".npz", ".csv"):
        raise ValueError(f"--output is {output}; expected a name that ends in .npz or .csv")
    import numpy as np

    from ntm_fast.files import replacing_file

    use_threads(threads)
    with replacing_file(output) as partial:  # an error comes before the work
        fitted = load_model(model)
        documents = read_for(fitted, source, **reading)
        theta, known = fitted.transform(documents), documents.known_words
        ids = np.array(documents.document_ids or [str(d) for d in range(len(documents))])
        if output.suffix == ".npz":
            np.savez_compressed(partial, theta=theta, document_ids=ids, known_words=known)
        else:
            import csv

            with open(partial, "w", newline="", encoding="utf-8") as file:
                writer = csv.writer(file)
                topics = (f"topic_{k}" for k in range(theta.shape[1]))
                writer.writerow(["document", *topics, "known_words"])
                rows = zip(ids.tolist(), theta.tolist(), known.tolist(), strict=True)
                writer.writerows(
                    [name, *(f"{p:.6g}" for p in row), f"{share:.4g}"] for name, row, share in rows
                )
    named = "1 document" if len(documents) == 1 else f"{len(documents):,} documents"
    print(f"{named}, {theta.shape[1]} topics; saved to {output}")


@command(without=("stop_words",), example="ntm-fast evaluate reviews-model held-out.txt")
def evaluate(
    model: Saved,
    source: Source,
    reading: Reading = NOTHING_GIVEN,
    c_v: Annotated[
        bool, typer.Option("--c-v", help="Compute C_v too: needs gensim, and takes longer.")
    ] = False,
    seed: Seed = 0,
    threads: Threads = None,
    as_json: AsJson = False,
) -> None:
    """Measure a model on documents: coherence, diversity, perplexities, collapse."""
    from ntm_fast import metrics

    use_threads(threads)
    fitted = load_model(model)
    documents = read_for(fitted, source, **reading)
    found = metrics.evaluate(fitted, documents, c_v=c_v, seed=seed)
    facts, report = found.facts(), found.collapse
    assert report is not None  # an estimator has a posterior
    if as_json:
        facts["collapse"] = report.verdict
        facts["distinct topics"] = report.distinct_topics
        facts["topics that lead no document"] = list(report.never_dominant)
        facts["near-duplicate topics"] = [list(pair[:2]) for pair in report.duplicates]
        facts["effective topics"] = report.effective_topics
        facts["mean KL per topic"] = report.mean_kl
        if found.notes:
            facts["notes"] = found.notes
        print(json.dumps(facts, indent=1))
    else:
        print(facts_as_text(facts))
        print(report)
        for name, why in found.notes.items():
            print(f"{name.replace('_', ' ')}: {why}")
