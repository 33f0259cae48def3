"""Candidates without a warehouse: baselines as sources, for controls and comparisons."""

import numpy as np
import pyarrow as pa

from python_hooks import evaluation_baselines as simple
from python_hooks import evaluation_items as items
from python_hooks.evaluation_blend import Candidates
from python_hooks.evaluation_data import History
from python_hooks.evaluation_protocol import Fold
from python_hooks.evaluation_ranking import Scorer, top

SOURCES = ("neighbours", "popular_30d", "popular_7d", "popular_90d", "repeats", "repeats_30d")
SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("listener_id", "track_id", "source")),
        ("strength", pa.float64()),
    ]
)
EACH = 100  # candidates of a source for a listener


def sources(fold: Fold) -> dict[str, Scorer]:
    """What the marts propose, in NumPy and with fixed parameters."""
    return {
        "neighbours": items.knn_cosine(
            fold, neighbours=50, shrink=10, half_life_d=1000, backoff_half_life_d=30
        ),
        "popular_7d": simple.decayed_popular(fold, 7),
        "popular_30d": simple.decayed_popular(fold, 30),
        "popular_90d": simple.decayed_popular(fold, 90),
        "repeats": simple.personal(fold, 30),
        "repeats_30d": simple.personal_decayed(fold, 30, 30),
    }


def candidates(fold: Fold, history: History) -> Candidates:
    """The candidates of all sources."""
    return Candidates.of(table(fold, history), SOURCES, fold, history)


def table(fold: Fold, history: History) -> pa.Table:
    """The same in the shape of `rec_candidates`; new listeners have the popular ones."""
    tables = []
    for name, scorer in sources(fold).items():
        lists = top(scorer, fold, EACH)
        scores = np.take_along_axis(scorer(np.arange(len(lists))), lists, axis=1)
        if name.startswith("popular"):
            strength = scores
        else:
            # Behind a personal source's own tracks come the popular ones, at most 1.
            strength = np.where(scores > 1, scores - 1, 0)
        row, place = np.nonzero((lists >= 0) & (strength > 0))
        listeners = [history.listeners[at] for at in fold.asked[row]]
        tracks = [history.tracks[at] for at in lists[row, place]]
        columns = [listeners, tracks, [name] * len(row), strength[row, place]]
        tables.append(pa.table(columns, schema=SCHEMA))
    return pa.concat_tables(tables)
