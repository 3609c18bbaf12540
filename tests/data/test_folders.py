"""Files and folders appear whole or not at all."""

import errno
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ntm_fast.data.folders import (
    clear_leftovers,
    known_fields,
    read_metadata,
    replacing_file,
    replacing_folder,
)

ROOT = Path(__file__).resolve().parents[2]


def half_written(path: Path) -> None:
    path.write_text("half")
    raise TypeError


def test_a_file_is_replaced_when_all_is_written(tmp_path: Path) -> None:
    target = tmp_path / "table.csv"
    for text in ("old", "new"):
        with replacing_file(target) as written:
            assert written.suffix == ".csv"
            written.write_text(text)
            written.chmod(0o600)  # as safetensors does
        assert target.read_text() == text
    (tmp_path / "ordinary").write_text("")
    assert target.stat().st_mode == (tmp_path / "ordinary").stat().st_mode
    with pytest.raises(TypeError), replacing_file(target) as written:
        half_written(written)
    assert target.read_text() == "new"
    assert sorted(os.listdir(tmp_path)) == ["ordinary", "table.csv"]


def test_a_folder_is_replaced_when_all_is_written(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "folder"
    for name in ("old", "new"):
        with replacing_folder(target) as written:
            (written / name).write_text("")
        assert os.listdir(target) == [name]
    with pytest.raises(TypeError), replacing_folder(target) as written:
        half_written(written / "half")
    assert os.listdir(target) == ["new"]
    assert os.listdir(target.parent) == ["folder"]


KILLED = """
import os, sys
from pathlib import Path
from ntm_fast.data import folders
def rename(a, b, real=os.rename):
    real(a, b)
    if sys.argv[2] == "moved":  # the old folder is out of the way, the new one not in place
        os.kill(os.getpid(), 9)
os.rename = rename
with folders.replacing_folder(Path(sys.argv[1])) as written:
    (written / "half").write_text("")
    if sys.argv[2] == "written":
        os.kill(os.getpid(), 9)
"""


@pytest.mark.parametrize("when", ["written", "moved"])
def test_leftovers_of_a_killed_run_are_cleared(tmp_path: Path, when: str) -> None:
    target = tmp_path / "corpus"
    target.mkdir()
    (target / "old").write_text("")
    (tmp_path / ".corpus.original").mkdir()  # nobody's but the user's
    done = subprocess.run([sys.executable, "-c", KILLED, str(target), when], cwd=ROOT)
    assert done.returncode == -signal.SIGKILL
    assert len(os.listdir(tmp_path)) == (3 if when == "written" else 2)
    clear_leftovers(tmp_path)
    assert sorted(os.listdir(tmp_path)) == [".corpus.original", "corpus"]
    assert os.listdir(target) == ["old"]


def test_errors_name_the_target(tmp_path: Path) -> None:
    target = tmp_path / "file"
    with (
        pytest.raises(OSError, match=rf"No space left on device: '{target}'"),
        replacing_file(target),
    ):
        raise OSError(errno.ENOSPC, "No space left on device")
    with (
        pytest.raises(FileNotFoundError, match=rf"No such file or directory: '{target}'"),
        replacing_folder(target) as written,
    ):
        (written / "absent" / "file").write_text("")
    with pytest.raises(FileNotFoundError, match=r"directory: 'absent'"), replacing_file(target):
        Path("absent").read_text()
    assert not os.listdir(tmp_path)


def test_what_others_write_is_left_alone(tmp_path: Path) -> None:
    with replacing_folder(tmp_path / "one") as one, replacing_folder(tmp_path / "one") as other:
        clear_leftovers(tmp_path)
        with replacing_file(tmp_path / "file") as file:
            file.write_text("")
        assert one.is_dir()
        assert other.is_dir()
    assert sorted(os.listdir(tmp_path)) == ["file", "one"]
    clear_leftovers(tmp_path / "nowhere")


def test_metadata_of_other_releases(tmp_path: Path) -> None:
    file = tmp_path / "thing.json"
    with pytest.raises(FileNotFoundError, match=r"is not a saved thing: .* does not exist"):
        read_metadata(file, "thing", 2)
    for version in (1, 2):  # older ones too
        file.write_text(json.dumps({"format": "ntm_fast thing", "version": version}))
        assert read_metadata(file, "thing", 2)["version"] == version
    for version, message in ((3, "has version 3, this release reads 2: a newer"), (0, "damaged")):
        file.write_text(json.dumps({"format": "ntm_fast thing", "version": version}))
        with pytest.raises(ValueError, match=message):
            read_metadata(file, "thing", 2)
    with pytest.raises(ValueError, match='expected "format": "ntm_fast other"'):
        read_metadata(file, "other", 2)
    assert known_fields(file, {"a": 1}, {"a", "b"}) == {"a": 1}
    with pytest.raises(ValueError, match=r"thing\.json has 'c', which this release does not know"):
        known_fields(file, {"a": 1, "c": 2}, {"a", "b"})
