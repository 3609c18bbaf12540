"""python -m benchmarks stop_words: the effect of stop words on topics, and of three remedies.

On the docstrings of this Python installation, with every word counted. Each row trains a model
on the text as it is, without the words of a list, without those of many documents, or with a
background of words that all topics share. Printed as a page of Markdown: docs/stop_words.md.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

import ntm_fast
from ntm_fast import metrics
from ntm_fast.data import Corpus, datasets, select_words

N_TOPICS = 30
EPOCHS = 40
MAX_DF = 0.1
SEED = 0


class Treatment(NamedTuple):
    """A model, the words that are left out before, and whether it has a background."""

    model: str
    removed: str
    options: dict[str, Any]
    background: bool


TREATMENTS = (
    Treatment("LDAVAE", "nothing", {}, False),
    Treatment("LDAVAE", "English stop words", {"stop_words": "english"}, False),
    Treatment("LDAVAE", f"words of over {MAX_DF:.0%} of the documents", {"max_df": MAX_DF}, False),
    Treatment("LDAVAE", "nothing", {}, True),
    Treatment("ProdLDA", "nothing", {}, False),
    Treatment("ProdLDA", "nothing", {}, True),
    Treatment("ProdLDA", "English stop words", {"stop_words": "english"}, True),
)
PAGE = """# Stop words

Printed by `python -m benchmarks stop_words`: {corpus} from the
docstrings of a Python installation, no word left out, K={topics}, {epochs} epochs, seed {seed}.
"Stop words" is the share of the topics' 10 most likely words that are on scikit-learn's English
list; "frequent" is the share of those in more than {max_df:.0%} of the documents. "As read" is the
share of stop words among the 10 words that `top_words` shows for a topic, ranked by relevance. NPMI
refers to those words, diversity to the first 25.

{table}

Without countermeasures, most of a mixture's likely words are stop words, the same ones in every
topic. A list removes the words it contains. A limit on the document frequency (`max_df`) needs no
list and also removes words that are frequent in the field. A background
(`background=True`, or `ntm-fast train --background`) keeps all words in the model
and moves the words that topics share out of them; ProdLDA, NVLDA and LDAVAE have one by default.
The first topics in each case:

{examples}
"""


def measure(treatment: Treatment, text: Corpus, epochs: int = EPOCHS) -> dict[str, Any]:
    """Figures of a model's topics, and its first ones."""
    corpus = select_words(text, **treatment.options) if treatment.options else text
    model = getattr(ntm_fast, treatment.model)(
        N_TOPICS,
        epochs=epochs,
        random_state=SEED,
        background=treatment.background,
    ).fit(corpus)
    likely = metrics.top_words(model.components_, 10)
    top = model.top_word_ids(min(25, corpus.n_words))
    found = metrics.evaluate_topics(top, corpus, c_v=False)
    frequent = (corpus.to_scipy() > 0).sum(axis=0) > MAX_DF * len(corpus)
    listed = np.array([word in ENGLISH_STOP_WORDS for word in corpus.vocabulary])
    return {
        "model": treatment.model,
        "left out": treatment.removed,
        "background": "yes" if treatment.background else "no",
        "words": f"{corpus.n_words:,}",
        "stop words": f"{listed[likely].mean():.0%}",
        "frequent": f"{np.asarray(frequent).ravel()[likely].mean():.0%}",
        "as read": f"{listed[top[:, :10]].mean():.0%}",
        "NPMI": f"{found.npmi:.3f}",
        "diversity": f"{found.diversity:.2f}",
        "topics": model.top_words(8)[:3],
    }


def page(text: Corpus, epochs: int = EPOCHS) -> str:
    """All treatments as Markdown."""
    rows = [measure(treatment, text, epochs) for treatment in TREATMENTS]
    columns = [name for name in rows[0] if name != "topics"]
    lines = [columns, ["---"] * len(columns), *([row[name] for name in columns] for row in rows)]
    examples = []
    for row in rows:
        head = f"- {row['model']}, {row['left out']} left out, background: {row['background']}"
        examples += [head, *(f"  - {' '.join(topic)}" for topic in row["topics"])]
    return PAGE.format(
        corpus=f"{len(text):,} documents, {text.n_words:,} words",
        topics=N_TOPICS,
        epochs=epochs,
        seed=SEED,
        max_df=MAX_DF,
        table="\n".join(f"| {' | '.join(line)} |" for line in lines),
        examples="\n".join(examples),
    )


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser("python -m benchmarks stop_words", description=__doc__)
    parser.add_argument("--output", type=Path, help="file for the page, such as docs/stop_words.md")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    given = parser.parse_args(arguments)
    torch.set_num_threads(given.threads)
    text = page(datasets.docstrings(remove_stop_words=False, max_df=1.0))
    print(text)
    if given.output is not None:
        given.output.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
