"""The same lists measured here and by RecTools: the largest difference of each measure.

    python -m benchmarks.metrics_peer

RecTools does not go together with dbt's dependencies, so it is installed by its own lock
file, with hashes, into a temporary environment; it runs on Python 3.11.
"""

import csv
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from benchmarks import harness
from python_hooks import evaluation_metrics as metrics
from python_hooks.evaluation_data import NOBODY, Codes
from python_hooks.evaluation_protocol import Fold, given

LOCK = Path(__file__).with_name("rectools.lock")
K = 10
_NAMES = ("ndcg", "recall", "mrr", "hit_rate", "novelty")


def main() -> None:
    """Prints the differences."""
    fold, lists = drawn()
    with tempfile.TemporaryDirectory() as folder:
        found = differences(fold, lists, Path(folder))
    title = f"Measures of {len(lists)} lists, less those of RecTools"
    line: dict[str, object] = {name: f"{value:.1e}" for name, value in found.items()}
    harness.publish(title, "python -m benchmarks.metrics_peer", [line])


def drawn(listeners: int = 400, tracks: int = 300, seed: int = 1) -> tuple[Fold, Codes]:
    """A fold and lists of chance, some shorter than `K`, some targets unknown."""
    random = np.random.default_rng(seed)
    chances = random.permutation(1 / np.arange(1, tracks + 1))
    chances /= chances.sum()

    def pairs(count: int) -> tuple[Codes, Codes]:
        listener = random.integers(listeners, size=count).astype(np.int32)
        return listener, random.choice(tracks, count, p=chances).astype(np.int32)

    fold = given(pairs(8_000), pairs(3_000), (listeners, tracks))
    known = np.flatnonzero(fold.known)
    lists = np.stack(
        [random.choice(known, K, replace=False).astype(np.int32) for _ in fold.asked]
    )
    lists[::7, 6:] = NOBODY
    return fold, lists


def differences(fold: Fold, lists: Codes, folder: Path) -> dict[str, float]:
    """The largest absolute difference of each measure, over all lists.

    Raises:
        OSError: The environment cannot be made.
        subprocess.SubprocessError: RecTools cannot be installed, or fails.
    """
    row, place = np.nonzero(lists >= 0)
    _write(folder / "lists.csv", "rank", row, lists[row, place], place + 1)
    row, track = fold.relevant.nonzero()
    _write(folder / "targets.csv", "weight", row, track, np.ones(len(row), int))
    row, track = fold.counts.nonzero()
    _write(folder / "known.csv", "weight", row, track, np.ones(len(row), int))
    python = folder / "venv" / "bin" / "python"
    subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True)
    pip: list[str | Path] = [python, "-m", "pip", "install", "--quiet"]
    pip += ["--require-hashes", "-r", LOCK]
    subprocess.run(pip, check=True, capture_output=True, timeout=900)
    peer = Path(__file__).with_name("rectools_peer.py")
    done = subprocess.run(
        [python, peer, folder, str(K)], check=True, capture_output=True, timeout=300
    )
    theirs = json.loads(done.stdout.splitlines()[-1])
    ours = metrics.measure(lists, fold)
    found = {
        name: max(abs(ours[name][int(at)] - value) for at, value in theirs[name].items())
        for name in _NAMES
    }
    covered = metrics.coverage(lists, int(fold.known.sum()))
    return {**found, "coverage": abs(covered - theirs["coverage"])}


def _write(path: Path, last: str, *columns: Iterable[int]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["user_id", "item_id", last])
        writer.writerows(zip(*columns, strict=True))


if __name__ == "__main__":
    main()
