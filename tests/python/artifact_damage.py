"""Two small releases of all kinds of artifacts, ways to damage them, and a reader.

The reader is a process of its own: whatever a damaged file does to it, the tests see it.
"""

import json
import multiprocessing
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from python_hooks import artifact_opening as opening
from python_hooks import artifacts, bloom_filter, feature_store, receipt, release_note
from python_hooks.artifact_releases import (
    DELTA,
    complete,
    delta_path,
    point_to,
    stored_releases,
)
from python_hooks.declaration import Artifact
from python_hooks.errors import EncoreError
from python_hooks.home import Home
from python_hooks.recorded_files import file_facts
from python_hooks.release_note import Note
from python_hooks.search_query import parse
from tests.python import feature_tables, test_item_weights
from tests.python import test_inverted_index as texts
from tests.python.test_artifacts import HEARD, VECTORS

WEIGHTS = test_item_weights.ARTIFACT
ALL = {
    one.name: one
    for one in (
        HEARD,
        VECTORS,
        feature_tables.artifact("listener"),
        texts.ARTIFACT,
        WEIGHTS,
    )
}
OLD, NEW = "20260101T000000000000", "20260102T000000000000"
_LISTENERS = [f"l{number}" for number in range(40)]
_TRACKS = [f"t{number:03d}" for number in range(120)]
_DELTAS: dict[str, Any] = {HEARD.name: bloom_filter, "listener_features": feature_store}


def _marts(seed: int) -> dict[str, pa.Table]:
    random = np.random.default_rng(seed)
    heard = (random.random((len(_LISTENERS), len(_TRACKS))) < 0.2).astype(np.int64)
    rows, columns = np.nonzero(heard)
    vectors = random.standard_normal((len(_TRACKS), 10)).tolist()
    tracks = [
        *texts.TRACKS,
        *((f"c{n}", f"song {seed}", "x", "Rock", 1) for n in range(4 + seed)),
    ]
    return {
        VECTORS.model: pa.table({"track_id": _TRACKS, "vector": vectors}),
        HEARD.model: pa.table(
            {
                "listener_id": [_LISTENERS[row] for row in rows],
                "track_id": [_TRACKS[column] for column in columns],
            }
        ),
        "int_listener_features_batch": feature_tables.rows(
            "listener", [(one,) for one in _LISTENERS], seed
        ),
        texts.ARTIFACT.model: texts.table(tracks),
        "track_terms": texts.postings(tracks),
        WEIGHTS.model: test_item_weights.pairs(heard, _TRACKS),
    }


def _deltas() -> dict[str, pa.Table]:
    return {
        HEARD.name: pa.table({"listener_id": ["l1"] * 3, "track_id": ["n1", "n2", "n3"]}),
        "listener_features": feature_tables.rows("listener", [("l1",), ("new",)], 9),
    }


def _read(marts: dict[str, pa.Table], model: str, columns: Sequence[str]) -> pa.Table:
    return marts[model].select(list(columns))


def _version(release: str, _artifact: Artifact) -> str:
    return f"build_of_{release}"


def two_releases(root: Path) -> Home:
    """Builds and releases `OLD`, then `NEW`, of other marts and with deltas."""
    home = Home(root)
    old = release(home, OLD, seed=1)
    release(home, NEW, seed=2, deltas=_deltas(), kept=[old])
    return home


def release(
    home: Home,
    name: str,
    seed: int,
    deltas: dict[str, pa.Table] | None = None,
    kept: Sequence[Path] = (),
) -> Path:
    """Builds all artifacts, and releases them under a name; returns the folder."""
    read = partial(_read, _marts(seed))
    artifacts.build(list(ALL.values()), home, read, partial(_version, name))
    add = partial(_add, deltas=deltas or {})
    folder = complete(stored_releases(home)[0], Note(name), home, add)
    point_to(folder, home, kept)
    return folder


def _add(folder: Path, deltas: dict[str, pa.Table]) -> None:
    for name, table in deltas.items():
        artifact, kind = ALL[name], _DELTAS[name]
        path = delta_path(folder / artifact.path)
        built = getattr(kind, "build_delta", kind.build)(table, artifact)
        files = kind.save(built, path)
        receipt.write(receipt.of_built(artifact, built, path, files), path)


