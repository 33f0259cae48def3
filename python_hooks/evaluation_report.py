"""An evaluation as figures: what `--json` prints, and the tables that people read."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Group, RenderableType
from rich.table import Column, Table
from rich.text import Text

from python_hooks.evaluation_bootstrap import DRAWS, SEED, Interval, interval
from python_hooks.evaluation_protocol import Fold
from python_hooks.evaluation_ranking import FloatArray
from python_hooks.evaluation_run import BLENDS, Evaluation, Judged
from python_hooks.home import Home

PRIMARY = "ndcg"
Report = dict[str, Any]
_MEASURES = {
    "ndcg": "NDCG@10",
    "recall": "Recall@10",
    "mrr": "MRR@10",
    "hit_rate": "HR@10",
    "next_mrr": "next MRR",
    "repeat_ndcg": "repeat NDCG",
    "explore_ndcg": "explore NDCG",
    "novelty": "novelty bits",
}


def report(
    evaluation: Evaluation,
    name: str,
    protocol: str,
    discover: bool,
    notes: Sequence[str] = (),
) -> Report:
    """All figures, as plain values; NaN becomes null.

    Every list counts the same. `all`, `warm` (listened before the cutoff) and `cold` are
    parts of the same lists. `best_baseline` has the highest NDCG@10 *on the test*, of all
    lists: the blend is compared with the one that was luckiest, and so is every baseline.
    """
    listener, warm = evaluation.listener, evaluation.warm
    parts = {"all": np.ones(len(warm), bool), "warm": warm, "cold": ~warm}
    rivals = [each for each in evaluation.models if each.name not in BLENDS]
    best = max(rivals, key=lambda model: round(float(model.values[PRIMARY].mean()), 9))
    return {
        "data": name,
        "protocol": protocol,
        "mode": "discover" if discover else "familiar",
        "lists": {part: int(mask.sum()) for part, mask in parts.items()},
        "listeners": {part: len(np.unique(listener[mask])) for part, mask in parts.items()},
        "interval": f"95 %, {DRAWS} draws of listeners, seed {SEED}",
        "cutoffs": [_cutoff(fold) for fold in evaluation.folds],
        "best_baseline": best.name,
        "models": [_model(model, evaluation, best, parts) for model in evaluation.models],
        "source_recall": {
            source: {part: _mean(values[mask]) for part, mask in parts.items()}
            for source, values in evaluation.sources.items()
        },
        "notes": list(notes),
    }


def keep(figures: Report, home: Home) -> None:
    """Keeps the last figures of each protocol and mode, for the docs."""
    folder = _folder(home)
    home.make(folder)
    draft = folder / "figures.new"
    draft.write_text(json.dumps(figures) + "\n", encoding="utf-8")
    draft.replace(folder / f"{figures['protocol']}_{figures['mode']}.json")


def kept(home: Home) -> list[Report]:
    """The figures that were kept last, by protocol and mode."""
    return [json.loads(path.read_text()) for path in sorted(_folder(home).glob("*.json"))]


def _folder(home: Home) -> Path:
    return home.logs / "evaluations"


def _cutoff(fold: Fold) -> Report:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=fold.cutoff)
    return {
        "cutoff": moment.isoformat().replace("+00:00", "Z") if fold.cutoff else None,
        "known_listens": len(fold.at),
        "asked": len(fold.asked),
        "warm": int(fold.warm.sum()),
        "targets": int(fold.relevant.sum()),
    }


def _model(
    model: Judged,
    evaluation: Evaluation,
    best: Judged,
    parts: Mapping[str, NDArray[np.bool_]],
) -> Report:
    listener, values = evaluation.listener, model.values
    difference = values[PRIMARY] - best.values[PRIMARY]
    per_fold = [
        _mean(values[PRIMARY][evaluation.fold == number])
        for number in range(len(evaluation.folds))
    ]
    return {
        "model": model.name,
        "parameters": dict(model.tuned.parameters),
        "trials": model.tuned.trials,
        "validation_ndcg": _plain(model.tuned.value),
        "coverage": _mean(model.coverage),
        "ndcg_by_cutoff": per_fold,
        **{
            part: {measure: _mean(values[measure][mask]) for measure in values}
            | {
                "ndcg_interval": _bounds(interval(values[PRIMARY][mask], listener[mask])),
                "versus_best": _bounds(interval(difference[mask], listener[mask])),
            }
            for part, mask in parts.items()
        },
    }


def _bounds(found: Interval) -> dict[str, float | None]:
    return {name: _plain(value) for name, value in found._asdict().items()}


def _mean(values: FloatArray) -> float | None:
    there = values[~np.isnan(values)]
    return _plain(float(there.mean())) if len(there) else None


def _plain(value: float) -> float | None:
    return None if np.isnan(value) else round(float(value), 9)


def tables(figures: Report) -> RenderableType:
    """The figures for people: one table per part of the lists, and the sources."""
    made: list[RenderableType] = [Text(note) for note in figures["notes"]]
    for part in ("all", "warm", "cold"):
        lists = figures["lists"][part]
        title = (
            f"{figures['data']}, {figures['protocol']}, {figures['mode']}: {part}, "
            f"{lists} lists of {figures['listeners'][part]} listeners"
        )
        made.append(_table(figures, part, title) if lists else Text(f"{title}: none asked"))
    if figures["source_recall"]:
        recalls = Table("source", "all", "warm", "cold", title="Recall of all candidates")
        for source, values in figures["source_recall"].items():
            recalls.add_row(source, *(spelled(values[part]) for part in values))
        made.append(recalls)
    return Group(*made)


def _table(figures: Report, part: str, title: str) -> Table:
    numbers = [Column(name, justify="right") for name in _MEASURES.values()]
    versus = f"less {figures['best_baseline']}"
    table = Table("model", "NDCG@10, 95 %", *numbers[1:], "coverage", versus, title=title)
    ordered = sorted(figures["models"], key=lambda model: -model[part][PRIMARY])
    for model in ordered:
        values = model[part]
        table.add_row(
            model["model"],
            between(values["ndcg_interval"]),
            *(spelled(values[measure]) for measure in list(_MEASURES)[1:]),
            spelled(model["coverage"]),
            between(values["versus_best"]),
        )
    return table


def between(bounds: Mapping[str, float | None]) -> str:
    """A mean with its interval, as `.312 [.290, .335]`."""
    mean, low, high = (spelled(bounds[name]) for name in ("mean", "low", "high"))
    return mean if bounds["mean"] is None else f"{mean} [{low}, {high}]"


def spelled(value: float | None) -> str:
    """Four places without the leading zero; a dash for nothing."""
    if value is None:
        return "-"
    return f"{value:.4f}".replace("0.", ".", 1) if abs(value) < 1 else f"{value:.2f}"
