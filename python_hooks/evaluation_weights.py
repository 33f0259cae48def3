"""The seed of the blend's weights: read, and written with where they come from."""

import csv
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from rich.table import Table
from rich.text import Text

from python_hooks.blended_lists import mode_of
from python_hooks.errors import EncoreError
from python_hooks.evaluation_blend import Candidates
from python_hooks.evaluation_fit import PLACES, fit_in_turn
from python_hooks.evaluation_report import spelled
from python_hooks.evaluation_trials import Parameters
from python_hooks.home import PROJECT

# Columns that say where the weights come from.
_ORIGIN = ("fitted_on", "cutoffs", "fitted_upto", "trials", "metric", "value")
SEED = PROJECT / "seeds" / "recommendation_weights.csv"


@dataclass(frozen=True)
class Fitted:
    """Weights of a mode, and where they come from.

    Attributes:
        mode: `familiar` or `discover`: what the lists of the validation hold.
        weights: Per source, adding up to 1.
        fitted_on: Name of the data.
        cutoffs: How many cutoffs the validation had.
        fitted_upto: Day of the last listen that any validation saw (UTC): a date of the
            data, not of the clock, so that the same data give the same file.
        trials: How many sets of weights were tried.
        metric: What was maximised.
        value: Its value on the validation.
    """

    mode: str
    weights: Parameters
    fitted_on: str
    cutoffs: int
    fitted_upto: str
    trials: int
    metric: str
    value: float

    def as_table(self) -> Table:
        """The weights beside those of the seed."""
        title = f"{self.mode}: {self.metric} {spelled(self.value)} on {self.cutoffs} cutoffs "
        title += f"up to {self.fitted_upto}, {self.fitted_on}, {self.trials} trials"
        table = Table("source", "fitted", "seed", title=Text(title))
        seed = {
            row["source"]: row["weight"] for row in read_seed() if row["mode"] == self.mode
        }
        for source, weight in sorted(self.weights.items()):
            table.add_row(source, f"{weight:.{PLACES}f}", seed.get(source, "-"))
        return table


def fitted(
    name: str,
    candidates: Sequence[Candidates],
    end: int,
    trials: int,
    tell: Callable[[], None],
) -> Fitted:
    """Fits the weights of a mode and says where they come from.

    Args:
        name: Of the data.
        candidates: Of each cutoff of the validation.
        end: The last moment of the validation, microseconds since 1970.
        trials: How many sets of weights to try.
        tell: Called after each trial.

    Raises:
        EncoreError: No source proposes anything that was heard.
    """
    tuned = fit_in_turn(candidates, trials, tell)
    day = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=end)).date()
    return Fitted(
        mode_of(candidates[0].fold.discover),
        tuned.parameters,
        name,
        len(candidates),
        day.isoformat(),
        tuned.trials,
        "NDCG@10",
        round(tuned.value, PLACES),
    )


def read_seed(path: Path = SEED) -> list[dict[str, str]]:
    """The rows of the seed, as text."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def write_seed(found: Sequence[Fitted], path: Path = SEED) -> Path:
    """Replaces the weights of some modes; rows of the others, and their order, stay.

    Raises:
        EncoreError: The seed has other sources than were fitted.
    """
    rows = read_seed(path)
    for each in found:
        there = [row for row in rows if row["mode"] == each.mode]
        names = {row["source"] for row in there}
        if names != set(each.weights):
            raise EncoreError(
                f"The seed has for {each.mode} the sources {', '.join(sorted(names))}; "
                f"fitted were {', '.join(sorted(each.weights))}.",
                "Publish the seed with `encore run batch`, fit again.",
            )
        origin = {name: str(getattr(each, name)) for name in _ORIGIN}
        for row in there:
            weight = f"{each.weights[row['source']]:.{PLACES}f}"
            row.update(origin, weight=weight)
    with path.open("w", encoding="utf-8", newline="") as file:
        columns = ["mode", "source", "weight", *_ORIGIN]
        writer = csv.DictWriter(file, columns, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return path
