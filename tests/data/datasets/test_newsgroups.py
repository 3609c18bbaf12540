from typing import Any
from urllib.error import URLError

import pytest
import sklearn.datasets
from sklearn.utils import Bunch

from ntm_fast.data.datasets import newsgroups

POSTS = ["goalie scores puck"] * 10 + ["orbit shuttle launch"] * 10 + ["unseen"]


def test_posts_are_counted_and_labelled(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, Any] = {}

    def fetch(**options: Any) -> Bunch:
        asked.update(options)
        names = ["rec.sport.hockey", "sci.space"]
        return Bunch(data=POSTS, target=[0] * 10 + [1] * 11, target_names=names)

    monkeypatch.setattr(sklearn.datasets, "fetch_20newsgroups", fetch)
    corpus = newsgroups("train", max_df=1.0)
    assert corpus.vocabulary == ("goalie", "launch", "orbit", "puck", "scores", "shuttle")
    assert corpus.labels == ("rec.sport.hockey",) * 10 + ("sci.space",) * 11
    assert asked["subset"] == "train"
    assert newsgroups(vocabulary=["puck"]).n_tokens == 10


def test_no_network_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def fetch(**_: Any) -> Bunch:
        raise URLError("Name or service not known")

    monkeypatch.setattr(sklearn.datasets, "fetch_20newsgroups", fetch)
    with pytest.raises(ConnectionError, match=r"needs the network.*Name or service not known"):
        newsgroups()
