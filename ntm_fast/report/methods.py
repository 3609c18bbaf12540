"""How a model was made, as a paragraph for a methods section and as facts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ntm_fast.record import Record
from ntm_fast.report.plain_text import printable

_OPTIMISERS = {
    "adam": "Adam",
    "deferred-adam": "Adam (deferred for words that a batch lacks)",
    "lazy-adam": "lazy Adam",
}
_SCHEDULES = {
    "linear": "rose linearly from 0 to {weight} over the first {epochs} epochs",
    "cyclic": "rose from 0 to {weight} in cycles of {epochs} epochs",
}


def paragraph(metadata: Mapping[str, Any], record: Record | None) -> str:
    """Model, documents, settings and machine in sentences to quote; `metadata` is model.json."""
    settings = metadata["settings"]
    if record is None:
        return printable(
            f"{_a_model(metadata, None)} with {_n(settings.get('n_topics'), 'topic')} over a"
            f" vocabulary of {_n(metadata.get('n_words'), 'word')} was trained with ntm_fast"
            f" {metadata.get('ntm_fast')}, in {_n(len(metadata['history']), 'epoch')}. That release"
            " did not record the rest."
        )
    sentences = [
        _documents(metadata, record),
        _architecture(settings),
        _training(record),
        _duration(record),
        _departures(metadata, record),
        _circumstances(metadata, record),
    ]
    return printable(" ".join(filter(None, sentences)))


def record_as_facts(metadata: Mapping[str, Any], record: Record | None) -> dict[str, object]:
    """Name and value of all that is recorded, one fact each."""
    facts: dict[str, object] = {
        "model": metadata["estimator"],
        "vocabulary": metadata["n_words"],
        "epochs": len(metadata["history"]),
    }
    if record is not None:
        facts |= {
            "recipe": record.recipe["name"],
            "source": record.recipe.get("source", "none named"),
            "epochs": record.epochs,
            "seed": str(record.seed),
            "began": record.began,
            "seconds": record.seconds,
            "runs": len(record.runs),
        }
        if record.best_epoch is not None:
            facts["weights of epoch"] = record.best_epoch
        facts |= _flat("corpus", {k: v for k, v in record.corpus.items() if k != "origin"})
        facts |= _flat("corpus, origin", record.corpus.get("origin", {}))
        facts |= _flat("training", record.training)
    facts |= _flat("model", metadata["settings"])
    facts |= _flat("parameter", metadata["parameters"])
    if record is not None:
        facts |= _flat("environment", record.environment)
    return {printable(name): value for name, value in facts.items()}


def _flat(name: str, value: Any) -> dict[str, object]:
    if not isinstance(value, dict):
        return {name: value}
    flat: dict[str, object] = {}
    for part, inner in value.items():
        flat |= _flat(f"{name}, {part.replace('_', ' ')}", inner)
    return flat


def _documents(metadata: Mapping[str, Any], record: Record) -> str:
    corpus, settings = record.corpus, metadata["settings"]
    version = record.environment["versions"].get("ntm_fast", metadata.get("ntm_fast"))
    text = (
        f"We trained {_a_model(metadata, record)} with {_n(settings.get('n_topics'), 'topic')} on"
        f" {_n(corpus['documents'], 'document')} ({_n(corpus['words'], 'word')} in the vocabulary,"
        f" {_n(corpus['tokens'], 'token')}; BLAKE2b digest {corpus['digest']}) using ntm_fast"
        f" {version}."
    )
    if description := corpus.get("description"):
        text += f" {str(description).strip().removesuffix('.')}."
    if held_out := corpus["documents_held_out"]:
        verb = "was" if held_out == 1 else "were"
        text += (
            f" {_n(held_out, 'further document')} {verb} held out to choose the epoch"
            f" ({_v(record.training.get('validation_fraction'))} of all)."
        )
    if len(record.runs) > 1:
        text += (
            f" These are the documents of the last of {len(record.runs)} runs; the earlier ones"
            " trained on "
        )
        earlier = record.runs[:-1]
        digests = dict.fromkeys(run["digest"] for run in earlier)
        if len(digests) > 5:
            text += f"{len(digests)} other or equal sets of documents."
        else:
            sets = {run["digest"]: run["documents"] for run in earlier}
            text += _and([f"{_n(n, 'document')} (digest {name})" for name, n in sets.items()]) + "."
    return text


def _a_model(metadata: Mapping[str, Any], record: Record | None) -> str:
    source = None if record is None else record.recipe.get("source")
    name = str(metadata["estimator"])
    if name == "NeuralTopicModel":
        name = "a neural topic model"
    return f"{name} ({source})" if source else name


def _architecture(settings: Mapping[str, Any]) -> str:
    hidden = settings.get("hidden", [])
    widths = _and([_v(width) for width in hidden] if isinstance(hidden, list) else [_v(hidden)])
    layers = "layer" if isinstance(hidden, list) and len(hidden) == 1 else "layers"
    background = "with" if settings.get("background") else "without"
    return (
        f"The encoder had {layers} of {widths} units ({_v(settings.get('activation', 'softplus'))}"
        f" activation; inputs: {_v(settings.get('inputs', 'counts'))}). The posterior was"
        f' "{_v(settings.get("posterior"))}" with prior concentration'
        f' {_v(settings.get("prior", 1.0))}; the decoder was "{_v(settings.get("decoder"))}",'
        f" {background} a background of words."
    )


def _training(record: Record) -> str:
    training = record.training
    optimiser = _OPTIMISERS.get(str(training.get("optimiser")), _v(training.get("optimiser")))
    text = (
        f"Training maximised the ELBO by {optimiser} with learning rate"
        f" {_v(training.get('learning_rate'))} ({_v(training.get('learning_rate_schedule'))}),"
        f" betas {_v(training.get('betas'))} and batch size {_v(training.get('batch_size'))}"
    )
    if warm_up := training.get("learning_rate_warm_up"):
        text += f", after a warm-up of the learning rate over {_n(warm_up, 'epoch')}"
    weight, schedule = _v(training.get("kl_weight")), str(training.get("kl_schedule"))
    if schedule in _SCHEDULES:
        how = _SCHEDULES[schedule].format(weight=weight, epochs=_v(training.get("warm_up")))
        return f"{text}; the weight of the KL term {how}."
    return f"{text}; the weight of the KL term was {weight}."


def _duration(record: Record) -> str:
    text = (
        f"{_n(record.epochs, 'epoch')} {'was' if record.epochs == 1 else 'were'} done (at most"
        f" {_v(record.training.get('epochs'))} in one run"
    )
    if patience := record.training.get("patience"):
        text += f"; patience {_v(patience)}"
    text += ")"
    if record.best_epoch is not None:
        text += f", and the weights of epoch {record.best_epoch}, the best on held-out documents,"
        text += " were kept"
    return f"{text}."


def _departures(metadata: Mapping[str, Any], record: Record) -> str:
    here = {**metadata["settings"], **record.training}
    changed = [
        f"{name} {_v(here.get(name))} (recipe: {_v(value)})"
        for name, value in record.recipe["changed"].items()
    ]
    recipe = f"ntm_fast's recipe for {record.recipe['name']}"
    if not changed:
        return f"All settings were those of {recipe}."
    return f"All settings were those of {recipe}, except {_and(changed)}."


def _circumstances(metadata: Mapping[str, Any], record: Record) -> str:
    place = record.environment
    versions = {k: v for k, v in place["versions"].items() if k != "ntm_fast"}
    names = {"python": "Python", "torch": "PyTorch", "numpy": "NumPy", "scipy": "SciPy"}
    software = _and([f"{names.get(name, name)} {_v(v)}" for name, v in versions.items()])
    level = f", instruction set {_v(place['cpu_level'])}" if "cpu_level" in place else ""
    state = metadata["parameters"].get("random_state")
    seed = "was drawn at random" if state is None else f"followed from random_state={_v(state)}"
    text = (
        f"The seed was {record.seed}, which {seed}. Training began at {record.began} and took"
        f" {_seconds(record.seconds)} on {place['device']} ({place['device_name']},"
        f" {_n(place['threads'], 'thread')}{level}; {place['platform']}) with {software}."
    )
    resumed = [run["resumed_after"] for run in record.runs if "resumed_after" in run]
    if resumed:
        text += f" The run was resumed after {_n(resumed[-1], 'epoch')}, whose time is not counted."
    return text


def _seconds(value: float) -> str:
    return f"{value:,.0f} s" if value >= 10 else f"{value:.2g} s"


def _n(value: Any, thing: str) -> str:
    """Such as "1 topic" and "11,314 documents"."""
    return f"{_v(value)} {thing}{'' if value == 1 else 's'}"


def _v(value: Any) -> str:
    """A setting's value as prose has it."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.0f}" if value.is_integer() and abs(value) >= 1000 else f"{value:.10g}"
    if isinstance(value, list):
        return f"({', '.join(map(_v, value))})"
    return str(value)


def _and(items: list[str]) -> str:
    return " and ".join([", ".join(items[:-1]), items[-1]] if len(items) > 1 else items)
