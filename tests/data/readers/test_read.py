from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp

from ntm_fast.data import Corpus, read

EYE = np.eye(3)
TEXT = "cats mice\nmice cats\nstars planets\nplanets stars\n"


def test_every_format_is_told_by_its_path(tmp_path: Path) -> None:
    saved = Corpus.from_scipy(EYE, ["a", "b", "c"])
    saved.save(tmp_path / "saved")
    assert read(tmp_path / "saved") == saved
    counts = tmp_path / "counts"
    counts.mkdir()
    (counts / "vocab.txt").write_text("a\nb\nc\n")
    sp.save_npz(counts / "m.npz", sp.csr_matrix(EYE))
    (counts / "m.feat").write_text("1 1:1\n1 2:1\n1 3:1\n")
    (counts / "docword.x.txt").write_text("3\n3\n3\n1 1 1\n2 2 1\n3 3 1\n")
    (counts / "vocab.x.txt").write_text("a\nb\nc\n")
    for name in ("m.npz", "m.feat", "docword.x.txt"):
        assert read(counts / name) == saved
    assert read(counts / "m.npz", vocabulary=["x", "y", "z"]).vocabulary == ("x", "y", "z")
    with pytest.raises(ValueError, match=r"name one, docword.x.txt, m.feat, m.npz"):
        read(counts)

    words = ("cats", "mice", "planets", "stars")
    texts = tmp_path / "texts"
    texts.mkdir()
    for number, line in enumerate(TEXT.splitlines()):
        (texts / f"{number}.txt").write_text(line)
    (tmp_path / "d.TXT").write_text(TEXT)
    (tmp_path / "d.csv").write_text("text\n" + TEXT)
    (tmp_path / "d.tsv").write_text("body\n" + TEXT)
    (tmp_path / "octis").mkdir()
    (tmp_path / "octis" / "corpus.tsv").write_text(TEXT.replace("\n", "\ttrain\tx\n"))
    for name, options in (
        ("texts", {}),
        ("d.TXT", {}),
        ("d.csv", {}),
        ("d.tsv", {"column": "body"}),
        ("octis", {"split": "train"}),
    ):
        corpus = read(tmp_path / name, **options)
        assert corpus.vocabulary == words
        assert len(corpus) == 4


def test_what_cannot_be_told_is_answered_with_what_is_accepted(tmp_path: Path) -> None:
    (tmp_path / "d.doc").write_text("x")
    (tmp_path / "empty").mkdir()
    for name in ("d.doc", "empty"):
        with pytest.raises(ValueError, match=rf"(?s)cannot tell .*{name}.*Accepted:.*\.jsonl"):
            read(tmp_path / name)
    with pytest.raises(FileNotFoundError, match=r"nowhere.txt does not exist"):
        read(tmp_path / "nowhere.txt")
    Corpus.from_scipy(EYE).save(tmp_path / "saved")
    with pytest.raises(TypeError, match="takes no option 'min_df'"):
        read(tmp_path / "saved", min_df=3)
