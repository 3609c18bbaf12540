"""Commands to begin with: demo, info."""

from __future__ import annotations

import json
import time
from typing import Annotated

import typer

from ntm_fast.cli.app import AsJson, Seed, Threads, command
from ntm_fast.cli.support import epoch_printer, is_terminal, use_threads
from ntm_fast.report import facts_as_text, topics_as_text


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


@command(example="ntm-fast info --json")
def info(as_json: AsJson = False) -> None:
    """Say what was compiled in and what is in use."""
    import ntm_fast

    facts = ntm_fast.build_info().as_dict()
    if as_json:
        print(json.dumps(facts, indent=1))
    else:
        print(facts_as_text({name.replace("_", " "): value for name, value in facts.items()}))
