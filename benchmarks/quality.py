"""Is the recommender still as good as recorded? What `make quality` runs.

    python -m benchmarks.quality                        # land, build, evaluate, compare
    python -m benchmarks.quality --report FILE…         # what `encore evaluate --json` made
    python -m benchmarks.quality --record …             # and record it in quality.json

Without reports two installations are made and evaluated: of the sample (both modes), and of
MovieLens-100K (discover), which is read in place in the wheel of recbole; where that cannot
be downloaded it is left out. A model fails whose NDCG@10 is below the recorded interval;
then the models, macros, seeds and vars are named that differ from what was recorded. They
are kept as hashes, since a commit may be rewritten.
"""

import csv
import hashlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click

from benchmarks import harness
from python_hooks import evaluation_readers
from python_hooks.console import err
from python_hooks.evaluation_data import History
from python_hooks.home import PROJECT

RECORDED = Path(__file__).with_name("quality.json")
WHEEL = "recbole==1.2.1"
# Tests of the data would take longer than the builds.
BUILD = (
    *("dbt", "build", "--exclude-resource-type", "test", "unit_test"),
    *("--exclude", "marts.training", "intermediate.training"),
)
# What decides what is recommended.
DECISIVE = ("models/**/*.sql", "macros/**/*.sql", "seeds/*.csv", "dbt_project.yml")
_ENCORE = (sys.executable, "-m", "python_hooks")
Report = dict[str, Any]


@click.command()
@click.option(
    "--report", "paths", multiple=True, type=Path, help="Made by `encore evaluate`."
)
@click.option("--record", is_flag=True, help="Record it as what has to be reached.")
@click.option("--memory", default="4g", show_default=True, help="Heap of the servers.")
def main(paths: Sequence[Path], record: bool, memory: str) -> None:
    """Compare with the recorded table; exit code 1 if something became worse."""
    reports = [json.loads(path.read_text()) for path in paths] or list(_evaluated(memory))
    old = json.loads(RECORDED.read_text()) if RECORDED.exists() else {"reports": {}}
    worse: dict[str, list[str]] = {}
    for report in reports:
        before = old["reports"].get(key(report), {})
        lines = compared(before.get("models"), report)
        harness.publish(key(report), "python -m benchmarks.quality", lines)
        names = [line["model"] for line in lines if line["worse"]]
        if names:
            worse[f"{key(report)}: {', '.join(names)}"] = changed(before["files"], files())
    if record:
        made = {
            key(report): {"models": recorded(report), "files": files()} for report in reports
        }
        text = json.dumps({"reports": old["reports"] | made}, indent=1)
        RECORDED.write_text(text + "\n")
    elif worse:
        for what, since in worse.items():
            err.print(f"Worse than recorded, {what}", markup=False)
            err.print(f"Changed since: {', '.join(since) or 'nothing'}", markup=False)
        sys.exit(1)


def key(report: Report) -> str:
    """What a report is of: data, protocol and mode."""
    return f"{report['data']}, {report['protocol']}, {report['mode']}"


def recorded(report: Report) -> dict[str, dict[str, float]]:
    """What is kept of a report: NDCG@10 and its interval by model."""
    return {model["model"]: model["all"]["ndcg_interval"] for model in report["models"]}


def compared(old: dict[str, dict[str, float]] | None, report: Report) -> list[dict[str, Any]]:
    """One line per model: NDCG@10 now and as recorded, and whether it fell too low.

    Too low is below the recorded interval; a model that was not recorded is never.
    """
    lines = []
    for name, now in recorded(report).items():
        before = (old or {}).get(name)
        lines.append(
            {
                "model": name,
                "ndcg": now["mean"],
                "recorded": before["mean"] if before else "-",
                "recorded low": before["low"] if before else "-",
                "worse": bool(before and now["mean"] < before["low"]),
            }
        )
    return lines


def files(project: Path = PROJECT) -> dict[str, str]:
    """What decides what is recommended, each with a hash of its text."""
    return {
        str(path.relative_to(project)): hashlib.sha256(path.read_bytes()).hexdigest()[:12]
        for pattern in DECISIVE
        for path in sorted(project.glob(pattern))
    }


def changed(before: dict[str, str], now: dict[str, str]) -> list[str]:
    """The files that differ, are new or are gone."""
    return sorted(
        name for name in before.keys() | now.keys() if before.get(name) != now.get(name)
    )


def movielens(folder: Path) -> Path:
    """Downloads the wheel that holds MovieLens-100K; nothing is installed.

    Raises:
        subprocess.SubprocessError: It cannot be downloaded.
    """
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", WHEEL]
    pip += ["-d", str(folder)]
    subprocess.run(pip, check=True, capture_output=True, timeout=300)
    return next(folder.glob("*.whl"))


def as_listens(history: History, path: Path) -> Path:
    """Writes a history as a file that `encore land` reads."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["listener", "id", "timestamp"])
        rows = (history.listener.tolist(), history.track.tolist(), history.at.tolist())
        for listener, track, at in zip(*rows, strict=True):
            moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=at)
            ids = history.listeners[listener], history.tracks[track]
            writer.writerow([*ids, moment.isoformat()])
    return path


def _evaluated(memory: str) -> Iterator[Report]:
    with harness.installation(memory) as home:
        err.print(f"The sample in {home.root}", markup=False)
        _build("sample")
        yield _evaluate("sample")
        yield _evaluate("sample", "--discover")
    with tempfile.TemporaryDirectory() as name, harness.installation(memory):
        folder = Path(name)
        try:
            wheel = movielens(folder)
        except subprocess.SubprocessError as error:
            err.print(f"MovieLens-100K is left out: {error}", markup=False)
            return
        listens = as_listens(evaluation_readers.read(wheel), folder / "ml-100k.csv")
        _build("land", str(listens))
        yield _evaluate("ml-100k", "--discover", "--fit")


def _build(*land: str) -> None:
    """Lands and builds in the installation of the environment."""
    for step in (("server", "start"), land, BUILD):
        subprocess.run([*_ENCORE, *step], cwd=PROJECT, check=True, stdout=subprocess.DEVNULL)


def _evaluate(name: str, *mode: str) -> Report:
    command = [*_ENCORE, "evaluate", "--json", *mode]
    done = subprocess.run(command, cwd=PROJECT, check=True, stdout=subprocess.PIPE)
    return {**json.loads(done.stdout), "data": name}


if __name__ == "__main__":
    main()
