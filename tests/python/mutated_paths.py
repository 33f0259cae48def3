"""What stands where a file should be, and cannot be read."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

CONTENT = "id,timestamp\na,2024-01-02\n"


@dataclass(frozen=True)
class PathCase:
    """Something that is not a file one may read.

    Attributes:
        what: What it is, in words.
        make: Makes it in a folder; returns the path that a user would name.
        refused: Text of the message.
    """

    what: str
    make: Callable[[Path], Path]
    refused: str


def _folder(folder: Path) -> Path:
    locked = folder / "locked"
    locked.mkdir()
    (locked / "a.csv").write_text(CONTENT)
    return locked


def _locked_folder(folder: Path) -> Path:
    locked = _folder(folder)
    locked.chmod(0)
    return locked


def _in_locked_folder(folder: Path) -> Path:
    return _locked_folder(folder) / "a.csv"


def _linked_into_locked_folder(folder: Path) -> Path:
    link = folder / "link.csv"
    link.symlink_to(_in_locked_folder(folder))
    return link


def _unlisted_folder(folder: Path) -> Path:
    """Its names can be read, what they name cannot."""
    locked = _folder(folder)
    locked.chmod(0o444)
    return locked


def _locked_file(folder: Path) -> Path:
    path = _folder(folder) / "a.csv"
    path.chmod(0)
    return path


def _pipe(folder: Path) -> Path:
    os.mkfifo(folder / "pipe.csv")
    return folder / "pipe.csv"


def _pipe_in_folder(folder: Path) -> Path:
    return _pipe(folder).parent


def _loop(folder: Path) -> Path:
    (folder / "loop.csv").symlink_to("loop.csv")
    return folder / "loop.csv"


def _link_to_nothing(folder: Path) -> Path:
    (folder / "link.csv").symlink_to("nowhere.csv")
    return folder / "link.csv"


def _no_csv(folder: Path) -> Path:
    (folder / "a.txt").write_text(CONTENT)
    return folder


PATHS = (
    PathCase("a folder without permission", _locked_folder, "Permission denied"),
    PathCase("a file in such a folder", _in_locked_folder, "Permission denied"),
    PathCase("a link into such a folder", _linked_into_locked_folder, "Permission denied"),
    PathCase("a folder that may only be listed", _unlisted_folder, "Permission denied"),
    PathCase("a file without permission", _locked_file, "Permission denied"),
    PathCase("a pipe", _pipe, "is no regular file"),
    PathCase("a folder with a pipe called .csv", _pipe_in_folder, "is no regular file"),
    PathCase("a link to itself", _loop, "Too many levels of symbolic links"),
    PathCase("a link to nothing", _link_to_nothing, "No such file or directory"),
    PathCase("a folder without a CSV file", _no_csv, "holds no *.csv"),
    PathCase("a path of nothing", lambda folder: folder / "a.csv", "does not exist"),
)
