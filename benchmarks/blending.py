"""A blend without a warehouse: what could be gained, and by which sources.

    python -m benchmarks.blending FILE [--discover]      # a history `encore evaluate` reads

The sources of the marts in NumPy, fitted on the validation and compared on the test with the
baseline that `encore evaluate` names as the best: first those of SQL, then EASE as well, both
on the second half of the validation alone and on all of it.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import click
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from benchmarks import harness
from python_hooks import evaluation_baselines as simple
from python_hooks import evaluation_items as items
from python_hooks import evaluation_readers
from python_hooks.evaluation_blend import Candidates
from python_hooks.evaluation_bootstrap import interval
from python_hooks.evaluation_data import History
from python_hooks.evaluation_fit import fit
from python_hooks.evaluation_protocol import Fold, folds, windows
from python_hooks.evaluation_ranking import FloatArray, Scorer, top
from python_hooks.evaluation_trials import K, baselines, list_ndcg, tune

SOURCES = (
    *("neighbours", "popular_30d", "popular_7d", "popular_90d"),
    *("popular_last_30d", "repeats_30d", "repeats_7d", "repeats_90d", "repeats_all"),
)
EASE = "ease"
SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("listener_id", "track_id", "source")),
        ("strength", pa.float64()),
    ]
)
EACH = 100  # candidates of a source for a listener


@click.command()
@click.argument("path", type=Path)
@click.option("--discover", is_flag=True)
@click.option("--trials", default=16, show_default=True)
@click.option("--against", default="popular 30 d", show_default=True)
def main(path: Path, discover: bool, trials: int, against: str) -> None:
    """Fit blends on the validation, and compare them on the test."""
    history = evaluation_readers.read(path)
    validation, test = (folds(history, cuts, discover) for cuts in windows(history))
    listener = np.concatenate([each.asked for each in test])
    best = next(each for each in baselines() if each.name == against)
    chosen = tune(best, validation, trials, lambda: None).parameters
    theirs = list_ndcg([top(best.scorer(each, **chosen), each, K) for each in test], test)
    lines: list[dict[str, object]] = []
    for sources in (SOURCES, (EASE, *SOURCES)):
        before = [candidates(each, history, sources) for each in validation]
        asked = [candidates(each, history, sources) for each in test]
        for some in (before[len(before) // 2 :], before):
            tuned = fit(some, trials, lambda: None)
            lists = [each.lists(tuned.parameters, K) for each in asked]
            ndcg = list_ndcg(lists, test)
            less = interval(ndcg - theirs, listener)
            lines.append(
                {
                    "sources": len(sources),
                    "validations": len(some),
                    "trials": tuned.trials,
                    "weights": _spelled(tuned.parameters),
                    "validation": tuned.value,
                    "NDCG@10": float(ndcg.mean()),
                    f"less {against}": less.mean,
                    "low": less.low,
                    "high": less.high,
                }
            )
    harness.publish(f"Blends of {history.name}", "python -m benchmarks.blending", lines)


def _spelled(weights: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {weight:g}" for name, weight in weights.items() if weight)


def scorers(fold: Fold) -> dict[str, Scorer]:
    """The strengths of each source, 0 to 1, with the marts' parameters."""
    near = {"neighbours": 50, "shrink": 10, "half_life_d": 1e9, "backoff_half_life_d": 30}
    lives = {"7d": 7, "30d": 30, "90d": 90}
    return {
        "neighbours": _own(items.knn_cosine(fold, **near)),
        "repeats_all": _own(simple.personal(fold, 30)),
        "popular_last_30d": simple.recent_popular(fold, 30),
        EASE: _positive(items.ease(fold, 100, 30), fold),
        **{
            f"popular_{name}": simple.decayed_popular(fold, days)
            for name, days in lives.items()
        },
        **{
            f"repeats_{name}": _own(simple.personal_decayed(fold, days, 30))
            for name, days in lives.items()
        },
    }


def _own(scorer: Scorer) -> Scorer:
    """A personal baseline without the popular tracks behind the listener's own."""
    return lambda rows: np.maximum(scorer(rows) - 1, 0)


def _positive(scorer: Scorer, fold: Fold) -> Scorer:
    """What scores above 0 of what the listener has not heard, relative to the best."""

    def score(rows: NDArray[np.int64]) -> FloatArray:
        unheard = fold.heard[rows].toarray() == 0
        amounts = np.where(fold.warm[rows][:, None] & unheard, scorer(rows), 0.0)
        amounts = np.maximum(amounts, 0)
        best = np.maximum(amounts.max(axis=1, keepdims=True), np.finfo(float).tiny)
        return np.asarray(amounts / best, np.float64)

    return score


def candidates(fold: Fold, history: History, sources: Sequence[str] = SOURCES) -> Candidates:
    """The candidates of some sources."""
    return Candidates.of(table(fold, history, sources), sources, fold, history)


def table(fold: Fold, history: History, sources: Sequence[str] = SOURCES) -> pa.Table:
    """The same in the shape of `rec_candidates`; new listeners have the popular ones."""
    made, tables = scorers(fold), []
    for name in sources:
        lists = top(made[name], fold, EACH)
        strength = np.take_along_axis(made[name](np.arange(len(lists))), lists, axis=1)
        row, place = np.nonzero((lists >= 0) & (strength > 0))
        listeners = [history.listeners[at] for at in fold.asked[row]]
        tracks = [history.tracks[at] for at in lists[row, place]]
        columns = [listeners, tracks, [name] * len(row), strength[row, place]]
        tables.append(pa.table(columns, schema=SCHEMA))
    return pa.concat_tables(tables)


if __name__ == "__main__":
    main()
