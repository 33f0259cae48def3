"""The seed of the blend's weights: read, and written with where the weights come from."""

import csv
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from rich.table import Table

from python_hooks.errors import EncoreError
from python_hooks.evaluation_blend import Candidates
from python_hooks.evaluation_fit import PLACES, fit
from python_hooks.evaluation_report import spelled
from python_hooks.evaluation_trials import Parameters
from python_hooks.home import PROJECT

SEED = PROJECT / "seeds" / "recommendation_weights.csv"


@dataclass(frozen=True)
class Fitted:
    """Weights, and where they come from.

    Attributes:
        weights: Per source, adding up to 1.
        fitted_on: Name of the data.
        mode: `familiar` or `discover`: what the lists of the validation hold.
        cutoffs: How many cutoffs the validation had.
        fitted_upto: Day of the last listen that any validation saw (UTC): a date of the
            data, not of the clock, so that the same data give the same file.
        trials: How many sets of weights were tried.
        metric: What was maximised.
        value: Its value on the validation.
    """

    weights: Parameters
    fitted_on: str
    mode: str
    cutoffs: int
    fitted_upto: str
    trials: int
    metric: str
    value: float

    def as_dict(self) -> dict[str, Any]:
        """All of it, as `--json` prints it."""
        return asdict(self)

    def as_table(self) -> Table:
        """The weights beside those of the seed."""
        title = f"{self.metric} {spelled(self.value)} on {self.cutoffs} cutoffs up to "
        title += f"{self.fitted_upto}, {self.fitted_on}, {self.mode}, {self.trials} trials"
        table = Table("source", "fitted", "seed", title=title)
        seed = {row["source"]: row["weight"] for row in read_seed()}
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
    """Fits the weights and says where they come from.

    Args:
        name: Of the data.
        candidates: Of each cutoff of the validation.
        end: The last moment of the validation, microseconds since 1970.
        trials: How many sets of weights to try.
        tell: Called after each trial.

    Raises:
        EncoreError: No source proposes anything that was heard.
    """
    tuned = fit(candidates, trials, tell)
    day = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=end)).date()
    mode = "discover" if candidates[0].fold.discover else "familiar"
    return Fitted(
        tuned.parameters,
        name,
        mode,
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


def write_seed(found: Fitted, path: Path = SEED) -> Path:
    """Replaces the weights in the seed; sources, their order and `candidates` stay.

    Raises:
        EncoreError: The seed has other sources than were fitted.
    """
    rows = read_seed(path)
    names = {row["source"] for row in rows}
    if names != set(found.weights):
        raise EncoreError(
            f"The seed has the sources {', '.join(sorted(names))}; fitted were "
            f"{', '.join(sorted(found.weights))}.",
            "Publish the seed with `encore run batch`, fit again.",
        )
    origin = {name: value for name, value in asdict(found).items() if name != "weights"}
    with path.open("w", encoding="utf-8", newline="") as file:
        columns = ["source", "weight", "candidates", *origin]
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        for row in rows:
            weight = f"{found.weights[row['source']]:.{PLACES}f}"
            kept = {"source": row["source"], "candidates": row["candidates"]}
            writer.writerow({**kept, "weight": weight, **origin})
    return path
