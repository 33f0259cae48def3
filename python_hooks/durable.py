"""Files and folders that a power cut does not undo."""

import os
from pathlib import Path


def make_folder(path: Path) -> None:
    """Makes a folder and its parents so that a power cut does not undo it."""
    if not path.is_dir():
        make_folder(path.parent)
        path.mkdir(exist_ok=True)
        sync(path.parent)


def sync(path: Path) -> None:
    """Waits until a file, or the names in a folder, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
