import gzip
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ntm_fast.data import Corpus, read_folder, read_octis, read_table, read_text
from ntm_fast.data.text_files import lines

LINES = ["Cats chase mice", "", "mice fear cats", "planets orbit stars", "stars, planets"]
TEXT = "\n".join(LINES) + "\n"
WORDS = ("cats", "mice", "planets", "stars")


def lengths(corpus: Corpus) -> Any:
    return corpus.document_lengths.tolist()


@pytest.mark.parametrize("name", ["d.txt", "d.txt.gz"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_line_is_a_document(tmp_path: Path, name: str, end: str) -> None:
    data = b"\xef\xbb\xbf" + TEXT.replace("\n", end).encode()
    (tmp_path / name).write_bytes(gzip.compress(data) if name.endswith("gz") else data)
    corpus = read_text(tmp_path / name, labels=list("abcde"))
    assert corpus.vocabulary == WORDS
    assert lengths(corpus) == [2, 0, 2, 2, 2]
    assert corpus.labels == tuple("abcde")


def test_a_file_is_a_document(tmp_path: Path) -> None:
    for number, line in enumerate(LINES):
        file = tmp_path / ("animals" if number < 3 else "space") / f"{number}.txt"
        file.parent.mkdir(exist_ok=True)
        file.write_text(line)
    corpus = read_folder(tmp_path)
    assert corpus.vocabulary == WORDS
    assert corpus.labels == ("animals",) * 3 + ("space",) * 2
    assert corpus.document_ids is not None
    assert corpus.document_ids[3] == "space/3.txt"
    assert read_folder(tmp_path / "space", min_df=1, max_df=1.0).labels is None
    with pytest.raises(FileNotFoundError, match=r"no file that matches pattern='\*.md'"):
        read_folder(tmp_path, "*.md")


def test_bytes_that_cannot_be_decoded_are_named(tmp_path: Path) -> None:
    file = tmp_path / "d.txt"
    file.write_bytes("cats mice\ncats café mice\n".encode("latin-1") + b"dogs\ndogs\n")
    with pytest.raises(ValueError, match=r"d.txt: cannot decode byte 0xe9 on line 2 \(byte 18 of"):
        read_text(file)
    assert read_text(file, errors="replace").vocabulary == ("cats", "dogs", "mice")
    assert "café" in read_text(file, encoding="latin-1", min_df=1).vocabulary
    with pytest.raises(ValueError, match="cannot decode byte 0xe9"):
        read_folder(tmp_path)


@given(st.text(st.sampled_from("ab\r\n\u2028é"), min_size=1), st.sampled_from(["utf-8", "utf-16"]))
def test_lines_are_those_of_open(
    tmp_path_factory: pytest.TempPathFactory, text: str, encoding: str
) -> None:
    file = tmp_path_factory.mktemp("lines") / "d.txt"
    file.write_bytes(text.encode(encoding))
    with open(file, encoding=encoding, newline="") as opened:
        assert [line for _, line in lines(file, encoding)] == list(opened)


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
@pytest.mark.parametrize("before", [0, 1, 700, 9000])  # in any of the blocks that are decoded
def test_the_place_of_a_byte_that_cannot_be_decoded(
    tmp_path: Path, end: bytes, before: int
) -> None:
    start = b"\xef\xbb\xbf" + end.join([b"caf\xc3\xa9"] * before + [b"cats "])
    data = start + b"\xff" + end
    (tmp_path / "d.txt").write_bytes(data)
    (tmp_path / "d.txt.gz").write_bytes(gzip.compress(data))
    place = f"byte 0xff on line {before + 1} \\(byte {len(start)} of the file\\) as utf-8"
    for name in ("d.txt", "d.txt.gz"):
        with pytest.raises(ValueError, match=f"{name}: cannot decode {place}"):
            read_text(tmp_path / name)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32"])
def test_encodings_whose_lines_do_not_end_as_in_ascii(tmp_path: Path, encoding: str) -> None:
    file = tmp_path / "d.txt"
    text = "cats \u010a mice\r\ncats café\nmice café\n"  # whose bytes hold 0x0a
    file.write_bytes(text.encode(encoding))
    corpus = read_text(file, encoding=encoding, max_df=1.0)
    assert (len(corpus), corpus.vocabulary) == (3, ("café", "cats", "mice"))
    file.write_bytes(text.encode(encoding)[:-3])
    with pytest.raises(ValueError, match=r"d.txt: cannot decode what follows line 2"):
        read_text(file, encoding=encoding)


@pytest.mark.parametrize("reader", [read_text, read_folder, read_octis])
def test_missing_files_are_named(tmp_path: Path, reader: Any) -> None:
    with pytest.raises(FileNotFoundError, match="nowhere does not exist"):
        reader(tmp_path / "nowhere")


def test_empty_damaged_and_misplaced_files_are_named(tmp_path: Path) -> None:
    (tmp_path / "d.txt").write_text("")
    with pytest.raises(ValueError, match=r"d.txt is empty"):
        read_text(tmp_path / "d.txt")
    (tmp_path / "cut.txt.gz").write_bytes(gzip.compress(TEXT.encode() * 99)[:-20])
    with pytest.raises(ValueError, match=r"cut.txt.gz is damaged or truncated after line \d+"):
        read_text(tmp_path / "cut.txt.gz")
    (tmp_path / "no.txt.gz").write_text(TEXT)
    with pytest.raises(ValueError, match=r"no.txt.gz is damaged"):
        read_text(tmp_path / "no.txt.gz")
    with pytest.raises(ValueError, match="is a folder, expected a file"):
        read_text(tmp_path)
    (tmp_path / "one.txt").write_text("the\n")
    with pytest.raises(ValueError, match=r"one.txt: no words are left"):
        read_text(tmp_path / "one.txt")


OCTIS = "cats chase mice\ttrain\tanimals\nstars Star\ttest\tspace\nmice cats\tval\tanimals\n"


def test_octis_folder(tmp_path: Path) -> None:
    (tmp_path / "corpus.tsv").write_text(OCTIS)
    assert read_octis(tmp_path).vocabulary == ("Star", "cats", "chase", "mice", "stars")
    (tmp_path / "vocabulary.txt").write_text("mice\ncats\nstars\n")
    corpus = read_octis(tmp_path)
    assert corpus.vocabulary == ("mice", "cats", "stars")
    assert lengths(corpus) == [2, 1, 2]
    assert corpus.labels == ("animals", "space", "animals")
    assert lengths(read_octis(tmp_path, split="test")) == [1]
    with pytest.raises(ValueError, match=r"split='dev', found \['test', 'train', 'val'\]"):
        read_octis(tmp_path, split="dev")
    (tmp_path / "corpus.tsv").unlink()
    with pytest.raises(FileNotFoundError, match=r"corpus.tsv does not exist"):
        read_octis(tmp_path)


def test_named_options_reach_the_vectoriser(tmp_path: Path) -> None:
    (tmp_path / "d.csv").write_text("text\ncats\n")
    with pytest.raises(TypeError, match="unknown option 'min_fd'"):
        read_table(tmp_path / "d.csv", "text", min_fd=2)  # type: ignore[call-arg]
