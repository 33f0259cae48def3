"""Is the recommender still as good as recorded? What `make quality` runs.

    python -m benchmarks.quality                        # land, build, evaluate, compare
    python -m benchmarks.quality --report FILE…         # what `encore evaluate --json` made
    python -m benchmarks.quality --record …             # and record it in quality.json

Without reports two installations are made and evaluated: of the sample (familiar), and of
MovieLens-100K (discover), which is read in place in the wheel of recbole; where that cannot
be downloaded it is left out. A model fails whose NDCG@10 is below the recorded interval;
then the models, macros and seeds are named that differ from the recorded commit.
"""

import csv
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
_CHANGES = ("models", "macros", "seeds")
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
    worse = []
    for report in reports:
        lines = compared(old["reports"].get(key(report)), report)
        harness.publish(key(report), "python -m benchmarks.quality", lines)
        worse += [f"{key(report)}: {line['model']}" for line in lines if line["worse"]]
    if record:
        kept = old["reports"] | {key(report): recorded(report) for report in reports}
        text = json.dumps({"commit": harness.commit(), "reports": kept}, indent=1)
        RECORDED.write_text(text + "\n")
    elif worse:
        err.print("Worse than recorded: " + "; ".join(worse), markup=False)
        err.print("Changed since: " + (", ".join(_changed(old["commit"])) or "nothing"))
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
        yield _evaluate("sample", ("sample",), ())
    with tempfile.TemporaryDirectory() as name, harness.installation(memory):
        folder = Path(name)
        try:
            wheel = movielens(folder)
        except subprocess.SubprocessError as error:
            err.print(f"MovieLens-100K is left out: {error}", markup=False)
            return
        listens = as_listens(evaluation_readers.read(wheel), folder / "ml-100k.csv")
        yield _evaluate("ml-100k", ("land", str(listens)), ("--discover", "--fit"))


def _evaluate(name: str, land: Sequence[str], mode: Sequence[str]) -> Report:
    """Lands, builds and evaluates in the installation of the environment."""
    command = [sys.executable, "-m", "python_hooks"]
    for step in (("server", "start"), land, BUILD):
        subprocess.run([*command, *step], cwd=PROJECT, check=True, stdout=subprocess.DEVNULL)
    done = subprocess.run(
        [*command, "evaluate", "--json", *mode],
        cwd=PROJECT,
        check=True,
        stdout=subprocess.PIPE,
    )
    return {**json.loads(done.stdout), "data": name}


def _changed(commit: str) -> list[str]:
    git = ["git", "-C", str(PROJECT), "diff", "--name-only", commit.removesuffix("-dirty")]
    done = subprocess.run(
        [*git, "--", *_CHANGES], capture_output=True, text=True, check=False
    )
    return done.stdout.split()


if __name__ == "__main__":
    main()
