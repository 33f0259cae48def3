"""What the inverted index and the ANN index cost as a catalogue grows, and what they find.

    python -m benchmarks.retrieval              # 1 k, 10 k and 100 k tracks, and real ones
    python -m benchmarks.retrieval 1000000      # of another size

Peers in the same run, in memory: SQLite's FTS5 for words (it knows no typing errors and is
asked without), and faiss's exact search for vectors. All times are those of the processor:
what else the machine does shows less in them than in the clock's. Queries take one thread.
"""

import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import faiss
import numpy as np
import pyarrow as pa

from benchmarks import harness
from benchmarks.catalogues import FIELDS, REAL, Catalogue, postings, real, synthetic
from python_hooks import ann_index, inverted_index, search_quality
from python_hooks.ann_index import AnnIndex
from python_hooks.artifact_builders import Builder, declared_as
from python_hooks.inverted_index import InvertedIndex
from python_hooks.receipt import Built
from python_hooks.search_query import parse
from python_hooks.terms import terms

QUERIES = 1_000
SIZES = (1_000, 10_000, 100_000)
# Of a build whose quality is measured apart from it.
NOTHING = pa.table({name: [] for name in inverted_index.REFERENCE})


class Cost(NamedTuple):
    """One row of the table; times in seconds, sizes in bytes."""

    name: str
    tracks: int
    build: float
    size: int
    queries: list[float]
    quality: float | None
    peer_queries: list[float]

    def line(self) -> dict[str, object]:
        """The figures as a line of the table."""
        p50, p99 = (float(cut) * 1000 for cut in np.percentile(self.queries, [50, 99]))
        peer = float(np.percentile(self.peer_queries, 99)) * 1000
        return {
            "index": self.name,
            "tracks": self.tracks,
            "build s": self.build,
            "MB": self.size / 1e6,
            "p50 ms": p50,
            "p99 ms": p99,
            "quality": self.quality,
            "peer's p99 ms": peer,
            "p99 / peer": p99 / peer,
        }


def main(sizes: Iterable[int]) -> None:
    """Prints one table of costs, and one of agreement if the real tracks are there."""
    faiss.omp_set_num_threads(1)
    lines = []
    for size in sizes:
        catalogue = synthetic(size)
        lines.append(measure_words(catalogue).line())
        lines.append(measure_vectors(catalogue).line())
    harness.publish("Inverted index and ANN index", "python -m benchmarks.retrieval", lines)
    if REAL.exists():
        measure_agreement(real())
    else:
        print(f"No agreement: {REAL} is not there.", file=sys.stderr)


def measure_words(catalogue: Catalogue) -> Cost:
    """Builds, saves and asks the inverted index, and FTS5."""
    artifact, tracks = declared_as("inverted_index"), catalogue.tracks
    seconds, (built, size) = timed(
        lambda: saved(inverted_index, inverted_index.build(tracks, NOTHING, artifact))
    )
    index: InvertedIndex = built.value
    quality = search_quality.overlap(index, postings(tracks))["overlap_at_10"]
    times = [
        timed(lambda text: index.search(parse(text, FIELDS), 10), text)[0]
        for text in typed(tracks)
    ]
    peer = full_text_search(tracks)
    return Cost("inverted", tracks.num_rows, seconds, size, times, quality, peer)


