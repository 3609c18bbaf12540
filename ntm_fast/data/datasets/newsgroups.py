"""20 Newsgroups, fetched by scikit-learn."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Literal
from urllib.error import URLError

from ntm_fast.data.corpus import Corpus
from ntm_fast.data.origin import Origin
from ntm_fast.data.text.vectorise import TextOptions, documents_of, vectorise_documents
from ntm_fast.files import path_of

if TYPE_CHECKING:
    from typing_extensions import Unpack


def newsgroups(
    subset: Literal["train", "test", "all"] = "all",
    *,
    remove: tuple[str, ...] = ("headers", "footers", "quotes"),
    data_home: str | os.PathLike[str] | None = None,
    **options: Unpack[TextOptions],
) -> Corpus:
    """The 20 Newsgroups posts, labelled by group, through `sklearn.datasets.fetch_20newsgroups`.

    The first call downloads 14 MB, which scikit-learn keeps in `data_home`. `options` are those
    of `vectorise`; here min_df is 10 and max_features 10,000 unless given. To count a test set
    with the words of a training set, pass ``vocabulary=train.vocabulary``.

    Raises ConnectionError where the posts are not on this machine and cannot be fetched.
    """
    from sklearn.datasets import fetch_20newsgroups

    try:
        posts = fetch_20newsgroups(
            subset=subset,
            remove=remove,
            data_home=None if data_home is None else str(path_of(data_home)),
        )
    except (URLError, ConnectionError, TimeoutError) as error:
        raise ConnectionError(
            f"20 Newsgroups must be downloaded once, which needs the network: {error}. "
            "Offline, ntm_fast.data.datasets.docstrings() gives a corpus of real text"
        ) from error
    names = posts.target_names
    settings: TextOptions = {"min_df": 10, "max_features": 10_000}
    settings.update(options)
    documents = documents_of(posts.data, [names[target] for target in posts.target])
    asked = {"subset": subset, "remove": list(remove)}
    return vectorise_documents(documents, Origin("20 Newsgroups", asked), **settings)
