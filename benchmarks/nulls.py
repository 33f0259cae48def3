"""Controls: where there is nothing to learn, the blend's gain has to be nothing too.

    python -m benchmarks.nulls

Each world is invented; the blend of `benchmarks/blending.py` is fitted on its validation
and compared with popular tracks on its test. *Shuffled listeners*: the listens of a world
with taste, each given to a listener of chance, so that nobody has a taste any more.
*Popularity only*: everybody draws from one distribution. A control passes if the paired
interval of the gain is not wholly above 0.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import pyarrow as pa

from benchmarks import blending, harness
from python_hooks import evaluation_baselines as simple
from python_hooks.evaluation_bootstrap import Interval, interval
from python_hooks.evaluation_data import DAY, History
from python_hooks.evaluation_fit import fit
from python_hooks.evaluation_metrics import measure
from python_hooks.evaluation_protocol import folds, windows
from python_hooks.evaluation_ranking import top
from python_hooks.evaluation_trials import K


def main() -> None:
    """Prints the gain in each world."""
    lines: list[dict[str, object]] = []
    worlds: dict[str, Callable[[], History]] = {"taste": invented, **WORLDS}
    for name, world in worlds.items():
        found = gain(world())
        bounds = {"gain": found.mean, "low": found.low, "high": found.high}
        lines.append({"world": name, **bounds})
    harness.publish("The blend less popular, NDCG@10", "python -m benchmarks.nulls", lines)


def invented(
    listeners: int = 120, tracks: int = 200, listens: int = 12_000, taste: float = 0.8
) -> History:
    """A world of 100 days whose listeners take a share of their listens from a genre."""
    random = np.random.default_rng(1)
    chances = random.permutation(1 / np.arange(1, tracks + 1) ** 0.7)
    genre, likes = np.arange(tracks) % 5, np.arange(listeners) % 5
    listener = random.integers(listeners, size=listens)
    track = random.choice(tracks, listens, p=chances / chances.sum())
    for own in range(5):
        there = np.flatnonzero((likes[listener] == own) & (random.random(listens) < taste))
        only = np.where(genre == own, chances, 0)
        track[there] = random.choice(tracks, len(there), p=only / only.sum())
    at = np.sort(random.integers(100 * DAY, size=listens))
    names = [
        np.char.add(kind, column.astype(str))
        for kind, column in (("l", listener), ("t", track))
    ]
    columns = {"listener_id": names[0], "track_id": names[1], "listened_at": at}
    return History.of(pa.table(columns), "invented")


def shuffled() -> History:
    """The world with taste, its listens dealt out anew."""
    world = invented()
    random = np.random.default_rng(2)
    return replace(world, listener=random.permutation(world.listener))


def popularity_only() -> History:
    """The world without taste."""
    return invented(taste=0.0)


WORLDS: Mapping[str, Callable[[], History]] = {
    "shuffled listeners": shuffled,
    "popularity only": popularity_only,
}


def gain(history: History, trials: int = 40) -> Interval:
    """NDCG@10 of the fitted blend less that of popular tracks, paired."""
    validation, test = (folds(history, cuts, False) for cuts in windows(history, 4, 3))
    tuned = fit([blending.candidates(each, history) for each in validation], trials, _silent)
    differences = []
    for each in test:
        blend = blending.candidates(each, history).lists(tuned.parameters, K)
        popular = top(simple.popular(each), each, K)
        differences.append(measure(blend, each)["ndcg"] - measure(popular, each)["ndcg"])
    listener = np.concatenate([each.asked for each in test])
    return interval(np.concatenate(differences), listener)


def _silent() -> None:
    return None


if __name__ == "__main__":
    main()
