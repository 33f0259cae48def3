"""The files in zip archives: unpacked for as long as they are read.

A member's name is text to show and never a path to write to, so no archive can reach out
of the folder it is unpacked in.
"""

import errno
import lzma
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
_DAMAGED = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, ValueError)


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
        pid = leftover.name.split("-")[1]
        if not pid.isdecimal() or not psutil.pid_exists(int(pid)):
            shutil.rmtree(leftover, ignore_errors=True)
    with ExitStack() as stack:
        files = []
        for path in paths:
            if zipfile.is_zipfile(path):
                with _readable(path):
                    home.make(home.run)
                    prefix = f"{_PREFIX}{os.getpid()}-"
                    folder = tempfile.TemporaryDirectory(prefix=prefix, dir=home.run)
                    files += _members(path, Path(stack.enter_context(folder)), path in exact)
            else:
                files.append(File(path, shown(path), path in exact))
        yield files


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Says of every error in unpacking which archive it is."""
    name = shown(path)
    try:
        yield
    except (RuntimeError, NotImplementedError) as error:
        raise EncoreError(
            f"{name}: it cannot be unpacked ({error}).",
            "Unpack it yourself, and land the folder.",
        ) from error
    except (*_DAMAGED, OSError) as error:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise EncoreError(
                f"{name}: there is no room to unpack it ({error.strerror}).",
                "Make room, or set ENCORE_HOME to a larger disk.",
            ) from error
        raise EncoreError(
            f"{name}: the zip archive is damaged or cut short ({error}).",
            "Fetch or copy it again; `unzip -t` tests it.",
        ) from error


def _members(path: Path, folder: Path, is_named: bool) -> list[File]:
    name = shown(path)
    with zipfile.ZipFile(path) as archive:
        infos = sorted(archive.infolist(), key=lambda info: info.filename)
        there = [info for info in infos if not info.is_dir() and not _is_hidden(info)]
        wanted = [info for info in there if info.filename.lower().endswith(EXTENSIONS)]
        if not wanted and is_named:
            raise EncoreError(
                f"{name} holds no {' '.join(EXTENSIONS)}.",
                "Check that it is the export; `unzip -l` lists what is in it.",
            )
        others = [f"{name}/{info.filename}" for info in there if info not in wanted]
        if others:
            note_left_out(others)
        size = sum(info.file_size for info in wanted)
        free = shutil.disk_usage(folder).free
        if size > free:
            raise EncoreError(
                f"{name} needs {size:,} bytes unpacked; {folder.parent} has {free:,}.",
                "Make room there, or set ENCORE_HOME to a larger disk.",
            )
        if size > _TELL_BYTES:
            console.err.print(f"Unpacking {name} ({size >> 20:,} MiB) …", markup=False)
        return [
            _unpack(archive, info, name, folder / f"{number:06d}")
            for number, info in enumerate(wanted)
        ]


def _is_hidden(info: zipfile.ZipInfo) -> bool:
    parts = info.filename.split("/")
    return any(
        part.startswith((".", "__MACOSX")) and part not in (".", "..") for part in parts
    )


def _unpack(archive: zipfile.ZipFile, info: zipfile.ZipInfo, name: str, path: Path) -> File:
    left = info.file_size
    with archive.open(info) as packed, path.open("wb") as file:
        while block := packed.read(_BLOCK_BYTES):
            left -= len(block)
            if left < 0:
                raise zipfile.BadZipFile(f"{info.filename} is longer than the archive says")
            file.write(block)
    return File(path, f"{name}/{info.filename}", is_named=False)
