"""The definition of a word in every script; in English it equals a plain expression."""

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ntm_fast.data import datasets, vectorise
from ntm_fast.data.text.writing import letters_without_blanks, normalised, words_of

PLAIN = re.compile(r"\b[^\W\d_]{3,}\b").findall  # what English always was
ALL = {"min_df": 1, "max_df": 1.0, "stop_words": None}


def words(text: str) -> list[str]:
    return words_of(normalised(text, lowercase=True))


@pytest.mark.parametrize(
    "text",
    [
        "आधुनिक मानक हिन्दी भाषा",
        "தமிழ் மொழி இலக்கியம்",
        "বাংলা ভাষা আন্দোলন",
        "తెలుగు భాషా చరిత్ర",
        "العَرَبِيَّة لُغَةٌ سامية",
        "שָׁלוֹם עולם ירושלים",
        "می\u200cخواهم کتاب",
        "한국 사람 문학",
        "帮助 消息 中文",
        "ひらがな カタカナ",
        "አማርኛ ቤት",
        "ქართული ენა",
        "𞤢𞤣𞤤𞤢𞤥 𑄌𑄋𑄴𑄟𑄳𑄦",
        "straße größer écrire",
        "việt ngữ".upper().lower() + " đường",
    ],
)
def test_words_are_what_stands_between_blanks(text: str) -> None:
    assert words(text) == unicodedata.normalize("NFC", text).split()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("cafe\u0301 re\u0301sume\u0301 nai\u0308ve", ["café", "résumé", "naïve"]),
        ("Cafe\u0301 CAFÉ café", ["café"] * 3),
        ("İstanbul I\u0307zmir ISTANBUL", ["istanbul", "izmir", "istanbul"]),
        ("İstanbul".lower(), ["istanbul"]),
        ("ΟΔΟΣ", ["οδος"]),
        ("co\u00adoperate", ["cooperate"]),
        ("❤\ufe0flove it’s don’t", ["love", "don"]),
        ("x1 names_like_this हिन्दी1 _नाम 1नाम fine", ["fine"]),
        ("ab of I", []),
        ("م و من", []),
        ("的 이 人", []),
        ("ᏣᎳ ꭰꭱ ｶﾞｽ ﾊﾟﾝ ꬁꬂ", ["ꮳꮃ", "ꭰꭱ", "ｶﾞｽ", "ﾊﾟﾝ", "ꬁꬂ"]),
        ("end\u200d \u200cstart", ["end", "start"]),
        ("\u0301 \u093e \u0301abc", ["abc"]),
    ],
)
def test_words_of(text: str, expected: list[str]) -> None:
    assert words(text) == expected


@given(st.text(st.characters(max_codepoint=0x17F, exclude_categories=("Cs",)), max_size=60))
def test_latin_is_as_a_plain_expression_finds_it(text: str) -> None:
    text = text.replace("\xad", "").replace("İ", "i")
    text = unicodedata.normalize("NFC", text)
    assert words(text) == PLAIN(text.lower())


@given(st.text(max_size=40))
def test_any_text(text: str) -> None:
    composed = normalised(text, lowercase=True)
    found = words_of(composed)
    assert words(unicodedata.normalize("NFD", text)) == words(unicodedata.normalize("NFC", text))
    for word in found:
        assert word in composed
        assert word[0].isalpha()
        assert not any(sign.isdecimal() or sign == "_" or sign.isspace() for sign in word)
        assert words_of(word) == [word]


def test_english_docstrings_word_for_word() -> None:
    corpus = datasets.docstrings(
        packages=["numpy"], remove_stop_words=False, max_df=1.0, min_df=1, cache=False
    )
    assert all(PLAIN(word) == [word] for word in corpus.vocabulary)
    import numpy

    texts = [text for text in (f.__doc__ for f in vars(numpy).values()) if text]
    assert sum(map(len, texts)) > 100_000
    for text in texts:
        assert words(text) == PLAIN(text.lower())


def test_newsgroups_word_for_word() -> None:
    from sklearn.datasets import fetch_20newsgroups

    try:
        posts = fetch_20newsgroups(subset="all", download_if_missing=False).data
    except OSError:
        pytest.skip("20 Newsgroups is not on this machine")
    for text in posts:
        assert words(text) == PLAIN(text.lower())


def test_scripts_without_blanks_are_told() -> None:
    assert letters_without_blanks("ab 帮助消息") == (6, 4)
    assert letters_without_blanks("ที่นี่ ๑๒") == (2, 2)  # neither marks nor digits
    with pytest.warns(UserWarning, match=r"100% of the letters .*no blanks.*tokenizer="):
        vectorise(["此选项会覆盖帮助消息", "帮助消息等输出"], **ALL)  # type: ignore[arg-type]
    texts = ["deep learning 学习", "english with one 字"]
    assert vectorise(texts, **ALL).n_words == 6  # type: ignore[arg-type]
    spaced = vectorise(["帮助 消息"], token_pattern=r"\S+", **ALL)  # type: ignore[arg-type]
    assert spaced.vocabulary == ("帮助", "消息")
