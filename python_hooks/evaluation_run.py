"""Runs an evaluation: tunes on the validation, lists on the test, keeps every value."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from numpy.typing import NDArray

from python_hooks import evaluation_metrics as metrics
from python_hooks.evaluation_blend import Candidates
from python_hooks.evaluation_data import Codes
from python_hooks.evaluation_protocol import Fold
from python_hooks.evaluation_ranking import FloatArray, top
from python_hooks.evaluation_trials import Parameters, Tuned, baselines, tune

LISTED = 20
CUTS = (10, 20)
BLEND, UNCAPPED, FITTED = "blend", "blend, no artist cap", "blend, fitted here"
BLENDS = (BLEND, UNCAPPED, FITTED)
# What a trial or a test is, and of how many.
Tell = Callable[[str], None]


@dataclass(frozen=True)
class Judged:
    """A model on the test.

    Attributes:
        name: As reports call it.
        tuned: What the validation chose for it.
        values: Per measure, one value per list over all folds, NaN where it has none: (n,).
        coverage: Share of the known tracks that are in any first ten: (folds,).
    """

    name: str
    tuned: Tuned
    values: Mapping[str, FloatArray]
    coverage: FloatArray


@dataclass(frozen=True)
class Evaluation:
    """What was measured.

    Attributes:
        folds: The folds of the test.
        models: The baselines, and the blend last if there is one.
        sources: Share of the targets that each source proposes: (n,).
    """

    folds: Sequence[Fold]
    models: Sequence[Judged]
    sources: Mapping[str, FloatArray] = field(default_factory=dict)

    @property
    def listener(self) -> Codes:
        """Whose list it is: (n,)."""
        return np.concatenate([fold.asked for fold in self.folds])

    @property
    def warm(self) -> NDArray[np.bool_]:
        """Whether they had listened before the cutoff: (n,)."""
        return np.concatenate([fold.warm for fold in self.folds])

    @property
    def fold(self) -> NDArray[np.int64]:
        """In which fold it was asked for: (n,)."""
        sizes = [len(fold.asked) for fold in self.folds]
        return np.repeat(np.arange(len(sizes)), sizes)


def judge_baselines(
    validation: Sequence[Fold], test: Sequence[Fold], trials: int, tell: Tell
) -> list[Judged]:
    """Tunes every baseline and measures it on the test.

    Args:
        validation: Folds to choose parameters on.
        test: Folds to measure on.
        trials: How many sets of parameters each may try.
        tell: Called with the baseline's name after each trial and each test.
    """
    judged = []
    for baseline in baselines():
        tuned = tune(baseline, validation, trials, partial(tell, baseline.name))
        lists = []
        for fold in test:
            lists.append(top(baseline.scorer(fold, **tuned.parameters), fold, LISTED))
            tell(baseline.name)
        judged.append(judge(baseline.name, tuned, lists, test))
    return judged


def judge_blend(
    answers: Sequence[Codes], candidates: Sequence[Candidates], weights: Parameters
) -> list[Judged]:
    """Measures the recommendations, and the same blend without the cap of artists.

    Args:
        answers: The recommendations of each fold: (m, `LISTED`).
        candidates: What they were chosen from.
        weights: The published weights.
    """
    asked = [each.fold for each in candidates]
    # The weights were tuned when they were fitted, not here.
    tuned = Tuned(weights, np.nan, 0)
    uncapped = [each.lists(weights, LISTED) for each in candidates]
    return [judge(BLEND, tuned, answers, asked), judge(UNCAPPED, tuned, uncapped, asked)]


def judge_fitted(
    fitted: Tuned,
    candidates: Sequence[Candidates],
    artists: Sequence[Sequence[str]],
    cap: int,
) -> Judged:
    """Measures the blend with weights that were fitted on the validation.

    Args:
        fitted: The weights.
        candidates: Of each fold of the test.
        artists: Per fold, the artist of each code of a track.
        cap: How many tracks of an artist may be in every ten.
    """
    lists = [
        each.capped_lists(fitted.parameters, names, cap, LISTED)
        for each, names in zip(candidates, artists, strict=True)
    ]
    return judge(FITTED, fitted, lists, [each.fold for each in candidates])


def judge(name: str, tuned: Tuned, lists: Sequence[Codes], folds: Sequence[Fold]) -> Judged:
    """Measures lists of at least 20; `recall@20` and `ndcg@20` beside the measures at 10."""
    parts = []
    for each, fold in zip(lists, folds, strict=True):
        values = dict(metrics.measure(each[:, : CUTS[0]], fold))
        count = np.asarray(fold.relevant.sum(axis=1)).ravel().astype(np.int64)
        found = metrics.hits(each[:, : CUTS[1]], fold.relevant)
        values[f"recall@{CUTS[1]}"] = metrics.recall(found, count)
        values[f"ndcg@{CUTS[1]}"] = metrics.ndcg(found, count)
        parts.append(values)
    joined = {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}
    shares = [
        metrics.coverage(each[:, : CUTS[0]], int(fold.known.sum()))
        for each, fold in zip(lists, folds, strict=True)
    ]
    return Judged(name, tuned, joined, np.array(shares))


def source_recall(candidates: Sequence[Candidates]) -> dict[str, FloatArray]:
    """Share of the targets that each source proposes, over all folds: (n,)."""
    parts = [each.source_recall() for each in candidates]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
