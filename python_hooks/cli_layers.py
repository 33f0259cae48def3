"""The commands of the layers: run, watch, status, releases, rollback."""

import dataclasses
import signal
import threading
from pathlib import Path
from types import FrameType

import click

from python_hooks import batch, layers, releases, status, summary, table_sizes, watch
from python_hooks.cli_output import JSON, print_answer
from python_hooks.home import Home
from python_hooks.warehouse import Warehouse


@click.group()
def run() -> None:
    """Run a layer."""


@run.command(name="batch")
@click.argument("paths", nargs=-1)
@click.option("--listener", help="Who listened, for files that do not say.")
@click.option("--accept-rejects", is_flag=True, help="Go on without a file's broken rows.")
@JSON
def run_batch(
    paths: tuple[str, ...], listener: str, accept_rejects: bool, as_json: bool
) -> None:
    """Do all of it, e.g. `encore run batch my_spotify_data.zip`.

    Lands what is named, builds and tests the marts, builds the artifacts, publishes them
    together, writes the docs.
    """
    home = Home.from_environment()
    report = batch.run_batch(home, paths, listener=listener, accept_rejects=accept_rejects)
    figures = summary.summarise(home, report)
    print_answer(figures, as_json, summary.render(figures))


def _run_speed(lane: layers.Speed, as_json: bool) -> None:
    report = layers.run_speed(Home.from_environment(), lane)
    said = (
        "nothing new"
        if report.nothing_new
        else f"batches {report.batch + 1} to {report.upto} above the batch layer"
    )
    shown = f"{lane}: {said}, release {report.release} ({report.seconds} s)"
    print_answer(dataclasses.asdict(report), as_json, shown)


@run.command(name="minute")
@JSON
def run_minute(as_json: bool) -> None:
    """Publish what has landed since, in seconds, e.g. `encore run minute --json`."""
    _run_speed("minute", as_json)


@run.command(name="hourly")
@JSON
def run_hourly(as_json: bool) -> None:
    """Publish what has landed, compactly, e.g. `encore run hourly`.

    What minute runs left is put together.
    """
    _run_speed("hourly", as_json)


@click.command(name="releases")
@JSON
def releases_list(as_json: bool) -> None:
    """List what is kept, the newest first, e.g. `encore releases --json`."""
    home = Home.from_environment()
    with Warehouse(home) as warehouse:
        kept = releases.kept(warehouse)
    sized = []
    for release in kept:
        facts = dataclasses.asdict(release)
        size = table_sizes.of_builds(home, facts.pop("builds"))
        sized.append(facts | dataclasses.asdict(size))
    print_answer(sized, as_json, summary.releases_table(sized))


@click.command()
@click.argument("release")
@JSON
def rollback(release: str, as_json: bool) -> None:
    """Publish a kept release again, e.g. `encore rollback 20261124T143000123456`.

    The next speed run adds what has arrived since: nothing is lost.
    """
    now = layers.rollback(Home.from_environment(), release)
    shown = f"Release {now.release_id} is published, as {release} was (batch {now.upto})."
    print_answer(
        {"release": now.release_id, "batch": now.batch, "upto": now.upto}, as_json, shown
    )


@click.command(name="status")
@JSON
def show_status(as_json: bool) -> None:
    """Tell the layers' watermarks, lag, last runs and sizes, e.g. `encore status`."""
    found = status.look(Home.from_environment())
    print_answer(found, as_json, status.as_table(found))


@click.command(name="watch")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--every", default=5.0, show_default=True, help="Seconds between cycles.")
@click.option("--hourly", default=3600.0, show_default=True, help="Seconds between hourly.")
@click.option("--batch-at", default="", help="UTC time of the nightly batch: 03:00.")
def watch_folder(folder: Path, every: float, hourly: float, batch_at: str) -> None:
    """Land what appears in a folder, and run all layers, e.g. `encore watch inbox`.

    Ends at SIGTERM, after the cycle that runs; at Ctrl-C within seconds.
    """
    stop = threading.Event()
    interrupted = threading.Event()

    def end(number: int, _frame: FrameType | None) -> None:
        if number == signal.SIGINT:
            interrupted.set()
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)
    watch.Watch(Home.from_environment(), folder, hourly, batch_at).run(stop, every)
    if interrupted.is_set():
        raise KeyboardInterrupt
