"""The files in zip archives: unpacked for as long as they are read.

A member's name is text to show and never a path to write to, so no archive can reach out
of the folder it is unpacked in.
"""

import os
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from python_hooks import console
from python_hooks.errors import EncoreError
from python_hooks.home import Home
from python_hooks.landing_paths import EXTENSIONS, shown
from python_hooks.landing_report import note_left_out

_BLOCK_BYTES = 4 << 20
_TELL_BYTES = 100 << 20
_PREFIX = "unpacked-"


@dataclass(frozen=True)
class File:
    """A file to land.

    Attributes:
        path: Where it is.
        name: How its rows name it: the path as the user gave it, of a member of an
            archive followed by the member's name.
        is_named: Whether the user named this very file; else it may be none of listens.
    """

    path: Path
    name: str
    is_named: bool = True


@contextmanager
def unpacked(
    paths: Sequence[Path], named: Sequence[str | Path], home: Home
) -> Iterator[list[File]]:
    """The files of these paths; zip archives are unpacked until the context ends.

    Args:
        paths: The files that were found.
        named: What the user named.
        home: Where there is room.

    Raises:
        EncoreError: An archive is damaged or encrypted, or there is no room for it.
    """
    exact = {Path(name) for name in named}
    # What a killed landing left.
    for leftover in home.run.glob(f"{_PREFIX}*"):
        if not psutil.pid_exists(int(leftover.name.split("-")[1])):
            shutil.rmtree(leftover, ignore_errors=True)
    with ExitStack() as stack:
        files = []
        for path in paths:
            if zipfile.is_zipfile(path):
                home.make(home.run)
                prefix = f"{_PREFIX}{os.getpid()}-"
                folder = tempfile.TemporaryDirectory(prefix=prefix, dir=home.run)
                files += _members(path, Path(stack.enter_context(folder)))
            else:
                files.append(File(path, shown(path), path in exact))
        yield files


def _members(path: Path, folder: Path) -> list[File]:
    name = shown(path)
    try:
        with zipfile.ZipFile(path) as archive:
            infos = sorted(archive.infolist(), key=lambda info: info.filename)
            wanted = [info for info in infos if _is_wanted(info)]
            others = [i.filename for i in infos if not i.is_dir() and i not in wanted]
            if not wanted:
                raise EncoreError(
                    f"{name} holds no {' '.join(EXTENSIONS)}.",
                    "Check that it is the export; `unzip -l` lists what is in it.",
                )
            size = sum(info.file_size for info in wanted)
            free = shutil.disk_usage(folder).free
            if size > free:
                raise EncoreError(
                    f"{name} needs {size:,} bytes unpacked; {folder.parent} has {free:,}.",
                    "Make room there, or set ENCORE_HOME to a larger disk.",
                )
            if size > _TELL_BYTES:
                console.err.print(f"Unpacking {name} ({size >> 20:,} MiB) …", markup=False)
            if others:
                note_left_out(f"{name}/{other}" for other in others)
            return [
                _unpack(archive, info, name, folder / f"{number:06d}")
                for number, info in enumerate(wanted)
            ]
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise EncoreError(
            f"{name}: the zip archive is damaged or cut short ({error}).",
            "Fetch or copy it again; `unzip -t` tests it.",
        ) from error
    except (RuntimeError, NotImplementedError) as error:
        raise EncoreError(
            f"{name}: it cannot be unpacked ({error}).",
            "Unpack it yourself, and land the folder.",
        ) from error


def _is_wanted(info: zipfile.ZipInfo) -> bool:
    parts = info.filename.split("/")
    hidden = any(part.startswith((".", "__MACOSX")) and part != ".." for part in parts)
    return not hidden and not info.is_dir() and parts[-1].lower().endswith(EXTENSIONS)


def _unpack(archive: zipfile.ZipFile, info: zipfile.ZipInfo, name: str, path: Path) -> File:
    left = info.file_size
    with archive.open(info) as packed, path.open("wb") as file:
        while block := packed.read(_BLOCK_BYTES):
            left -= len(block)
            if left < 0:
                raise zipfile.BadZipFile(f"{info.filename} is longer than the archive says")
            file.write(block)
    return File(path, f"{name}/{info.filename}", is_named=False)
