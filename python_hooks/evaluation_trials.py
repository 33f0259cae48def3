"""The baselines with the ranges of their parameters, and how a set of them is chosen.

Every model gets the same number of trials. Those of a baseline are the points of a Halton
sequence in its ranges (Halton 1960), logarithmic, the same in every run; the best mean
NDCG@10 over all lists of the validation wins, the earlier trial where two are equal.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy.stats import qmc

from python_hooks import evaluation_baselines as simple
from python_hooks import evaluation_items as items
from python_hooks.evaluation_data import Codes
from python_hooks.evaluation_metrics import hits, ndcg
from python_hooks.evaluation_protocol import Fold
from python_hooks.evaluation_ranking import FloatArray, Scorer, top

K = 10
TRIALS = 20
Parameters = Mapping[str, float]
Ranges = Mapping[str, tuple[float, float]]
_LIFE = (0.5, 1000.0)  # half-lives in days: 1000 is all but no decay
_BACKOFF: Ranges = {"backoff_half_life_d": _LIFE}
_KNN: Ranges = {"neighbours": (10.0, 500.0), "half_life_d": _LIFE, **_BACKOFF}


@dataclass(frozen=True)
class Baseline:
    """A baseline.

    Attributes:
        name: As reports call it.
        scorer: Makes its scorer of a fold and parameters.
        ranges: Lowest and highest value of each parameter.
    """

    name: str
    scorer: Callable[..., Scorer]
    ranges: Ranges


@dataclass(frozen=True)
class Tuned:
    """What the validation chose.

    Attributes:
        parameters: The best set of the trials.
        value: Its mean NDCG@10 over the lists of the validation.
        trials: How many sets were tried.
    """

    parameters: Parameters
    value: float
    trials: int


def baselines() -> list[Baseline]:
    """All baselines that can run here: ALS is one if `implicit` is installed."""
    learned = [
        Baseline("item-kNN cosine", items.knn_cosine, {"shrink": (0.1, 1000.0), **_KNN}),
        Baseline("item-kNN BM25", items.knn_bm25, {"k1": (0.1, 10), "b": (0.01, 1), **_KNN}),
        Baseline("EASE", items.ease, {"l2": (1.0, 10_000.0), **_BACKOFF}),
    ]
    if items.has_als():
        ranges = {
            "factors": (8.0, 128.0),
            "regularization": (0.01, 100.0),
            "alpha": (1.0, 100.0),
        }
        learned.append(Baseline("ALS", items.als, {**ranges, **_BACKOFF}))
    return [
        Baseline("random", simple.random, {}),
        Baseline("popular", simple.popular, {}),
        Baseline("popular 7 d", partial(simple.recent_popular, days=7), {}),
        Baseline("popular 30 d", partial(simple.recent_popular, days=30), {}),
        Baseline("popular decayed", simple.decayed_popular, {"half_life_d": _LIFE}),
        Baseline("personal", simple.personal, _BACKOFF),
        Baseline(
            "personal decayed", simple.personal_decayed, {"half_life_d": _LIFE, **_BACKOFF}
        ),
        Baseline("last played", simple.last_played, _BACKOFF),
        *learned,
    ]


def tried(ranges: Ranges, trials: int) -> list[Parameters]:
    """The sets to try: points of a Halton sequence, one empty set without ranges.

    Values have four significant digits, as they are reported.
    """
    if not ranges:
        return [{}]
    # The first point is the corner 0.
    points = qmc.Halton(len(ranges), scramble=False).random(trials + 1)[1:]
    low, high = np.log(np.array(list(ranges.values()))).T
    values = np.exp(low + points * (high - low))
    return [
        {name: float(f"{value:.4g}") for name, value in zip(ranges, row, strict=True)}
        for row in values
    ]


def tune(
    baseline: Baseline, folds: Sequence[Fold], trials: int, tell: Callable[[], None]
) -> Tuned:
    """Tries sets of parameters on the validation.

    Args:
        baseline: What to tune.
        folds: The folds of the validation.
        trials: How many sets; one for a baseline without parameters.
        tell: Called after each trial.
    """
    sets, values = tried(baseline.ranges, trials), []
    for parameters in sets:
        lists = [top(baseline.scorer(fold, **parameters), fold, K) for fold in folds]
        values.append(mean_ndcg(lists, folds))
        tell()
    best = int(np.argmax(np.round(values, 9)))
    return Tuned(sets[best], values[best], len(sets))


def mean_ndcg(lists: Sequence[Codes], folds: Sequence[Fold]) -> float:
    """Mean NDCG over the lists of several folds."""
    return float(np.mean(list_ndcg(lists, folds)))


def list_ndcg(lists: Sequence[Codes], folds: Sequence[Fold]) -> FloatArray:
    """NDCG of each list of several folds, one fold after the other."""
    values = [
        ndcg(hits(each, fold.relevant), np.asarray(fold.relevant.sum(axis=1)).ravel())
        for each, fold in zip(lists, folds, strict=True)
    ]
    return np.concatenate(values)