def typed(tracks: pa.Table) -> list[str]:
    """Two words of a track each: a third whole, a third begun, a third with a slip."""
    random, texts = np.random.default_rng(2), []
    for number, row in enumerate(random.integers(tracks.num_rows, size=QUERIES).tolist()):
        words = terms(f"{tracks['title'][row]} {tracks['artist'][row]}")
        first, last = random.choice(words, 2).tolist()
        if number % 3 == 1:
            last = last[: max(1, len(last) // 2)]
        if number % 3 == 2:
            place = int(random.integers(len(first)))
            first = first[:place] + "e" + first[place + 1 :]
        texts.append(f"{first} {last}")
    return texts


def full_text_search(tracks: pa.Table) -> list[float]:
    """Seconds of a fifth of the queries in FTS5, the words whole and the last one begun."""
    database = sqlite3.connect(":memory:")
    database.execute("create virtual table texts using fts5(title, artist, genre)")
    rows = zip(*(tracks[field].to_pylist() for field in FIELDS), strict=True)
    database.executemany("insert into texts values (?, ?, ?)", rows)
    sql = "select rowid from texts where texts match ? order by rank limit 10"
    matches = [f"{text}*" for text in typed(tracks)[::5]]

    def ask(match: str) -> None:
        database.execute(sql, [match]).fetchall()

    return [timed(ask, match)[0] for match in matches]


def measure_vectors(catalogue: Catalogue) -> Cost:
    """Builds, measures, saves and asks the ANN index, and exact search."""
    artifact = declared_as("ann_index")
    seconds, (built, size) = timed(
        lambda: saved(ann_index, ann_index.build(catalogue.vectors, artifact))
    )
    index: AnnIndex = built.value
    random = np.random.default_rng(3)
    keys = random.choice(index.keys, QUERIES).tolist()
    times = [timed(index.similar, key, 10)[0] for key in keys]
    units = index.graph.reconstruct_n(0, index.graph.ntotal)
    flat = faiss.IndexFlatIP(index.graph.d)
    flat.add(units)
    rows = random.integers(len(units), size=QUERIES // 5).tolist()
    peer = [timed(flat.search, units[row : row + 1], 11)[0] for row in rows]
    recall = built.quality["recall_at_10"]
    return Cost("ANN", len(index.keys), seconds, size, times, recall, peer)


def saved(builder: Builder, built: Built[Any]) -> tuple[Built[Any], int]:
    """Saves what was built for a moment; returns it with the size of its files."""
    with tempfile.TemporaryDirectory() as folder:
        files = builder.save(built, Path(folder) / "index")
        return built, sum(file.stat().st_size for file in files)


def measure_agreement(catalogue: Catalogue) -> None:
    """How many of a track's ten nearest by vectors are its ten nearest by words too."""
    vectors = ann_index.build(catalogue.vectors, declared_as("ann_index")).value
    tracks, artifact = catalogue.tracks, declared_as("inverted_index")
    rows = np.random.default_rng(4).choice(tracks.num_rows, QUERIES, replace=False).tolist()
    near = {row: {r for r, _ in vectors.others(row, 10)} for row in rows}
    lines: list[dict[str, object]] = []
    for fields in (["title"], ["artist"], FIELDS):
        params = {**artifact.params, "fields": fields}
        built = inverted_index.build(tracks, NOTHING, replace(artifact, params=params))
        shared, alike = agreement(built.value, tracks, fields, near)
        lines.append(
            {
                "words of": ", ".join(fields),
                "shared of 10": shared,
                "at random": 10 * 10 / tracks.num_rows,
                "with a shared word, of 10": alike,
            }
        )
    title = f"Ten nearest by words and by vectors, {tracks.num_rows:,} real tracks"
    harness.publish(title, "python -m benchmarks.retrieval", lines)


def agreement(
    index: InvertedIndex, tracks: pa.Table, fields: list[str], near: dict[int, set[int]]
) -> tuple[float, float]:
    """Per query, of the ten nearest by vectors: how many words find, and share a word."""
    columns = [tracks[field].to_pylist() for field in fields]

    def words(row: int) -> set[str]:
        return {term for column in columns for term in terms(column[row] or "")}

    shared, alike = [], []
    for row, neighbours in near.items():
        own = words(row)
        found = index.whole(sorted(own), 11, every=False) if own else []
        shared.append(len(neighbours & set([other for other in found if other != row][:10])))
        alike.append(sum(bool(own & words(other)) for other in neighbours))
    return statistics.mean(shared), statistics.mean(alike)


def timed(act: Callable[..., Any], *arguments: Any) -> tuple[float, Any]:
    """Seconds of the processor that it took, and what it returned."""
    begun = time.process_time()
    result = act(*arguments)
    return time.process_time() - begun, result


if __name__ == "__main__":
    main([int(size) for size in sys.argv[1:]] or SIZES)
