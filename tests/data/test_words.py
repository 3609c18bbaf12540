import numpy as np
import pytest
from sklearn.feature_extraction.text import CountVectorizer

from ntm_fast.data import Corpus, select_words

TEXTS = ["the red fox", "the red red hen", "the blue hen", "the sky", "fox hen sky the"]


def counted() -> Corpus:
    vectoriser = CountVectorizer()
    matrix = vectoriser.fit_transform(TEXTS)
    return Corpus.from_scipy(matrix, vectoriser.get_feature_names_out().tolist(), list("abcde"))


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"min_df": 2},
        {"min_df": 0.4},
        {"max_df": 3},
        {"max_df": 0.6},
        {"stop_words": ["red", "hen"]},
        {"stop_words": "english"},
        {"max_features": 3},
        {"min_df": 2, "max_df": 0.9, "max_features": 2},
    ],
)
def test_words_are_those_of_scikit_learn(options: dict[str, object]) -> None:
    vectoriser = CountVectorizer(**options)
    expected = vectoriser.fit_transform(TEXTS).toarray()
    found = select_words(counted(), **options)  # type: ignore[arg-type]
    assert found.vocabulary == tuple(vectoriser.get_feature_names_out())
    np.testing.assert_array_equal(found.to_scipy().toarray(), expected)
    assert found.labels == tuple("abcde")


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"min_df": 0}, ValueError, "min_df is 0; expected >= 1"),
        ({"max_df": 1.5}, ValueError, "max_df is 1.5; expected a share"),
        ({"min_df": "2"}, TypeError, "min_df is '2'; expected a number"),
        ({"stop_words": "klingon"}, ValueError, "stop_words is 'klingon'"),
        ({"max_features": 0}, ValueError, "max_features is 0; expected >= 1"),
        ({"min_df": 6}, ValueError, "no words are left"),
    ],
)
def test_bad_input(options: dict[str, object], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        select_words(counted(), **options)  # type: ignore[arg-type]
