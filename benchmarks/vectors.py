"""How well track vectors find tracks of the same artist, beside other scalings.

    python -m benchmarks.vectors ../shared/data/classic_rock/tracks.csv.gz

The project's own SQL makes the vectors (rank-Gaussian features, tempo on a circle); the
peers scale the same nine features robustly (median, interquartile range) and by z-score.
Precision@10 by exact cosine: the share of the ten nearest that are by the same artist,
where the track itself and other versions of its recording are left out.
"""

import re
import subprocess
import sys
import unicodedata
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import numpy as np
import pandas as pd

from benchmarks import harness
from python_hooks import landing, releases, server
from python_hooks.home import PROJECT
from python_hooks.warehouse import Warehouse

_FEATURES = [
    *("danceability", "energy", "loudness", "speechiness", "acousticness"),
    *("instrumentalness", "liveness", "valence", "tempo_bpm"),
]
_NEAREST = 10
_BLOCK = 500
_VERSION = re.compile(r"\s*(\(.*?\)|\[.*?\]| - .*|feat\..*)")


@click.command()
@click.argument("tracks", type=click.Path(exists=True, path_type=Path))
@click.option("--queries", default=10_000, show_default=True, help="Sampled, seeded.")
def main(tracks: Path, queries: int) -> None:
    """Measure same-artist precision@10 of three vectors of the same tracks."""
    frame = _tracks(tracks)
    frame["recording"] = frame["artist"].map(_folded) + "\x1f" + frame["title"].map(_folded)
    # An artist of one recording has nothing to be found.
    recordings = frame.groupby("artist")["recording"].transform("nunique")
    rng = np.random.default_rng(1)
    asked = rng.permutation(np.flatnonzero(recordings.to_numpy() > 1))[:queries]
    features = frame[_FEATURES].to_numpy(float)
    low, middle, high = np.percentile(features, [25, 50, 75], axis=0)
    vectors = {
        "rank-Gaussian, circular tempo (feat_track_vectors)": np.stack(list(frame["vector"])),
        "robust-scaled": (features - middle) / (high - low),
        "z-scored": (features - features.mean(0)) / features.std(0),
    }
    lines: list[dict[str, Any]] = []
    for name, matrix in vectors.items():
        hits = _hits(matrix.astype(np.float32), frame, asked)
        error = 1.96 * hits.std() / np.sqrt(len(hits))
        lines.append(
            {"vectors": name, "precision@10": round(float(hits.mean()), 4)}
            | {"± 95 %": round(float(error), 4), "queries": len(asked)}
        )
    for line in lines:
        line["ratio to robust-scaled"] = line["precision@10"] / lines[1]["precision@10"]
    harness.publish("Same-artist precision@10", "python -m benchmarks.vectors", lines)


def _tracks(path: Path) -> pd.DataFrame:
    """Every track with a vector: artist, title, features and the project's vector."""
    with harness.installation() as installed:
        # In a schema of one's own, in which parts can be built alone.
        home = replace(installed, target="dev")
        server.start(home)
        landing.land([str(path)], home)
        subprocess.run(
            [
                sys.executable,
                "-m",
                "python_hooks",
                "dbt",
                "--quiet",
                "run",
                "--select",
                "+feat_track_vectors",
            ],
            cwd=PROJECT,
            env=harness.environment(home),
            check=True,
        )
        with Warehouse(home) as warehouse:
            built = releases.current(warehouse, home)
            vectors = warehouse.read(built.relation("feat_track_vectors"))
            tracks = warehouse.read(built.relation("int_tracks_latest"))
    columns = ["track_id", "artist", "title", *_FEATURES]
    # Arrow's own join takes no lists.
    named: pd.DataFrame = tracks.select(columns).to_pandas()
    frame = named.merge(vectors.to_pandas(), on="track_id").sort_values("track_id")
    return frame.dropna(subset=["artist", "title"]).reset_index(drop=True)


def _folded(name: str) -> str:
    plain = unicodedata.normalize("NFKD", _VERSION.sub("", name.lower()))
    return re.sub(r"[^a-z0-9]+", " ", plain).strip() or name


def _hits(matrix: np.ndarray, frame: pd.DataFrame, asked: np.ndarray) -> np.ndarray:
    """Per query the share of its nearest by the same artist, float64."""
    matrix = matrix / np.linalg.norm(matrix, axis=1, keepdims=True)
    artist = pd.factorize(frame["artist"])[0]
    recording = pd.factorize(frame["recording"])[0]
    found = []
    for begin in range(0, len(asked), _BLOCK):
        block = asked[begin : begin + _BLOCK]
        similar = matrix[block] @ matrix.T
        similar[recording[block][:, None] == recording[None, :]] = -2
        nearest = np.argpartition(-similar, _NEAREST, axis=1)[:, :_NEAREST]
        found.append((artist[nearest] == artist[block][:, None]).mean(axis=1))
    return np.concatenate(found)


if __name__ == "__main__":
    main()
