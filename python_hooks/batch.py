"""The main job: landing, `dbt build`, artifacts and docs, and no needless step."""

import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Unpack

import pyarrow as pa
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
)
from rich.text import Text

from python_hooks import (
    artifacts,
    development,
    docs_site,
    landing,
    layers,
    releases,
    sample,
    server,
)
from python_hooks.console import err
from python_hooks.dbt_events import NodeEvent
from python_hooks.errors import EncoreError, NegativeAnswerError
from python_hooks.home import PROJECT, Home, target_folder
from python_hooks.lock import BuildLock, build_lock, speed_lock
from python_hooks.warehouse import Warehouse

_INPUTS = ("models", "macros", "seeds", "tests/data", "profiles", "python_hooks")
_BATCH_ONLY = ("int_listens_log", "dim_tracks", "rec_listener_tracks")
_INPUT_FILES = ("dbt_project.yml", "selectors.yml", "requirements.lock")


@dataclass
class Report:
    """What a run did.

    Attributes:
        nothing_new: Nothing had changed since the last run; dbt was not started.
        seconds: Seconds of each step, in order.
    """

    nothing_new: bool = False
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Times a step and tells of its start and end on stderr."""
        begun = time.monotonic()
        err.print(Text.assemble((name, "bold"), " …"))
        yield
        self.seconds[name] = round(time.monotonic() - begun, 1)
        took = f" {name} ({self.seconds[name]:.1f} s)"
        err.print(Text.assemble(("✓", "green"), took))


def run_batch(
    home: Home,
    data: Sequence[str] = (),
    *,
    listener: str | None = None,
    accept_rejects: bool = False,
) -> Report:
    """Brings marts, artifacts and docs up to what has landed and what the code says.

    Args:
        home: The installation; its server is started if it does not run.
        data: Files, folders or globs to land first; the sample, if nothing was
            ever landed and this is empty.
        listener: The listener of files that name none.
        accept_rejects: Go on although a new file is mostly unusable.

    Raises:
        NegativeAnswerError: A model or test failed, or an artifact is not good enough.
        EncoreError: A step could not run, or another build holds the lock.
    """
    report = Report()
    if home.target != "prod":
        raise EncoreError(
            f"ENCORE_TARGET={home.target} publishes nothing.",
            "Leave the shell of `encore dev` (`exit`), or unset ENCORE_TARGET.",
        )
    with build_lock(home, "encore run batch") as lock:
        with report.step("server"):
            server.start(home)
        with report.step("landing"):
            _land(home, data, listener)
        now = inputs(home)
        with report.step("what is new"):
            made = _made(home, now)
            report.nothing_new = (
                bool(made) and _last(home) == made and docs_site.INDEX.exists()
            )
        if report.nothing_new:
            return report
        rebuild(home, lock, report, accept_rejects=accept_rejects)
        with report.step("docs"):
            docs_site.write(home, lock)
        development.keep_manifest(home)
        if made := _made(home, now):
            _state(home).write_text(json.dumps(made))
    return report


def rebuild(
    home: Home, lock: BuildLock, report: Report, *, accept_rejects: bool = False
) -> None:
    """Builds, tests and publishes marts and artifacts, under the build lock.

    Unit tests look at the code alone: what the last run has passed is not asked again.
    """
    edited = _last(home).get("code") != _code(home)
    with report.step("dbt build"), _bar() as show:
        build = layers.build_batch(
            home, lock, show, unit_tests=edited, accept_rejects=accept_rejects
        )
    with report.step("artifacts"):
        _build_artifacts(home, build)
    with report.step("publish"):
        layers.publish(home, build)


def build_artifacts(home: Home, names: Sequence[str] = ()) -> str:
    """Builds artifacts from the published marts and releases them.

    Returns:
        Id of the release they were built from.

    Raises:
        EncoreError: Nothing is published, or other artifacts are of other marts.
        NegativeAnswerError: An artifact is worse than declared.
    """
    _build_artifacts(home, None, names)
    with speed_lock(home, "releasing artifacts"):
        release = layers.follow(home)
    if problems := layers.unsound_artifacts(home, release):
        raise NegativeAnswerError("; ".join(problems), "Run `encore artifacts build`.")
    return release.release_id


def _build_artifacts(home: Home, build: str | None, names: Sequence[str] = ()) -> None:
    with Warehouse(home) as warehouse:
        release = (
            releases.unpublished(warehouse, home, build)
            if build
            else releases.current(warehouse, home)
        )

        def read(model: str, columns: Sequence[str]) -> pa.Table:
            return warehouse.read(release.relation(model), columns)

        artifacts.build(
            artifacts.declared(), home, read, layers.version_of(release.builds), names or None
        )


def land_sample(home: Home, **options: Unpack[sample.Options]) -> list[landing.LandedFile]:
    """Generates the sample into `sample/` of the state folder and lands it."""
    folder = home.root / "sample"
    shutil.rmtree(folder, ignore_errors=True)
    home.make(folder)
    sample.generate(folder, **options)
    # Rows name their file by this path: short where it can be.
    return landing.land([os.path.relpath(folder)], home, origin="sample")


def reset(home: Home) -> None:
    """Stops the server and deletes all that was landed and made from it.

    Raises:
        EncoreError: Another build holds the lock.
    """
    with build_lock(home, "encore reset"):
        server.stop(home)
        for folder in (home.landing, home.warehouse, home.metastore, home.artifacts):
            shutil.rmtree(folder, ignore_errors=True)
        shutil.rmtree(home.root / "sample", ignore_errors=True)
        _state(home).unlink(missing_ok=True)
        development.forget_manifest(home)


def _land(home: Home, data: Sequence[str], listener: str | None) -> None:
    if data:
        landed = landing.land(data, home, listener=listener)
    elif landing.is_empty(home):
        landed = land_sample(home)
    else:
        return
    err.print(landing.as_table(landed))


@contextmanager
def _bar() -> Iterator[Callable[[NodeEvent], None]]:
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=err,
        transient=True,
    ) as progress:
        bar = progress.add_task("dbt build", total=None)
        yield lambda event: progress.update(
            bar, total=event.total, completed=event.done, description=event.node[:40]
        )


def _made(home: Home, made_of: dict[str, str]) -> dict[str, str] | None:
    """What a complete run over these inputs leaves; None where something is missing."""
    if not (target_folder() / "manifest.json").exists():
        return None
    try:
        with Warehouse(home) as warehouse:
            release = releases.current(warehouse, home)
    except EncoreError:
        return None
    if layers.unsound_artifacts(home, release):
        return None
    # Speed runs in between change nothing of what a batch makes.
    made = [release.builds.get(model, "") for model in _BATCH_ONLY]
    return {**made_of, "builds": " ".join(made)}


def inputs(home: Home) -> dict[str, str]:
    """Hashes of all that decides what a run makes: the code and the landed batches."""
    digest = hashlib.sha256()
    for batch in landing.batches(home):
        digest.update(f"{batch.source}\0{batch.batch_id}\0{batch.digest}\0".encode())
    return {"code": _code(home), "landed": digest.hexdigest()}


def _code(home: Home) -> str:
    """Hash of the project's files and of the settings that they are run with."""
    digest = hashlib.sha256()
    files = [PROJECT / name for name in _INPUT_FILES]
    for folder in _INPUTS:
        files += [path for path in (PROJECT / folder).rglob("*") if path.is_file()]
    for path in sorted(files):
        if path.exists() and "__pycache__" not in path.parts:
            digest.update(f"{path.relative_to(PROJECT)}\0".encode() + path.read_bytes())
    digest.update(f"{home.target}\0{home.session_timezone}".encode())
    return digest.hexdigest()


def _state(home: Home) -> Path:
    return home.run / "last_batch.json"


def _last(home: Home) -> dict[str, str]:
    try:
        last = json.loads(_state(home).read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return last if isinstance(last, dict) else {}
