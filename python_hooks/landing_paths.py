"""Finding the files that a user's paths, folders and patterns name."""

import glob
import itertools
import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from python_hooks.errors import EncoreError

# What is looked for in folders and archives; a file that is named may be called otherwise.
EXTENSIONS = (".csv", ".csv.gz", ".json", ".json.gz", ".jsonl", ".jsonl.gz")


def find_files(paths: Iterable[str | Path]) -> list[Path]:
    """The regular files that paths name, sorted, each once.

    Args:
        paths: Files, folders (searched for CSV, JSON and zip files at any depth, through
            links, hidden files left out) and glob patterns. `**` is no more than `*`: it
            would follow links in circles.

    Raises:
        EncoreError: A path names nothing, or something that is no file or folder.
    """
    found: dict[tuple[int, int], Path] = {}
    for path in itertools.chain.from_iterable(_expand(str(given)) for given in paths):
        try:
            status = path.stat()
        except OSError as error:
            raise _unreadable(path, error) from error
        if not stat.S_ISREG(status.st_mode):
            raise EncoreError(
                f"{shown(path)} is no regular file.",
                "Save what it delivers to a file, and land that: files are read twice.",
            )
        # The same file by two ways (a link, a folder and its parent) is landed once.
        key = (status.st_dev, status.st_ino)
        found[key] = min(path, found.get(key, path))
    return sorted(found.values())


def _expand(given: str) -> Iterator[Path]:
    if _exists(given):
        matches = [given]
    elif glob.has_magic(given):
        # Path.glob takes no absolute pattern.
        matches = glob.glob(given)  # noqa: PTH207
        if not matches:
            raise EncoreError(
                f"Nothing matches {shown(given)}.", "Check the pattern with `ls`."
            )
    else:
        raise EncoreError(f"{shown(given)} does not exist.", "Check the path.")
    for name in matches:
        path = Path(name)
        try:
            is_folder = path.is_dir()
        except OSError as error:
            raise _unreadable(name, error) from error
        if is_folder:
            yield from _files_in(path)
        else:
            yield path


def _exists(given: str) -> bool:
    """Whether there is a file, folder or link; a path that may not be seen is an error."""
    try:
        os.lstat(given)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise _unreadable(given, error) from error
    return True


def _unreadable(path: str | Path, error: OSError) -> EncoreError:
    return EncoreError(
        f"Cannot read {shown(path)}: {error.strerror}.",
        "`ls -ld` shows what it is, and whose.",
    )


def _files_in(folder: Path) -> Iterator[Path]:
    def refuse(error: OSError) -> None:
        raise _unreadable(error.filename, error) from error

    seen: set[tuple[int, int]] = set()
    empty = True
    for parent, folders, names in os.walk(folder, onerror=refuse, followlinks=True):
        status = Path(parent).stat()
        if (status.st_dev, status.st_ino) in seen:
            folders.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in names:
            if name.lower().endswith((*EXTENSIONS, ".zip")) and not name.startswith("."):
                empty = False
                yield Path(parent, name)
    if empty:
        raise EncoreError(
            f"{shown(folder)} holds no *.csv, *.json, *.jsonl (or .gz of them) and no *.zip, "
            "at any depth.",
            "Name the files themselves if they are called otherwise.",
        )


def shown(path: str | Path) -> str:
    """A path as text; bytes of a name that are not UTF-8 as backslash escapes."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")