def ask(name: str, home: Home) -> dict[str, Any]:
    """All that an artifact can be asked, in one answer; or why it refuses."""
    artifact = ALL[name]
    try:
        if artifact.builder == "ann_index":
            opened: opening.Opened[Any] = opening.open_index(artifact, home)
            found: Any = [opened.value.similar(key, 5) for key in _TRACKS[:10]]
        elif artifact.builder == "bloom_filter":
            opened = opening.open_filter(artifact, home)
            keys = [*_TRACKS, "n1", "n2", "n3"]
            found = [opened.value.contains_many(one, keys).tolist() for one in _LISTENERS]
        elif artifact.builder == "feature_store":
            opened = opening.open_tables(artifact, home)
            asked = [(one,) for one in (*_LISTENERS, "new")]
            columns = list(feature_tables.TYPES)
            found = [
                part.take(part.positions(asked), columns).to_pylist() for part in opened.parts
            ]
        elif artifact.builder == "inverted_index":
            opened = opening.open_search(artifact, home)
            queries = ("queen", "song", "bohemian rhapsod", "genre:rock key:1", "hey")
            found = [opened.value.search(parse(q, texts.FIELDS), 9) for q in queries]
        else:
            opened = opening.open_weights(artifact, home)
            ids, scores = opened.value.scores(_TRACKS[:9])
            found = [ids.to_pylist(), scores.tolist()]
    except EncoreError as error:
        return {"refused": error.message, "hint": error.hint}
    answer = json.dumps(found, default=str)
    return {"answer": answer, "release": opened.release, "fallback": opened.fallback}


def _serve(pipe: Connection) -> None:
    while request := pipe.recv():
        pipe.send(ask(request[0], Home(request[1])))


class Reader:
    """A process that is asked; it is alive as long as it answers."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs,), daemon=True)
        self._process.start()
        theirs.close()

    def ask(self, name: str, home: Home) -> dict[str, Any]:
        """The answer of `ask`; raises AssertionError where the process dies or hangs."""
        self._pipe.send((name, home.root))
        if not self._pipe.poll(60):
            self._process.kill()
            raise AssertionError(f"{name}: no answer in 60 s")
        try:
            found: dict[str, Any] = self._pipe.recv()
        except EOFError:
            self._process.join()
            raise AssertionError(
                f"{name}: the reader died of signal {-(self._process.exitcode or 0)}"
            ) from None
        return found

    def close(self) -> None:
        """Ends the process."""
        self._pipe.send(None)
        self._process.join()


@dataclass(frozen=True)
class Place:
    """Where a damage is done: the folders of both releases, in a copy of their own."""

    home: Home
    old: Path
    new: Path

    def files(self) -> list[Path]:
        """Files of the newer release, in order."""
        found = (path for path in self.new.rglob("*") if path.is_file())
        # tantivy leaves empty lock files, which are nobody's.
        return sorted(path for path in found if path.suffix != ".lock")

    def of(self, path: Path) -> set[str]:
        """Names of the artifacts that a file of the newer release is part of."""
        name = path.relative_to(self.new).as_posix()
        if name == release_note.NAME:
            return set(ALL)
        return {one.name for one in ALL.values() if name.startswith(one.path)}


def copied(home: Home, root: Path) -> Place:
    """A copy whose files are shared with nothing."""
    shutil.rmtree(root, ignore_errors=True)
    shutil.copytree(home.artifacts, Home(root).artifacts, symlinks=True)
    place = Home(root)
    released = [path for path in stored_releases(place) if release_note.read(path).release]
    return Place(place, released[1], released[0])


Damage = Callable[[Place, np.random.Generator], tuple[str, set[str]]]


def _one(place: Place, random: np.random.Generator, end: str = "") -> Path:
    files = [
        path for path in place.files() if path.name.endswith(end) and path.stat().st_size
    ]
    return files[random.integers(len(files))]


def _put(path: Path, content: bytes | bytearray) -> None:
    """Takes the place of a file, as other programs would write it."""
    path.unlink()
    path.write_bytes(content)


def flip(place: Place, random: np.random.Generator) -> tuple[str, set[str]]:
    """One bit, anywhere."""
    path = _one(place, random)
    content = bytearray(path.read_bytes())
    at, bit = int(random.integers(len(content))), int(random.integers(8))
    content[at] ^= 1 << bit
    _put(path, content)
    return f"bit {bit} of byte {at} of {path}", place.of(path)


def truncate(place: Place, random: np.random.Generator) -> tuple[str, set[str]]:
    """The end is missing."""
    path = _one(place, random)
    content = path.read_bytes()
    length = int(random.integers(len(content)))
    _put(path, content[:length])
    return f"{path} cut to {length}", place.of(path)


def empty(place: Place, random: np.random.Generator) -> tuple[str, set[str]]:
    """No content."""
    path = _one(place, random)
    _put(path, b"")
    return f"{path} empty", place.of(path)


def extend(place: Place, random: np.random.Generator) -> tuple[str, set[str]]:
    """Something follows: noise, or a blank that no parser of JSON minds."""
    path = _one(place, random)
    more = b"\n" if random.random() < 0.3 else random.bytes(int(random.integers(1, 64)))
    _put(path, path.read_bytes() + more)
    return f"{path} and {len(more)} bytes", place.of(path)


def zero_block(place: Place, random: np.random.Generator) -> tuple[str, set[str]]:
    """A block that never reached the disk."""
    path = _one(place, random)
    content = bytearray(path.read_bytes())
    begin = int(random.integers(len(content)))
    block = content[begin : begin + 512]
    if not any(block):
        return flip(place, random)
    content[begin : begin + 512] = bytes(len(block))
    _put(path, content)
    return f"{len(block)} zeros at {begin} of {path}", place.of(path)


def missing(place: Place, random: np.random.Generator) -> tuple[str, set[str]]:
    """No such file."""
    path = _one(place, random)
    path.unlink()
    return f"{path} missing", place.of(path)


def swapped(place: Place, random: np.random.Generator) -> tuple[str, set[str]]:
    """Two files in each other's place."""
    one, other = (place.files()[n] for n in random.choice(len(place.files()), 2, False))
    contents = one.read_bytes(), other.read_bytes()
    if contents[0] == contents[1]:
        return flip(place, random)
    _put(one, contents[1])
    _put(other, contents[0])
    return f"{one} and {other} swapped", place.of(one) | place.of(other)


