"""Releases: the folders that built artifacts are read from.

All artifacts of an installation form a release, a folder that never changes:

    artifacts/releases/000007/   track_vectors.faiss, track_vectors.faiss.json, …
    artifacts/current            link to the release that is read

A build writes the next release aside and then replaces the link, which is the one
moment in which anything changes for readers: a new file never meets an old receipt.
The release before is kept for readers that resolved the link a moment ago.
"""

import fcntl
import shutil
from collections.abc import Iterator
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
            _sweep(home)
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


def publish_release(folder: Path, home: Home) -> None:
    """Makes the built folder the current release, durably and at once."""
    for path in (*folder.rglob("*"), folder):
        sync(path)
    release = home.artifacts / "releases" / f"{_number(home) + 1:06d}"
    release.parent.mkdir(exist_ok=True)
    folder.rename(release)
    sync(release.parent)
    link = home.artifacts / "current.new"
    link.unlink(missing_ok=True)
    link.symlink_to(release.relative_to(home.artifacts))
    link.replace(home.artifacts / "current")
    sync(home.artifacts)
    _sweep(home)


def _number(home: Home) -> int:
    """The number of the current release; 0 if there is none."""
    name = current_release(home).name
    return int(name) if name.isdecimal() else 0


def _sweep(home: Home) -> None:
    """Removes what killed builds left, and all but the last two releases."""
    shutil.rmtree(home.artifacts / "building", ignore_errors=True)
    number = _number(home)
    kept = {f"{number:06d}", f"{number - 1:06d}"}
    for release in (home.artifacts / "releases").glob("*"):
        if release.name not in kept:
            shutil.rmtree(release)
