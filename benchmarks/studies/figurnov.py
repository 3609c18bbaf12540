"""python -m benchmarks figurnov [run …]: LDA as a VAE by Figurnov's recipe, on 20 Newsgroups.

A run is a scheme and a seed: implicit-0, rsvi-1-0 (boost 1), … Each trains `FigurnovLDA`, or the
same with the gradients of rejection sampling, on the training documents, and appends one row to
the results: the perplexity of the test documents, exp of the mean of −ELBO / length, which
TensorFlow Probability's example of the same model reports as 873.2. Nothing is chosen on the test
documents.

A run that was stopped goes on where it was, from its checkpoint in --folder; one that has its row
is not run again. --epochs shortens the recipe's 511 passes, which take a core about 15 minutes a
run: burn-in and warm-up in proportion, while the learning rate grows as much. A step of 32
documents takes 3 to 5 ms: two fifths of it in kernels (Adam's step most of all), the rest in what
surrounds them, Python and autograd.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from benchmarks.harness import inputs, results
from ntm_fast import metrics
from ntm_fast.data import Corpus
from ntm_fast.models import TopicModel
from ntm_fast.training import RECIPES, Epoch, Recipe, Trainer, TrainingInterrupted

CORPUS = "20ng_prodlda"
N_TOPICS = 50
RUNS = ("implicit-0", *(f"rsvi-{b}-0" for b in (1, 5, 10, 20)), "implicit-1", "implicit-2")
LOOKS = 9  # at the test perplexity in a run


def recipe(scheme: str, epochs: int) -> Recipe:
    """Of "implicit" or "rsvi-<boost>": the paper's, or shortened to this number of epochs."""
    paper = RECIPES["FigurnovLDA"].changed(n_topics=N_TOPICS)
    share = epochs / paper.training.epochs
    if not 0 < share <= 1:
        raise SystemExit(f"--epochs is {epochs}; expected 1 to {paper.training.epochs}")
    if share < 1:
        paper = paper.changed(
            epochs=epochs,
            prior_burn_in=round(share * paper.training.prior_burn_in),
            warm_up=round(share * paper.training.warm_up),
            learning_rate=paper.training.learning_rate / share,
        )
    if scheme == "implicit":
        return paper
    name, _, boost = scheme.partition("-")
    if name != "rsvi" or not boost.isdigit():
        raise SystemExit(f"scheme is {scheme!r}; expected implicit or rsvi-BOOST, as in rsvi-10")
    return paper.changed(posterior="dirichlet-rsvi", rsvi_boost=int(boost))


class Progress:
    """CPU seconds and perplexities so far, kept beside the checkpoint."""

    def __init__(self, path: Path) -> None:
        self.path = path
        saved = json.loads(path.read_text()) if path.exists() else {}
        self.before: float = saved.get("cpu_seconds", 0.0)
        self.perplexities: dict[str, float] = saved.get("perplexities", {})
        self.began = time.process_time()

    @property
    def cpu_seconds(self) -> float:
        """For this process and those that it continues."""
        return self.before + time.process_time() - self.began

    def save(self) -> None:
        partial = self.path.with_suffix(".partial")
        state = {"cpu_seconds": self.cpu_seconds, "perplexities": self.perplexities}
        partial.write_text(json.dumps(state))
        os.replace(partial, self.path)


def train(
    name: str, train: Corpus, test: Corpus, folder: Path, epochs: int, looks: int = LOOKS
) -> dict[str, Any]:
    """The row of one run, taken up from `folder` if it is there."""
    folder.mkdir(parents=True, exist_ok=True)
    scheme, _, seed = name.rpartition("-")
    chosen = recipe(scheme, epochs)
    torch.manual_seed(int(seed))
    model = TopicModel(train.n_words, chosen.model)
    checkpoint = folder / f"{name}.checkpoint"
    progress = Progress(folder / f"{name}.json")
    steps = -(-int((train.document_lengths > 0).sum()) // chosen.training.batch_size)

    def perplexity() -> float:
        return metrics.perplexity(model, test, "per_document")

    def look(epoch: Epoch) -> None:
        if epoch.epoch % max(1, epochs // looks) == 0:
            progress.perplexities[str(epoch.epoch * steps)] = value = perplexity()
            at = f"{name}: step {epoch.epoch * steps:,}, ELBO {epoch.elbo:.2f}"
            print(f"{at}, perplexity {value:.1f}, {progress.cpu_seconds:.0f} s CPU", flush=True)
        progress.save()

    trainer = Trainer(model, chosen.training, seed=int(seed), callback=look, checkpoint=checkpoint)
    if checkpoint.exists():
        trainer.resume(checkpoint)
    trainer.fit(train)
    prior = model.posterior.prior_parameters()[0].detach().exp()
    found = metrics.evaluate(model, train, test, c_v=False)
    return {
        "op": "LDAVAE by Figurnov's recipe",
        "subject": scheme,
        "shape": f"{CORPUS}, K={N_TOPICS}, {epochs * steps:,} steps",
        "seed": int(seed),
        "steps": epochs * steps,
        "learning_rate": chosen.training.learning_rate,
        "burn_in_steps": chosen.training.prior_burn_in * steps,
        "perplexity_per_document": found.perplexity_per_document,
        "perplexity_per_word": found.perplexity_per_word,
        "perplexity_held_out_words": found.perplexity,
        "npmi_10": found.npmi,
        "diversity_25": found.diversity,
        "prior_sum": float(prior.sum()),
        "threads": torch.get_num_threads(),
        "cpu_seconds": progress.cpu_seconds,
        "along_the_way": progress.perplexities,
    }


def finished(output: Path, epochs: int) -> set[str]:
    """Runs with this number of epochs that have a row."""
    if not output.exists():
        return set()
    rows = map(json.loads, output.read_text(encoding="utf-8").splitlines())
    mine = (row for row in rows if row.get("benchmark") == "figurnov" and row["epochs"] == epochs)
    return {f"{row['subject']}-{row['seed']}" for row in mine}


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser("python -m benchmarks figurnov", description=__doc__)
    parser.add_argument("runs", nargs="*", metavar="run", default=RUNS, help=", ".join(RUNS))
    parser.add_argument("--epochs", type=int, default=RECIPES["FigurnovLDA"].training.epochs)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--folder", type=Path, default=Path("figurnov"), help="of checkpoints")
    parser.add_argument("--output", type=Path, help="JSON lines; default: benchmarks/results/…")
    given = parser.parse_args(arguments)
    if not inputs.is_real(CORPUS):
        print(f"{CORPUS} is absent (set NTM_FAST_SHARED to the folder that holds it)")
        return 1
    torch.set_num_threads(given.threads)
    documents, test = (inputs.corpus(CORPUS, split) for split in ("train", "test"))
    output = results.Output(given.output)
    done = finished(output.path, given.epochs)
    for name in (name for name in given.runs if name not in done):
        try:
            row = train(name, documents, test, given.folder, given.epochs)
        except TrainingInterrupted as stopped:
            print(stopped)
            return 130
        output.add("figurnov", {**row, "epochs": given.epochs})
        (given.folder / f"{name}.checkpoint").unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main())