def _differing(place: Place) -> list[Path]:
    found = []
    for path in place.files():
        old = place.old / path.relative_to(place.new)
        if old.is_file() and old.read_bytes() != path.read_bytes():
            found.append(path)
    return found


def of_before(place: Place, random: np.random.Generator) -> tuple[str, set[str]]:
    """A file, a receipt or the note of the release before."""
    files = _differing(place)
    path = files[random.integers(len(files))]
    _put(path, (place.old / path.relative_to(place.new)).read_bytes())
    return f"{path} of the release before", place.of(path)


def whole_of_before(place: Place, random: np.random.Generator) -> tuple[str, set[str]]:
    """An artifact of the release before with its receipt: each vouches for the other."""
    artifact = list(ALL.values())[random.integers(len(ALL))]
    for path in place.files():
        name = path.relative_to(place.new).as_posix()
        if name.startswith(artifact.path) and DELTA not in name:
            path.unlink()
    for old in sorted(place.old.rglob("*")):
        name = old.relative_to(place.old).as_posix()
        if old.is_file() and name.startswith(artifact.path):
            (place.new / name).write_bytes(old.read_bytes())
    return f"{artifact.name} of the release before", {artifact.name}


def half_copied(place: Place, random: np.random.Generator) -> tuple[str, set[str]]:
    """A folder that a copy never finished, made current."""
    target = place.new.with_name("000009")
    files = [place.files()[n] for n in random.permutation(len(place.files()))]
    kept = files[: random.integers(len(files))]
    for path in kept:
        copy = target / path.relative_to(place.new)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(path.read_bytes())
    target.mkdir(exist_ok=True)
    make_current(place, "releases/000009")
    lost = set().union(*(place.of(path) for path in files if path not in kept))
    return f"{len(kept)} of {len(files)} files copied", lost


