"""What each run of dbt took, model by model: one small file per run, the newest are kept."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from python_hooks.home import Home

# Of a minute layer that runs each minute, some hours.
_KEPT = 500
_BUILDS = ("build", "run", "seed", "test")


@dataclass(frozen=True)
class Run:
    """One run of dbt.

    Attributes:
        ended_at: ISO 8601 in UTC.
        lane: `batch`, `hourly` or `minute`; `all` for a plain `dbt build`.
        seconds: How long dbt ran, its own start included.
        models: Model or seed to the seconds it took, of those that were built.
        tests: Data and unit tests that ran.
        failed: Models and tests that failed.
    """

    ended_at: str
    lane: str
    seconds: float
    models: Mapping[str, float] = field(default_factory=dict)
    tests: int = 0
    failed: tuple[str, ...] = ()


def record(home: Home, target: Path, lane: str, since: float) -> None:
    """Keeps the results that dbt has written to its target folder.

    Args:
        home: The installation.
        target: dbt's target folder.
        lane: The layer that was run.
        since: When the run began, in seconds since 1970; older results are not its own.
    """
    path = target / "run_results.json"
    if not path.exists() or path.stat().st_mtime < since:
        return
    results = json.loads(path.read_text())
    if results["args"].get("which") not in _BUILDS:
        return
    run = _run(results, lane)
    folder = _folder(home)
    home.make(folder)
    draft = folder / f".{results['metadata']['invocation_id']}.new"
    draft.write_text(json.dumps(asdict(run)) + "\n")
    draft.replace(folder / f"{run.ended_at.replace(':', '')}-{lane}.json")
    for old in sorted(folder.glob("*.json"))[:-_KEPT]:
        # Another layer that ends now may have removed it.
        old.unlink(missing_ok=True)


def read(home: Home) -> list[Run]:
    """The runs that are kept, the oldest first."""
    runs = []
    for path in sorted(_folder(home).glob("*.json")):
        try:
            found = json.loads(path.read_text())
            runs.append(Run(**found | {"failed": tuple(found["failed"])}))
        except (OSError, ValueError, TypeError, KeyError):
            # History is told as far as it can be read.
            continue
    return runs


def _run(results: dict[str, Any], lane: str) -> Run:
    kinds = [(each["unique_id"].split("."), each) for each in results["results"]]
    return Run(
        ended_at=_moment(results["metadata"]["generated_at"]),
        lane=lane,
        seconds=round(results["elapsed_time"], 1),
        models={
            name[2]: round(each["execution_time"], 2)
            for name, each in kinds
            if name[0] in ("model", "seed") and each["status"] == "success"
        },
        tests=sum(
            name[0] in ("test", "unit_test") and each["status"] != "skipped"
            for name, each in kinds
        ),
        failed=tuple(name[2] for name, each in kinds if each["status"] in ("error", "fail")),
    )


def _moment(text: str) -> str:
    moment = datetime.fromisoformat(text).astimezone(UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _folder(home: Home) -> Path:
    return home.logs / "runs"
