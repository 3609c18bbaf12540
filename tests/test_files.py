"""Files and folders appear whole or not at all."""

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ntm_fast.files import (
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
        with replacing_folder(target, ["old"]) as written:
            (written / name).write_text("")
        assert os.listdir(target) == [name]
    with pytest.raises(TypeError), replacing_folder(target) as written:
        half_written(written / "half")
    assert os.listdir(target) == ["new"]
    assert os.listdir(target.parent) == ["folder"]


def users_things(folder: Path) -> None:
    """A user's own files beside ours."""
    (folder / "notes" / "deep").mkdir(parents=True)
    (folder / "notes" / "deep" / "thesis.tex").write_text("years")
    (folder / "theta.csv").write_text("hours")
    (folder / "empty").mkdir()
    (folder / "link").symlink_to("theta.csv")
    (folder / "broken").symlink_to("nowhere")
    (folder / "theta.csv").chmod(0o640)


def contents(folder: Path) -> dict[str, str]:
    """Every file and folder, and what is in it."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_symlink():
            found[name] = f"-> {os.readlink(path)}"
        else:
            found[name] = "folder" if path.is_dir() else path.read_text()
    return found


def test_what_is_not_ours_goes_along(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target, users = tmp_path / "model", tmp_path / "users"
    for folder in (target, users):
        folder.mkdir()
        users_things(folder)
    (target / "model.json").write_text("old")
    (target / "labels.txt").write_text("old, and none in the new one")
    kept = os.stat(target / "theta.csv")
    with replacing_folder(target, ("model.json", "labels.txt")) as written:
        (written / "model.json").write_text("new")
    expected = {"model.json": "new", **contents(users)}
    assert contents(target) == expected
    assert os.stat(target / "theta.csv").st_ino == kept.st_ino
    assert (target / "theta.csv").stat().st_mode == kept.st_mode

    def no_links(*args: object, **options: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr("os.link", no_links)  # such as on a stick
    with replacing_folder(target, ("model.json",)) as written:
        (written / "model.json").write_text("newer")
    assert contents(target) == {**expected, "model.json": "newer"}
    assert sorted(os.listdir(tmp_path)) == ["model", "users"]
    (target / "model.json").unlink()
    (target / "model.json").mkdir()
    with (
        pytest.raises(FileExistsError, match="is a folder"),
        replacing_folder(target, ("model.json",)) as written,
    ):
        (written / "model.json").write_text("newest")
    assert contents(target) == {**expected, "model.json": "folder"}


KILLED = """
import os, sys
from pathlib import Path
from ntm_fast import files
calls = []
def killing(call, real):
    def called(*args, **options):
        real(*args, **options)
        calls.append(call)
        if sys.argv[2] == f"{call} {calls.count(call)}":
            os.kill(os.getpid(), 9)
    return called
if sys.argv[2] == "remove":  # in the midst of clearing up
    def unlink(self, real=Path.unlink, **options):
        real(self, **options)
        os.kill(os.getpid(), 9)
    Path.unlink = unlink
os.rename, os.link = killing("rename", os.rename), killing("link", os.link)
with files.replacing_folder(Path(sys.argv[1]), ["old", "half"]) as written:
    (written / "half").write_text("")
    if sys.argv[2] == "written":
        os.kill(os.getpid(), 9)
"""


@pytest.mark.parametrize("when", ["written", "link 1", "link 3", "rename 1", "rename 2", "remove"])
def test_leftovers_of_a_killed_run_are_cleared(tmp_path: Path, when: str) -> None:
    target, users = tmp_path / "corpus", tmp_path / "users"
    for folder in (target, users):
        folder.mkdir()
        users_things(folder)
    (target / "old").write_text("")
    (tmp_path / ".corpus.original").mkdir()  # nobody's but the user's
    done = subprocess.run([sys.executable, "-c", KILLED, str(target), when], cwd=ROOT)
    assert done.returncode == -signal.SIGKILL
    # After the first rename the old folder is out of the way, the new one not in place.
    assert target.exists() == (when != "rename 1")
    clear_leftovers(tmp_path)
    assert sorted(os.listdir(tmp_path)) == [".corpus.original", "corpus", "users"]
    ours = {"half": ""} if when in ("rename 2", "remove") else {"old": ""}
    assert contents(target) == {**ours, **contents(users)}


def test_folders_that_are_only_named_like_leftovers_stay(tmp_path: Path) -> None:
    users = tmp_path / ".notes.ntm_fast-2026"
    users.mkdir()
    (tmp_path / ".empty.ntm_fast-2026").mkdir()
    (tmp_path / ".m.ntm_fast-12345678").mkdir()  # of a run killed before it marked it: empty
    (users / "old").write_text("thesis")  # the name that we give to what is moved away
    with replacing_folder(tmp_path / "m") as written:
        clear_leftovers(tmp_path)
        assert contents(users) == {"old": "thesis"}
        file = tmp_path / ".old.ntm_fast-abc"  # half of a file that was to be called "old"
        shutil.copytree(written.parent, file)  # unlocked, as of a run that was killed
    (file / "old").write_text("half")
    clear_leftovers(tmp_path)
    expected = [".empty.ntm_fast-2026", ".notes.ntm_fast-2026", "m"]
    assert sorted(os.listdir(tmp_path)) == expected


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
    file.write_text("[" * 100_000)
    with pytest.raises(ValueError, match=r"thing\.json is damaged: its JSON is nested too deeply"):
        read_metadata(file, "thing", 2)
    assert known_fields(file, {"a": 1}, {"a", "b"}) == {"a": 1}
    with pytest.raises(ValueError, match=r"thing\.json has 'c', which this release does not know"):
        known_fields(file, {"a": 1, "c": 2}, {"a", "b"})