def outside(place: Place, random: np.random.Generator) -> tuple[str, set[str]]:
    """A link to the same content elsewhere."""
    path = _one(place, random)
    elsewhere = place.home.root / "elsewhere"
    elsewhere.write_bytes(path.read_bytes())
    path.unlink()
    path.symlink_to(elsewhere)
    return f"{path} a link", place.of(path)


def folder_outside(place: Place, random: np.random.Generator) -> tuple[str, set[str]]:
    """A folder of the release is a link to the same files elsewhere."""
    folders = sorted(path for path in place.new.rglob("*") if path.is_dir())
    path = folders[random.integers(len(folders))]
    elsewhere = place.home.root / "elsewhere"
    shutil.move(path, elsewhere)
    path.symlink_to(elsewhere)
    return f"{path} a link", place.of(path / "x") | {
        one.name
        for one in ALL.values()
        if one.path.startswith(path.relative_to(place.new).as_posix() + "/")
    }


def folder(place: Place, random: np.random.Generator) -> tuple[str, set[str]]:
    """A folder in place of a file."""
    path = _one(place, random)
    path.unlink()
    path.mkdir()
    return f"{path} a folder", place.of(path)


def pipe(place: Place, random: np.random.Generator) -> tuple[str, set[str]]:
    """A pipe in place of a file: whoever opens it waits for ever."""
    path = _one(place, random)
    path.unlink()
    os.mkfifo(path)
    return f"{path} a pipe", place.of(path)


def another_format(place: Place, random: np.random.Generator) -> tuple[str, set[str]]:
    """A receipt or a note of an older or a newer version, sound in itself."""
    path = _one(place, random, ".json")
    content = json.loads(path.read_bytes())
    if "format_version" not in content:
        return edited(place, random)
    content["format_version"] += int(random.choice([-1, 1, 41]))
    _put(path, json.dumps(content, indent=2).encode())
    return f"{path} of format {content['format_version']}", place.of(path)


def edited(place: Place, random: np.random.Generator) -> tuple[str, set[str]]:
    """A receipt in which somebody changed a value, with or without its checksum."""
    artifact = list(ALL.values())[random.integers(len(ALL))]
    path = place.new / artifact.path
    recorded = receipt.read(path)
    if random.random() < 0.5:
        receipt.write(replace(recorded, rows=recorded.rows + 1), path)
    else:
        place_of = receipt.receipt_path(path)
        text = place_of.read_text().replace(f"build_of_{NEW}", f"build_of_{OLD}")
        _put(place_of, text.encode())
    return f"receipt of {artifact.name} edited", {artifact.name}


def current_lost(place: Place, random: np.random.Generator) -> tuple[str, set[str]]:
    """The link to the current release leads to nothing, or out of the releases."""
    away = place.home.root / "away"
    if random.random() < 0.5:
        shutil.copytree(place.new, away)
    make_current(place, str(random.choice(["releases/000077", "../away"])))
    return "current leads elsewhere", set(ALL)


def current_copied(place: Place, _random: np.random.Generator) -> tuple[str, set[str]]:
    """The link to the current release was copied as a folder."""
    current = place.home.artifacts / "current"
    current.unlink()
    shutil.copytree(place.new, current)
    return "current is a folder", set(ALL)


def make_current(place: Place, target: str) -> None:
    """Points the link of the current release elsewhere."""
    current = place.home.artifacts / "current"
    current.unlink()
    current.symlink_to(target)


KINDS: tuple[Damage, ...] = (
    flip,
    truncate,
    extend,
    empty,
    zero_block,
    missing,
    swapped,
    of_before,
    whole_of_before,
    half_copied,
    outside,
    folder_outside,
    folder,
    pipe,
    another_format,
    edited,
    current_lost,
    current_copied,
)


def forge(place: Place, artifact: Artifact) -> None:
    """Makes receipt and note vouch for the files as they are now."""
    for path in (artifact.path, artifact.path + DELTA):
        if receipt.receipt_path(place.new / path).exists():
            recorded = receipt.read(place.new / path)
            parent = (place.new / path).parent
            facts = {name: file_facts(parent / name) for name in recorded.files}
            receipt.write(replace(recorded, files=facts), place.new / path)
    note = release_note.read(place.new)
    release_note.write(note, place.new, note.receipts)
