"""Folders of the OCTIS library: corpus.tsv (text, split, label) and vocabulary.txt."""

from __future__ import annotations

import os

from ntm_fast.data.corpus import Corpus
from ntm_fast.data.origin import Origin
from ntm_fast.data.text.vectorise import documents_of, vectorise_documents
from ntm_fast.data.text_files import existing, lines, named


def read_octis(folder: str | os.PathLike[str], split: str | None = None) -> Corpus:
    """A corpus of an OCTIS folder: words are what white space separates in corpus.tsv.

    `split` ("train", "val" or "test") keeps only the documents that the file marks so.
    Without vocabulary.txt every word of the texts counts. Raises FileNotFoundError or
    ValueError naming the file and line.
    """
    root = existing(folder, folder=True)
    table = existing(root / "corpus.tsv")
    texts: list[str] = []
    labels: list[str] = []
    found: set[str] = set()
    for number, line in lines(table):
        fields = line.rstrip("\r\n").split("\t")
        if split is not None and len(fields) < 2:
            raise ValueError(f"{table}, line {number}: no split, expected text, split and label")
        found.update(fields[1:2])
        if split is None or fields[1] == split:
            texts.append(fields[0])
            labels.append(fields[2].strip() if len(fields) > 2 else "")
    if not texts:
        raise ValueError(f"{table}: no document has split={split!r}, found {sorted(found)}")
    vocabulary = root / "vocabulary.txt"
    with named(table):
        return vectorise_documents(
            documents_of(texts, labels if any(labels) else None),
            Origin("an OCTIS folder", {"split": split}),
            vocabulary=vocabulary if vocabulary.exists() else None,
            min_df=1,
            max_df=1.0,
            stop_words=None,
            token_pattern=r"\S+",
            lowercase=False,
        )
