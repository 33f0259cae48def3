"""Public listening histories as they are distributed, read in place."""

import gzip
import io
import json
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from python_hooks.errors import EncoreError
from python_hooks.evaluation_data import COLUMNS, History, coded
from python_hooks.evaluation_protocol import Fold, given

_SPLIT = ["user_id", "artist_id", "split"]
_SUFFIXES = {
    "u.data": "movielens",
    ".inter": "movielens",
    ".whl": "movielens",
    ".tsv": "lastfm-1k",
    ".listens": "listenbrainz",
    ".jsonl": "listenbrainz",
}


def read(path: Path, kind: str | None = None) -> History:
    """Reads a history.

    Args:
        path: The file, as it is or compressed by gzip; of MovieLens also an archive
            (zip, wheel) that holds a file `u.data` or `ml-100k.inter`.
        kind: One of `READERS`; by the name of the file if None.

    Raises:
        EncoreError: There is no such file, its kind is unknown, or it cannot be read.
    """
    kind = kind or next(
        (
            known
            for end, known in _SUFFIXES.items()
            if path.name.removesuffix(".gz").endswith(end)
        ),
        None,
    )
    if kind is None or kind not in READERS:
        raise EncoreError(
            f"Nobody knows how to read {path.name}: its name does not say what it is.",
            f"Say it with --format {' | '.join(READERS)}.",
        )
    try:
        with _opened(path) as file:
            table = READERS[kind](file)
    except (OSError, pa.ArrowInvalid, ValueError, KeyError) as error:
        raise EncoreError(
            f"{path} cannot be read as {kind}: {error}", "Choose another file or --format."
        ) from error
    return History.of(table, path.name.split(".")[0] if path.suffix != ".whl" else "ml-100k")


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    if path.suffix in (".zip", ".whl"):
        with zipfile.ZipFile(path) as archive:
            names = [n for n in archive.namelist() if n.endswith(("u.data", "ml-100k.inter"))]
            if not names:
                raise EncoreError(f"{path} holds neither u.data nor ml-100k.inter.")
            yield io.BytesIO(archive.read(names[0]))
    elif path.suffix == ".gz":
        with gzip.open(path) as file:
            yield cast(BinaryIO, file)
    else:
        with path.open("rb") as file:
            yield file


def _movielens(file: BinaryIO) -> pa.Table:
    """Every rating counts as a listen, whatever it is: what was watched, not liked."""
    content = file.read()
    headed = content.startswith(b"user_id")
    names = ["listener_id", "track_id", "rating", "seconds"]
    table = csv.read_csv(
        io.BytesIO(content),
        csv.ReadOptions(column_names=names, skip_rows=int(headed)),
        csv.ParseOptions(delimiter="\t"),
        csv.ConvertOptions(column_types=dict.fromkeys(names[:2], pa.string())),
    )
    seconds = pc.cast(table["seconds"], pa.int64())
    return table.append_column("listened_at", pc.multiply(seconds, 1_000_000))


def _lastfm(file: BinaryIO) -> pa.Table:
    """A track without an id is known by its artist and title."""
    names = ["listener_id", "listened_at", "artist_id", "artist", "id", "title"]
    table = csv.read_csv(
        file,
        csv.ReadOptions(column_names=names),
        csv.ParseOptions(delimiter="\t", quote_char=False, ignore_empty_lines=True),
        csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string())
            | {"listened_at": pa.timestamp("us", "UTC")},
            strings_can_be_null=True,
            quoted_strings_can_be_null=True,
            null_values=[""],
        ),
    )
    named = pc.binary_join_element_wise(table["artist"], table["title"], "\x1f")
    return table.append_column("track_id", pc.coalesce(table["id"], named))


def _listenbrainz(file: BinaryIO) -> pa.Table:
    """One listen per line, as the dumps have it; the recording is the mapped one if any."""
    rows: dict[str, list[object]] = {name: [] for name in COLUMNS}
    for line in filter(None, map(bytes.strip, file)):
        listen = json.loads(line)
        track = listen["track_metadata"]
        found = (track.get("mbid_mapping") or {}).get("recording_mbid")
        named = f"{track['artist_name']}\x1f{track['track_name']}"
        rows["listener_id"].append(str(listen.get("user_name") or listen["user_id"]))
        rows["track_id"].append(found or listen.get("recording_msid") or named)
        rows["listened_at"].append(int(listen["listened_at"]) * 1_000_000)
    return pa.table(rows)


READERS: Mapping[str, Callable[[BinaryIO], pa.Table]] = {
    "movielens": _movielens,
    "lastfm-1k": _lastfm,
    "listenbrainz": _listenbrainz,
}


def read_split(path: Path) -> tuple[str, Fold]:
    """Reads a split that was given: CSV with the columns `user_id`, `artist_id`, `split`.

    Rows whose `split` is neither `train` nor `test` are left out. Counts are dropped: a
    pair is known or it is not.

    Returns:
        The name of the data, and the one fold.

    Raises:
        EncoreError: The file cannot be read, or a part is empty.
    """
    try:
        text = csv.ConvertOptions(column_types=dict.fromkeys(_SPLIT, pa.string()))
        table = csv.read_csv(path, convert_options=text).select(_SPLIT)
        table = table.filter(pc.is_in(table["split"], pa.array(["train", "test"])))
    except (OSError, pa.ArrowInvalid, KeyError) as error:
        raise EncoreError(
            f"{path} cannot be read as a split: {error}",
            f"It is a CSV file with the columns {', '.join(_SPLIT)}.",
        ) from error
    listeners, listener = coded(table["user_id"])
    tracks, track = coded(table["artist_id"])
    is_train = np.asarray(pc.equal(table["split"], "train"))
    if not 0 < is_train.sum() < len(is_train):
        raise EncoreError(f"{path} has no rows of `train`, or none of `test`.")
    parts = [(listener[part], track[part]) for part in (is_train, ~is_train)]
    return path.parent.name, given(parts[0], parts[1], (len(listeners), len(tracks)))
