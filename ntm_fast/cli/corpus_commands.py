"""The command that reads text: corpus."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from ntm_fast.cli.app import (
    NOTHING_GIVEN,
    AsJson,
    Reading,
    Source,
    command,
)
from ntm_fast.cli.support import (
    document_counter,
    document_frequency,
    given,
)
from ntm_fast.report import facts_as_text


@command(example="ntm-fast corpus reviews.csv --column text --min-df 5 --output reviews")
def corpus(
    source: Source,
    output: Annotated[Path | None, typer.Option(help="Folder to save the corpus to.")] = None,
    overwrite: Annotated[
        bool,
        typer.Option(
            "--overwrite", help="Replace a corpus in that folder; other files there stay."
        ),
    ] = False,
    vocabulary: Annotated[
        Path | None, typer.Option(help="File of the words to count, one per line.")
    ] = None,
    min_df: Annotated[
        str | None,
        typer.Option(help="Leave out words in fewer documents than this: 5, or a share, 0.01."),
    ] = None,
    max_df: Annotated[
        str | None,
        typer.Option(help="Leave out words in more documents than this: 1000, or a share, 0.5."),
    ] = None,
    max_features: Annotated[
        int | None, typer.Option(min=1, help="Keep only this many words, the most frequent.")
    ] = None,
    reading: Reading = NOTHING_GIVEN,
    label_column: Annotated[str | None, typer.Option(help="Column of labels.")] = None,
    id_column: Annotated[str | None, typer.Option(help="Column of document ids.")] = None,
    quoting: Annotated[
        str | None,
        typer.Option(
            help="Quotes in CSV and TSV: minimal (default for CSV) or none (default for TSV)."
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(min=1, help="Processes that read text; by default one per core, up to 8."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Read a corpus, print its size, and save it for training.

    With --output, text of any length is counted in bounded memory. SOURCE may be -, for standard
    input: zcat *.gz | ntm-fast corpus - --output reviews
    """
    from ntm_fast.data.readers.read import read_named

    options = {
        **reading,
        **given(
            vocabulary=vocabulary,
            min_df=document_frequency("--min-df", min_df),
            max_df=document_frequency("--max-df", max_df),
            max_features=max_features,
            label_column=label_column,
            id_column=id_column,
            quoting=quoting,
        ),
    }
    with document_counter() as progress:
        work = {"n_jobs": workers, "progress": progress, "output": output, "overwrite": overwrite}
        found = read_named(source, work, **options)
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
    if found.origin is not None:
        facts["made"] = found.origin.as_dict() if as_json else found.origin.describe()
    if output is not None:
        facts["saved to"] = str(output)
    print(json.dumps(facts, indent=1) if as_json else facts_as_text(facts))
