"""Releases of artifacts: the folders that built artifacts are read from.

All artifacts of one build form a folder that never changes:

    artifacts/releases/000007/   track_vectors.faiss, track_vectors.faiss.json, …
    artifacts/releases/000008/   the same files, linked; *.delta; release.json
    artifacts/current            link to the folder that is read

A build stores the next folder; when the marts it was made from are published, it is
completed: a folder of links to it, with what speed runs added, and a note that says of
which release it is. Then the link is replaced, which is the one moment in which anything
changes for readers: a new file never meets an old receipt. Folders of marts that one can
go back to are kept.
"""

import dataclasses
import errno
import fcntl
import json
import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from python_hooks.durable import sync
from python_hooks.errors import EncoreError
from python_hooks.home import Home

DELTA = ".delta"
_NOTE = "release.json"


@dataclass(frozen=True)
class Note:
    """Of which release of the marts a folder is.

    Attributes:
        release: Id of the release.
        batch: Last batch of its batch layer.
        upto: Last batch that its deltas have seen.
        deltas: Paths of the artifacts that have a delta beside them.
    """

    release: str
    batch: int = 0
    upto: int = 0
    deltas: tuple[str, ...] = ()


def delta_path(path: Path) -> Path:
    """Where the delta of the artifact at `path` is: `<path>.delta`."""
    return path.with_name(path.name + DELTA)


def read_note(folder: Path) -> Note | None:
    """The note of a folder; None where it was never released.

    Raises:
        EncoreError: It cannot be read.
    """
    try:
        content = json.loads((folder / _NOTE).read_bytes())
        return Note(**content | {"deltas": tuple(content["deltas"])})
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise EncoreError(
            f"{folder / _NOTE} is damaged ({type(error).__name__}: {error}).",
            "Run `encore artifacts build` to build the artifacts again.",
        ) from error


@contextmanager
def completed(base: Path, note: Note, home: Home) -> Iterator[Path]:
    """A folder of links to the files of `base`, to add deltas to; the last is the note.

    One process at a time, under the speed lock. The folder is stored by `store_release`
    before the block ends, or it is gone.
    """
    folder = home.artifacts / "completing"
    shutil.rmtree(folder, ignore_errors=True)
    try:
        for path in base.rglob("*"):
            target = folder / path.relative_to(base)
            if path.is_dir():
                target.mkdir(parents=True, exist_ok=True)
            elif DELTA not in path.suffixes and path.name != _NOTE:
                target.parent.mkdir(parents=True, exist_ok=True)
                target.hardlink_to(path)
        (folder / _NOTE).write_text(json.dumps(dataclasses.asdict(note), indent=2) + "\n")
        yield folder
    except OSError as error:
        raise EncoreError(
            f"The artifacts cannot be written to {home.artifacts}: {error}. The marts are "
            f"published as {note.release}; the artifacts stay as they were.",
            "Mend that; the next speed run writes them.",
        ) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def current_release(home: Home) -> Path:
    """The folder of the release that is read; whoever has it keeps to that release."""
    return (home.artifacts / "current").resolve()


@contextmanager
def building_folder(home: Home) -> Iterator[Path]:
    """An empty folder to build in, while no other build of artifacts runs."""
    folder = home.artifacts / "building"
    try:
        home.artifacts.mkdir(parents=True, exist_ok=True)
        # The lock ends with its process, however that ends.
        with (home.artifacts / "build.lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            try:
                yield folder
            finally:
                shutil.rmtree(folder, ignore_errors=True)
    except BlockingIOError:
        raise EncoreError(
            f"Another build of artifacts runs in {home.artifacts}.",
            "Wait for it to end, then run `encore artifacts build`.",
        ) from None
    except OSError as error:
        raise EncoreError(
            f"The artifacts cannot be written to {home.artifacts}: {error}.",
            "Mend that, then run `encore artifacts build`. Nothing was released.",
        ) from error


def store_release(folder: Path, home: Home) -> Path:
    """Stores the built folder durably under the next number; nobody reads it yet."""
    for path in (*folder.rglob("*"), folder):
        sync(path)
    release = home.artifacts / "releases" / "000000"
    release.parent.mkdir(exist_ok=True)
    while True:
        numbers = [int(path.name) for path in stored_releases(home)]
        release = release.with_name(f"{max(numbers, default=0) + 1:06d}")
        try:
            folder.rename(release)
        except OSError as error:
            # A batch and a speed run may store at the same moment.
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
        else:
            sync(release.parent)
            return release


def stored_releases(home: Home) -> list[Path]:
    """The folders of all stored releases, the newest first."""
    found = (home.artifacts / "releases").glob("*")
    return sorted((path for path in found if path.name.isdecimal()), reverse=True)


def point_to(
    release: Path, home: Home, kept: Collection[Path], *, sweep: bool = True
) -> None:
    """Makes a stored release the current one, and removes what is not kept.

    The release before stays for readers that resolved the link a moment ago.

    Args:
        release: The folder.
        home: The installation.
        kept: Folders that one may go back to.
        sweep: Whether to remove folders too that were never released: a batch that runs
            beside a speed run has stored one, and not yet published it.
    """
    before = current_release(home)
    if before != release.resolve():
        link = home.artifacts / "current.new"
        link.unlink(missing_ok=True)
        link.symlink_to(release.relative_to(home.artifacts))
        link.replace(home.artifacts / "current")
        sync(home.artifacts)
    stay = {path.resolve() for path in (before, release, *kept)}
    for stored in stored_releases(home):
        if stored.resolve() not in stay and (sweep or (stored / _NOTE).exists()):
            shutil.rmtree(stored)
