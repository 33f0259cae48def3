"""Releases of artifacts: the folders that built artifacts are read from.

All artifacts of one build form a folder that never changes:

    artifacts/releases/000007/   track_vectors.faiss, track_vectors.faiss.json, …
    artifacts/current            link to the folder that is read

A build stores the next folder; when the marts it was made from are published, the
link is replaced, which is the one moment in which anything changes for readers: a new
file never meets an old receipt. Folders of marts that one can go back to are kept.
"""

import fcntl
import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from python_hooks.durable import sync
from python_hooks.errors import EncoreError
from python_hooks.home import Home


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
    numbers = [int(path.name) for path in stored_releases(home)]
    release = home.artifacts / "releases" / f"{max(numbers, default=0) + 1:06d}"
    release.parent.mkdir(exist_ok=True)
    folder.rename(release)
    sync(release.parent)
    return release


def stored_releases(home: Home) -> list[Path]:
    """The folders of all stored releases, the newest first."""
    found = (home.artifacts / "releases").glob("*")
    return sorted((path for path in found if path.name.isdecimal()), reverse=True)


def point_to(release: Path, home: Home, kept: Collection[Path]) -> None:
    """Makes a stored release the current one, and removes what is not kept.

    The release before stays for readers that resolved the link a moment ago.
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
        if stored.resolve() not in stay:
            shutil.rmtree(stored)
