"""Releases of artifacts: the folders that built artifacts are read from.

All artifacts of one build form a folder that never changes:

    artifacts/releases/000007/   track_vectors.faiss, its receipt .json, …, release.json
    artifacts/releases/000008/   the same files, linked; *.delta; another release.json
    artifacts/current            link to the folder that is read

A build stores the next folder; when the marts it was made from are published, it is
completed: a folder of links to it, with what speed runs added, and a note that says of
which release it is. Then the link is replaced, which is the one moment in which anything
changes for readers: a new file never meets an old receipt. Folders of marts that one can
go back to are kept.
"""

import errno
import fcntl
import shutil
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from python_hooks import release_note
from python_hooks.durable import sync
from python_hooks.errors import DamagedError, EncoreError
from python_hooks.home import Home
from python_hooks.recorded_files import REBUILD
from python_hooks.release_note import Note

DELTA = ".delta"


def delta_path(path: Path) -> Path:
    """Where the delta of the artifact at `path` is: `<path>.delta`."""
    return path.with_name(path.name + DELTA)


def complete(base: Path, note: Note, home: Home, add: Callable[[Path], None]) -> Path:
    """Stores a folder of links to the files of `base`, with what `add` puts beside them.

    One process at a time, under the speed lock. What `add` writes at a `delta_path` gets
    into the note, which is written last.

    Returns:
        The stored folder, to release.

    Raises:
        DamagedError: The note of `base` cannot be read.
        EncoreError: The folder cannot be written.
    """
    kept = [path for path in release_note.read(base).receipts if not path.endswith(DELTA)]
    folder = home.artifacts / "completing"
    shutil.rmtree(folder, ignore_errors=True)
    try:
        for path in base.rglob("*"):
            target = folder / path.relative_to(base)
            if path.is_dir():
                target.mkdir(parents=True, exist_ok=True)
            elif DELTA not in path.suffixes and path != base / release_note.NAME:
                target.parent.mkdir(parents=True, exist_ok=True)
                target.hardlink_to(path)
        add(folder)
        release_note.write(note, folder, [*kept, *(path + DELTA for path in kept)])
        return store_release(folder, home)
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


def require_release(folder: Path, home: Home) -> None:
    """Refuses a `current_release` that is none of the stored ones; raises DamagedError."""
    current, releases = home.artifacts / "current", (home.artifacts / "releases").resolve()
    there = current.is_symlink() or current.exists()
    if there and not (folder.is_dir() and folder.parent == releases):
        raise DamagedError(
            f"{current} leads to {folder}, not to a folder in {releases}.", REBUILD
        )


@contextmanager
def building_folder(home: Home) -> Iterator[Path]:
    """An empty folder to build in, while no other build of artifacts runs."""
    folder = home.artifacts / "building"
    try:
        home.make(home.artifacts)
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


def releases_before(folder: Path, home: Home) -> list[Path]:
    """Stored folders that were released before the one given, the newest first."""
    older = (path for path in stored_releases(home) if path.name < folder.name)
    return [path.resolve() for path in older if _was_released(path)]


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
        current, link = home.artifacts / "current", home.artifacts / "current.new"
        if current.is_dir() and not current.is_symlink():
            # Copied with its links followed; a folder cannot be replaced by a link.
            shutil.rmtree(current)
        link.unlink(missing_ok=True)
        link.symlink_to(release.relative_to(home.artifacts))
        link.replace(current)
        sync(home.artifacts)
    stay = {path.resolve() for path in (before, release, *kept)}
    for stored in stored_releases(home):
        if stored.resolve() not in stay and (sweep or _was_released(stored)):
            shutil.rmtree(stored)


def keep_current(home: Home) -> None:
    """Removes every stored release but the one that is read, and what builds left."""
    for path in (home.artifacts / "building", home.artifacts / "completing"):
        shutil.rmtree(path, ignore_errors=True)
    current = current_release(home)
    for stored in stored_releases(home):
        if stored.resolve() != current:
            shutil.rmtree(stored)


def _was_released(folder: Path) -> bool:
    try:
        return bool(release_note.read(folder).release)
    except DamagedError:
        return False
