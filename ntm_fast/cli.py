"""The commands of `ntm-fast`. Heavy imports stay inside them, so that --help is quick."""

from __future__ import annotations

import functools
import json
import os
import sys
import time
from collections.abc import Callable
from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import typer

from ntm_fast.cli_support import (
    document_frequency,
    epoch_printer,
    is_terminal,
    load_model,
    read_in_words_of,
    read_source,
    read_stop_words,
    replacing,
    use_threads,
)
from ntm_fast.report import facts_as_text, topics_as_json, topics_as_text

app = typer.Typer(
    add_completion=False,
    no_args_is_help=False,
    help="Fast training of VAE topic models on sparse corpora.",
)


class Model(str, Enum):
    """The models that `train` offers, by the names of their classes in lower case."""

    prodlda = "prodlda"
    nvlda = "nvlda"
    dirichletvae = "dirichletvae"
    ldavae = "ldavae"
    dirichletvaersvi = "dirichletvaersvi"
    inversecdf = "inversecdf"
    whai = "whai"
    nvdm = "nvdm"
    gsm = "gsm"
    etm = "etm"
    dirichletetm = "dirichletetm"
    figurnovlda = "figurnovlda"


class Posterior(str, Enum):
    """The posteriors that `gradients` studies."""

    dense = "dense"
    sparse = "sparse"


