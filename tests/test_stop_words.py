"""The study of stop words: its page, and what it counts."""

import numpy as np
import pytest

from benchmarks import stop_words
from ntm_fast.data.text import vectorise


def test_a_page_of_made_up_text(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(0)
    fields = [
        ["apple", "pear", "plum", "cherry", "grape", "melon", "lemon", "fig"],
        ["iron", "copper", "zinc", "silver", "nickel", "gold", "lead", "steel"],
    ]
    common = ["the", "and", "this", "with", "are", "that", "for", "from"]
    texts = [
        " ".join([*random.choice(fields[d % 2], 12), *random.choice(common, 20)]) for d in range(80)
    ]
    text = vectorise(texts, max_df=1.0, stop_words=None)
    assert set(common) < set(text.vocabulary)
    monkeypatch.setattr(stop_words, "N_TOPICS", 2)
    chosen = [stop_words.TREATMENTS[i] for i in (0, 1, 3)]  # each word is in a tenth of the texts
    rows = [stop_words.measure(treatment, text, epochs=3) for treatment in chosen]
    by_list = rows[1]
    assert (by_list["words"], by_list["stop words"]) == ("16", "0%")
    assert rows[0]["words"] == "24"
    assert rows[0]["stop words"] != "0%"
    assert all(len(row["topics"]) == 2 for row in rows)


def test_the_page_holds_all_treatments(monkeypatch: pytest.MonkeyPatch) -> None:
    row = {"model": "M", "left out": "nothing", "background": "no", "topics": [["a", "b"]]}
    monkeypatch.setattr(stop_words, "measure", lambda *args: row)
    text = stop_words.page(vectorise(["apples pears", "apples pears"], max_df=1.0))
    assert text.count("| M | nothing | no |") == len(stop_words.TREATMENTS)
    assert "2 documents, 2 words" in text
