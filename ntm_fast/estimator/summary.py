"""A fitted model as a page of text."""

from __future__ import annotations

from collections.abc import Sequence

from ntm_fast.models import TopicModel
from ntm_fast.record import Record
from ntm_fast.report import facts_as_text, topics_as_text
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
        corpus, changed = record.corpus, record.recipe["changed"]
        if "source" in record.recipe:
            facts["source"] = record.recipe["source"]
        now = {**vars(settings), **record.training}
        facts["recipe"] = record.recipe["name"]
        facts["changed settings"] = ", ".join(
            f"{setting}={now.get(setting)!r} (recipe: {value!r})"
            for setting, value in changed.items()
        )
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
    shown = {label: value for label, value in facts.items() if value not in (None, "")}
    return f"{facts_as_text(shown)}\n\n{topics_as_text(topics)}"