Source = Annotated[
    str,
    typer.Argument(
        help="A text file (one document a line), a folder of .txt files, .csv, .jsonl, .npz,"
        " docword.*, .feat, an OCTIS folder, a corpus saved by `ntm-fast corpus`,"
        " or one of: docstrings, newsgroups."
    ),
]
Saved = Annotated[Path, typer.Argument(metavar="MODEL", help="Folder that `train` wrote.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Threads = Annotated[int | None, typer.Option(min=1, help="CPU threads; all cores unless given.")]
Seed = Annotated[int, typer.Option(min=0, help="Of every random number of the run.")]


def command(*, example: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Register a command whose help ends with an example, and that Ctrl-C ends in one line."""

    def register(function: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(function)
        def run(*args: Any, **kwargs: Any) -> None:
            try:
                function(*args, **kwargs)
                sys.stdout.flush()
            except KeyboardInterrupt:
                print("ntm-fast: interrupted, nothing was saved", file=sys.stderr)
                raise typer.Exit(130) from None
            except BrokenPipeError:  # such as `ntm-fast topics model | head`
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

        app.command(epilog=f"Example: {example}")(run)
        return run

    return register


@app.callback(invoke_without_command=True)
def _options(
    context: typer.Context,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    if version:
        import ntm_fast

        print(f"ntm_fast {ntm_fast.__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        print(context.get_help())


@command(example="ntm-fast demo")
def demo(
    topics: Annotated[int, typer.Option(min=1, help="Number of topics.")] = 50,
    epochs: Annotated[int, typer.Option(min=1, help="Passes over the documents.")] = 40,
    seed: Seed = 0,
    threads: Threads = None,
) -> None:
    """Learn topics from the docstrings of this Python installation and print them."""
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
    coherence = metrics.npmi(words, corpus, n=min(10, words.shape[1]))
    order = coherence.argsort()[::-1]
    print(f"\n{topics} topics by ProdLDA in {seconds:.0f} s, the most coherent first:\n")
    named = model.top_words(min(10, corpus.n_words))
    print(topics_as_text([named[k] for k in order]))
    diversity = metrics.topic_diversity(words, words.shape[1])
    print(f"\nNPMI {coherence.mean():.3f}, share of distinct words in the top 25 {diversity:.2f}.")
    print("On your own text, one document a line: ntm-fast train documents.txt --output my-model")


@command(example="ntm-fast corpus reviews.csv --column text --min-df 5 --output reviews")
def corpus(
    source: Source,
    output: Annotated[Path | None, typer.Option(help="Folder to save the corpus to.")] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a corpus in that folder.")
    ] = False,
    vocabulary: Annotated[
        Path | None, typer.Option(help="File of the words to count, one a line.")
    ] = None,
    min_df: Annotated[
        str | None, typer.Option(help="Leave out words in fewer documents: 5, or a share: 0.01.")
    ] = None,
    max_df: Annotated[
        str | None, typer.Option(help="Leave out words in more documents: 0.5, or 1000.")
    ] = None,
    max_features: Annotated[
        int | None, typer.Option(min=1, help="Keep only so many words, the most frequent.")
    ] = None,
    stop_words: Annotated[
        str | None, typer.Option(help="english, none, or a file of words, one a line.")
    ] = None,
    token_pattern: Annotated[str | None, typer.Option(help="Regular expression of a word.")] = None,
    lowercase: Annotated[
        bool | None, typer.Option("--lowercase/--no-lowercase", help="Fold the text first.")
    ] = None,
    column: Annotated[str | None, typer.Option(help="Column of a table that holds text.")] = None,
    label_column: Annotated[str | None, typer.Option(help="Column of labels.")] = None,
    id_column: Annotated[str | None, typer.Option(help="Column of document ids.")] = None,
    encoding: Annotated[str | None, typer.Option(help="Of text files; UTF-8 unless given.")] = None,
    as_json: AsJson = False,
) -> None:
    """Read a corpus, say what is in it, and save it for training."""
    options: dict[str, Any] = {
        "vocabulary": vocabulary,
        "min_df": document_frequency("--min-df", min_df),
        "max_df": document_frequency("--max-df", max_df),
        "max_features": max_features,
        "token_pattern": token_pattern,
        "lowercase": lowercase,
        "column": column,
        "label_column": label_column,
        "id_column": id_column,
        "encoding": encoding,
    }
    given = {name: value for name, value in options.items() if value is not None}
    if stop_words is not None:
        given["stop_words"] = read_stop_words(stop_words)
    found = read_source(source, **given)
    lengths = found.document_lengths
    facts: dict[str, Any] = {
        "documents": found.n_documents,
        "words": found.n_words,
        "tokens": found.n_tokens,
        "nonzeros": found.n_nonzeros,
        "tokens per document": found.n_tokens / found.n_documents,
        "longest document": float(lengths.max()),
        "empty documents": int((lengths == 0).sum()),
        "labels": len(set(found.labels)) if found.labels is not None else None,
    }
    if output is not None:
        found.save(output, overwrite=overwrite)
        facts["saved to"] = str(output)
    print(json.dumps(facts, indent=1) if as_json else facts_as_text(facts))


@command(example="ntm-fast train reviews --model prodlda --topics 50 --output reviews-model")
def train(
    source: Annotated[str, typer.Argument(metavar="CORPUS", help="As `ntm-fast corpus` reads.")],
    output: Annotated[Path, typer.Option(help="Folder to save the model to.")],
    model: Annotated[Model, typer.Option(help="Which model.")] = Model.prodlda,
    topics: Annotated[int, typer.Option(min=1, help="Number of topics.")] = 50,
    epochs: Annotated[int | None, typer.Option(min=1, help="Passes, at most.")] = None,
    batch_size: Annotated[int | None, typer.Option(min=1, help="Documents a step.")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="Adam's.")] = None,
    prior: Annotated[float | None, typer.Option(help="Dirichlet concentration.")] = None,
    background: Annotated[
        bool | None,
        typer.Option(
            "--background/--no-background",
            help="Whether words have a bias that all topics share: it absorbs stop words.",
        ),
    ] = None,
    seed: Seed = 0,
    threads: Threads = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a model in that folder.")
    ] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Continue a stopped run.")] = False,
) -> None:
    """Train a topic model, save it and print its topics.

    What is not given is the model's recipe. The run's state is kept after each epoch in
    OUTPUT.checkpoint until it is done; --resume takes it up there, bit for bit.
    """
    import ntm_fast
    from ntm_fast.training import RECIPES, TrainingInterrupted

    use_threads(threads)
    checkpoint = output.with_name(f"{output.name}.checkpoint")
    if output.exists() and not overwrite:
        raise FileExistsError(f"{output} exists; --overwrite replaces a model in it")
    if checkpoint.exists() and not (resume or overwrite):
        raise FileExistsError(f"{checkpoint} exists: --resume continues, --overwrite starts anew")
    documents = read_source(source)
    print(documents, flush=True)
    names = {name.lower(): name for name in RECIPES}
    estimator = getattr(ntm_fast, names[model.value])(
        topics,
        prior=prior,
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        options=None if background is None else {"background": background},
        checkpoint=checkpoint,
        random_state=seed,
        device=device,
        verbose=is_terminal(),
    )
    progress = epoch_printer(epochs or RECIPES[names[model.value]].training.epochs)
    try:
        estimator.fit(documents, resume_from=checkpoint if resume else None, callback=progress)
    except TrainingInterrupted:
        done = f"{estimator.n_epochs_} epochs are saved to {checkpoint}"
        print(f"ntm-fast: interrupted, {done}; --resume continues", file=sys.stderr)
        raise typer.Exit(130) from None
    estimator.save(output, overwrite=overwrite)
    checkpoint.unlink(missing_ok=True)
    print(topics_as_text(estimator.top_words(min(10, documents.n_words))))
    print(f"{estimator.n_epochs_} epochs; saved to {output}")


@command(example="ntm-fast topics reviews-model --n 15")
def topics(
    model: Saved,
    n: Annotated[int, typer.Option(min=1, help="Words a topic.")] = 10,
    as_json: AsJson = False,
) -> None:
    """Print the topics of a model, each with its top words."""
    words = load_model(model).top_words(n)
    print(topics_as_json(words) if as_json else topics_as_text(words))


@command(example="ntm-fast infer reviews-model new.txt --output theta.csv")
def infer(
    model: Saved,
    source: Annotated[str, typer.Argument(metavar="DOCUMENTS", help="As `ntm-fast corpus` reads.")],
    output: Annotated[Path, typer.Option(help="theta.npz or theta.csv")],
    threads: Threads = None,
) -> None:
    """Write the topic proportions of documents, one row each."""
    if output.suffix not in (".npz", ".csv"):
        raise ValueError(f"--output is {output}; expected a name that ends in .npz or .csv")
    import numpy as np

    use_threads(threads)
    fitted = load_model(model)
    documents = read_in_words_of(fitted.vocabulary_, source)
    theta = fitted.transform(documents)
    ids = np.array(documents.document_ids or [str(d) for d in range(len(documents))])
    with replacing(output) as partial:
        if output.suffix == ".npz":
            np.savez_compressed(partial, theta=theta, document_ids=ids)
        else:
            import csv

            with open(partial, "w", newline="", encoding="utf-8") as file:
                writer = csv.writer(file)
                writer.writerow(["document", *(f"topic_{k}" for k in range(theta.shape[1]))])
                rows = zip(ids.tolist(), theta.tolist(), strict=True)
                writer.writerows([name, *(f"{p:.6g}" for p in row)] for name, row in rows)
    print(f"{theta.shape[0]:,} documents, {theta.shape[1]} topics; saved to {output}")


@command(example="ntm-fast evaluate reviews-model held-out.txt")
def evaluate(
    model: Saved,
    source: Source,
    seed: Seed = 0,
    threads: Threads = None,
    as_json: AsJson = False,
) -> None:
    """Measure a model on documents: coherence, diversity, perplexities, collapse."""
    from typing import get_args

    from ntm_fast import metrics
    from ntm_fast.metrics.perplexity import PerplexityKind

    use_threads(threads)
    fitted = load_model(model)
    documents = read_in_words_of(fitted.vocabulary_, source)
    words = fitted.top_word_ids(min(25, documents.n_words))
    ten, many = min(10, words.shape[1]), words.shape[1]
    facts: dict[str, Any] = {"documents": documents.n_documents}
    if ten > 1:
        facts[f"NPMI of the top {ten} words"] = float(metrics.npmi(words, documents, n=ten).mean())
    facts[f"topic diversity, top {many}"] = metrics.topic_diversity(words, many)
    facts[f"topic uniqueness, top {many}"] = float(metrics.topic_uniqueness(words, many).mean())
    facts[f"topic redundancy, top {ten}"] = float(metrics.redundancy(words, ten).mean())
    for kind in get_args(PerplexityKind):
        name = "ELBO per document" if kind == "elbo" else f"perplexity, {kind.replace('_', ' ')}"
        facts[name] = fitted.perplexity(documents, kind=kind, seed=seed)
    report = metrics.collapse(fitted, documents, n=ten)
    if as_json:
        facts["collapse"] = report.verdict
        facts["distinct topics"] = report.distinct_topics
        facts["topics that lead no document"] = list(report.never_dominant)
        facts["near-duplicate topics"] = [list(pair[:2]) for pair in report.duplicates]
        facts["effective topics"] = report.effective_topics
        facts["mean KL per topic"] = report.mean_kl
        print(json.dumps(facts, indent=1))
    else:
        print(facts_as_text(facts))
        print(report)


@command(example="ntm-fast compare reviews --models prodlda,dirichletvae,etm --seconds 120")
def compare(
    source: Annotated[str, typer.Argument(metavar="CORPUS", help="As `ntm-fast corpus` reads.")],
    models: Annotated[
        str, typer.Option(help="Names with commas between, such as prodlda,etm; or all.")
    ] = "prodlda,nvlda,dirichletvae,ldavae",
    topics: Annotated[int, typer.Option(min=1, help="Number of topics.")] = 50,
    epochs: Annotated[int | None, typer.Option(min=1, help="Passes of each, at most.")] = None,
    seconds: Annotated[
        float | None, typer.Option(min=0, help="Of training of each, at most.")
    ] = None,
    seed: Seed = 0,
    threads: Threads = None,
    output: Annotated[
        Path | None, typer.Option(help="File for the table: .csv, .json or .jsonl.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Train several models for the same budget and print what each is worth.

    Without --epochs and --seconds each model's recipe decides. A tenth of the documents is held
    out for the perplexities.
    """
    from ntm_fast import compare as side_by_side
    from ntm_fast.training import RECIPES

    known = {name.lower(): name for name in RECIPES}
    names = list(known) if models == "all" else [name.strip().lower() for name in models.split(",")]
    for name in names:
        if name not in known:
            raise ValueError(f"--models has {name!r}; expected some of {', '.join(known)}")
    if output is not None:
        side_by_side.check_ending(output)  # told before the work, not after it
    rows: list[dict[str, Any]] = []

    def show(row: dict[str, Any]) -> None:
        rows.append(row)
        if output is not None:
            side_by_side.save(rows, output)
        print(f"{row['model']} done", file=sys.stderr, flush=True)

    side_by_side.compare(
        read_source(source),
        [known[name] for name in names],
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
        str | None, typer.Option(help="Names with commas between; all unless given.")
    ] = None,
    draws: Annotated[int, typer.Option(min=2, help="Of each scheme.")] = 40_000,
    seed: Seed = 0,
    threads: Threads = None,
    picture: Annotated[
        Path | None, typer.Option(help="File for a picture, such as gradients.png.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Measure bias and variance of every gradient scheme at one posterior.

    On a document of made-up topics; errors are relative to the length of the exact gradient.
    """
    from ntm_fast.gradients import example, study

    use_threads(threads)
    alpha, objective = example(posterior.value, topics, words, length, seed)
    names = None if schemes is None else [name.strip() for name in schemes.split(",")]
    found = study(alpha, objective, schemes=names, draws=draws, seed=seed)
    if picture is not None:
        found.plot(picture)
    print(json.dumps(found.as_dicts(), indent=1) if as_json else found)


@command(example="ntm-fast info --json")
def info(as_json: AsJson = False) -> None:
    """Say what was compiled in and what is in use."""
    import ntm_fast

    facts = ntm_fast.build_info().as_dict()
    if as_json:
        print(json.dumps(facts, indent=1))
    else:
        print(facts_as_text({name.replace("_", " "): value for name, value in facts.items()}))
