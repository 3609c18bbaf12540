"""A fitted model as a page of text."""

from __future__ import annotations

from collections.abc import Sequence

from ntm_fast.models import TopicModel
from ntm_fast.record import Record
from ntm_fast.report import facts_as_text, topics_as_text
from ntm_fast.settings import NONE
from ntm_fast.training import Epoch


def summary(
    name: str,
    model: TopicModel,
    record: Record | None,
    history: Sequence[Epoch],
    topics: Sequence[Sequence[str]],
) -> str:
    """Recipe, documents, ELBO and topics of a model; the record, where there is one."""
    settings = model.settings
    facts: dict[str, object] = {
        "model": name,
        "posterior": settings.posterior,
        "decoder": settings.decoder,
        "topics": settings.n_topics,
        "words": model.n_words,
    }
    if record is not None:
        corpus = record.corpus
        if "source" in record.recipe:
            facts["source"] = record.recipe["source"]
        facts["recipe"] = record.recipe["name"]
        facts["documents"] = corpus["documents"]
        facts["held-out documents"] = corpus["documents_held_out"]
        facts["tokens"] = corpus["tokens"]
        facts["seconds"] = record.seconds
    facts["epochs"] = len(history)
    if history:
        kept = history[-1]
        if record is not None and record.best_epoch is not None:
            facts["best epoch"] = record.best_epoch
            kept = history[record.best_epoch - 1]
        facts["ELBO per training document"] = kept.elbo
        facts["ELBO per held-out document"] = kept.validation_elbo
    parts = [facts_as_text({label: fact for label, fact in facts.items() if fact is not None})]
    if record is not None and record.recipe["changed"]:
        now = {**vars(settings), **record.training}
        changed = {
            setting: f"{_shown(now.get(setting))} (recipe: {_shown(value)})"
            for setting, value in record.recipe["changed"].items()
        }
        parts.append(f"Settings that differ from the recipe:\n{facts_as_text(changed)}")
    return "\n\n".join([*parts, f"Topics:\n{topics_as_text(topics)}"])


def _shown(value: object) -> str:
    """A setting's value; a file has lists for tuples."""
    return NONE if value is None else str(tuple(value) if isinstance(value, list) else value)
