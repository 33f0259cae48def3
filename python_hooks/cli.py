"""The command line: `encore`."""

import dataclasses
import io
import signal
import sys
from pathlib import Path
from typing import Any

import click

from python_hooks import (
    batch,
    docs_site,
    landing,
    recommender,
    server,
    similar_tracks,
    summary,
    time_travel,
)
from python_hooks.cli_artifacts import artifacts_group
from python_hooks.cli_develop import dev, diff
from python_hooks.cli_doctor import examine
from python_hooks.cli_evaluate import evaluate, fit
from python_hooks.cli_export import export
from python_hooks.cli_features import show_features
from python_hooks.cli_forget import forget_listener
from python_hooks.cli_layers import releases_list, rollback, run, show_status, watch_folder
from python_hooks.cli_output import AS_OF, JSON, MODEL, print_answer, print_fallback
from python_hooks.cli_rejects import show_rejects
from python_hooks.cli_report import report
from python_hooks.cli_search import search_tracks
from python_hooks.cli_why import why
from python_hooks.console import err, visible
from python_hooks.dbt_command import run_dbt
from python_hooks.errors import EncoreError
from python_hooks.home import Home
from python_hooks.interrupts import INTERRUPTED, typed
from python_hooks.sample_listening import Habits
from python_hooks.warehouse import Warehouse


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def encore() -> None:
    """From raw listening history to everything a recommender looks things up in."""


@encore.command()
@click.argument("paths", nargs=-1, required=True)
@click.option("--source", help="The source table, where a file fits two.")
@click.option("--listener", help="Who listened, for files that do not say.")
@JSON
def land(paths: tuple[str, ...], source: str, listener: str, as_json: bool) -> None:
    """Land files, folders or globs, e.g. `encore land my_spotify_data.zip`.

    CSV and JSON, plain, gzip or in a zip; the columns decide which source a file is of.
    """
    files = landing.land(paths, Home.from_environment(), source=source, listener=listener)
    print_answer(landing.as_dicts(files), as_json, landing.as_table(files))


@encore.command(name="sample")
@click.option("--seed", default=1, show_default=True, help="Seed of the generator.")
@click.option("--listeners", default=200, show_default=True, help="How many listeners.")
@click.option("--listens", default=40_000, show_default=True, help="How many listens.")
@click.option("--key", "keys", multiple=True, metavar="KEY=TRACKS", help="Tracks in a key.")
@click.option("--repeat-rate", default=0.45, show_default=True, help="0: nothing twice.")
@click.option("--skew", default=0.6, show_default=True, help="Of popularity (Zipf).")
@click.option("--tastes", default=3, show_default=True, help="Genres liked at a time.")
@click.option("--drift", default=1.0, show_default=True, help="0: tastes stay, 1: change.")
@JSON
def land_sample(
    seed: int,
    listeners: int,
    listens: int,
    keys: tuple[str, ...],
    as_json: bool,
    **habits: Any,
) -> None:
    """Generate the sample and land it, e.g. `encore sample --seed 2 --key 0=30`."""
    files = batch.land_sample(
        Home.from_environment(),
        seed=seed,
        listeners=listeners,
        listens=listens,
        key_counts=dict(map(_key_count, keys)) or None,
        habits=Habits(**habits),
    )
    print_answer(landing.as_dicts(files), as_json, landing.as_table(files))


def _key_count(text: str) -> tuple[int, int]:
    key, _, count = text.partition("=")
    try:
        return int(key), int(count)
    except ValueError:
        raise EncoreError(
            f"--key {text} is not KEY=TRACKS.", "Write it like `--key 7=163`."
        ) from None


@encore.command()
@click.option("--yes", is_flag=True, help="Do not ask.")
def reset(yes: bool) -> None:
    """Delete all that was landed and made from it, e.g. `encore reset --yes`.

    Without --yes it asks first.
    """
    home = Home.from_environment()
    if not yes:
        click.confirm(f"Delete landing, warehouse and artifacts of {home.root}?", abort=True)
    batch.reset(home)
    err.print(f"Nothing is landed in {home.root} now. Land files with `encore land`.")


@encore.group(name="server")
def server_group() -> None:
    """Start, stop and look at the local Spark server."""


@server_group.command(name="start")
@JSON
def server_start(as_json: bool) -> None:
    """Start it and wait until it answers, e.g. `encore server start`."""
    status = server.start(Home.from_environment())
    print_answer(dataclasses.asdict(status), as_json, status.note)


@server_group.command(name="stop")
@JSON
def server_stop(as_json: bool) -> None:
    """Stop it, e.g. `encore server stop`."""
    status = server.stop(Home.from_environment())
    print_answer(dataclasses.asdict(status), as_json, status.note)


@server_group.command(name="status")
@JSON
def server_status(as_json: bool) -> None:
    """Say whether it runs and answers, e.g. `encore server status --json`."""
    status = server.status(Home.from_environment())
    facts = dataclasses.asdict(status)
    known = [
        f"  {name.replace('_', ' ')}: {value}"
        for name, value in facts.items()
        if name not in ("running", "note", "answers") and value is not None
    ]
    print_answer(facts, as_json, "\n".join([status.note, *known]))
    sys.exit(0 if status.answers else 1)


@server_group.command(name="logs")
@click.option("--lines", default=50, show_default=True, help="How many lines.")
@click.option("--follow", is_flag=True, help="Go on with lines to come.")
def server_logs(lines: int, follow: bool) -> None:
    """Show the last lines of its log, e.g. `encore server logs --follow`."""
    for line in server.logs(Home.from_environment(), lines, follow):
        click.echo(visible(line.rstrip("\n")))


@encore.command(
    name="dbt", context_settings={"ignore_unknown_options": True, "help_option_names": []}
)
@click.argument("args", nargs=-1, type=click.UNPROCESSED)
def dbt(args: tuple[str, ...]) -> None:
    """Run dbt with the environment set, e.g. `encore dbt build -s fct_track_rfm+`."""
    sys.exit(run_dbt(args, Home.from_environment()))


@encore.command()
@click.argument("listener")
@click.option("-k", default=10, show_default=True, help="How many tracks.")
@click.option("--discover", is_flag=True, help="Only what the listener has not heard.")
@click.option(
    "--sources",
    type=click.Choice(["all", "sql"]),
    default="all",
    show_default=True,
    help="All with a weight, or those of the marts alone.",
)
@AS_OF
@JSON
def recommend(listener: str, sources: str, as_json: bool, **options: Any) -> None:
    """Recommend tracks to a listener, e.g. `encore recommend me -k 5`."""
    home = Home.from_environment()
    answer = recommender.recommend(listener, home, sql=sources == "sql", **options)
    print_fallback(answer.fallback)
    title = f"For {listener}, by {', '.join(answer.sources)}"
    print_answer(answer, as_json, summary.items_table(title, answer.items))


@encore.command()
@click.argument("track")
@click.option("-k", default=10, show_default=True, help="How many tracks.")
@click.option("--text", default="", help="Only tracks that `encore search` finds by this.")
@JSON
def similar(track: str, k: int, text: str, as_json: bool) -> None:
    """Find tracks like one, by its id, e.g. `encore similar TRACK --text genre:rock`."""
    answer = similar_tracks.similar(track, Home.from_environment(), k=k, text=text)
    print_fallback(answer.fallback)
    print_answer(answer, as_json, summary.items_table(f"Like {track}", answer.items))


@encore.command()
@MODEL
@click.option("--limit", default="20", show_default=True, help="How many rows, or `all`.")
@click.option("--where", help="A condition in Spark SQL.")
@click.option("--order-by", help="Columns, e.g. `track_rank, listen_count desc`.")
@click.option(
    "--format",
    "style",
    type=click.Choice(["table", "csv", "json"]),
    default="table",
    show_default=True,
    help="How to print the rows.",
)
@AS_OF
@JSON
def show(**options: Any) -> None:
    """Show rows of a mart, e.g. `encore show fct_key_frequency --order-by track_rank`.

    With --as-of the mart is built anew, in seconds to minutes, and published nowhere.
    """
    limit, order_by, model = options["limit"], options["order_by"], options["model"]
    if limit != "all" and not limit.isdecimal():
        raise EncoreError(f"--limit {limit} is neither a number nor `all`.")
    home = Home.from_environment()
    with (
        Warehouse(home) as warehouse,
        time_travel.pinned(home, warehouse, options["as_of"], [model]) as release,
    ):
        rows = warehouse.read(
            release.relation(model),
            where=options["where"],
            order_by=[part.strip() for part in order_by.split(",")] if order_by else None,
            limit=None if limit == "all" else int(limit),
        )
    summary.print_rows(rows, "json" if options["as_json"] else options["style"])


@encore.command()
@click.option("--to", "folder", type=Path, default=docs_site.SITE, help="Another folder.")
def docs(folder: Path) -> None:
    """Write the docs as one folder to publish, e.g. `encore docs --to public`.

    dbt's pages with the lineage, the features, the artifacts' receipts, the accounts, the
    runs and the last evaluation; by default in docs/site.
    """
    click.echo(docs_site.write(Home.from_environment(), folder=folder))


for _command in (
    artifacts_group,
    dev,
    diff,
    evaluate,
    examine,
    export,
    fit,
    forget_listener,
    run,
    releases_list,
    report,
    rollback,
    search_tracks,
    show_features,
    show_rejects,
    show_status,
    watch_folder,
    why,
):
    encore.add_command(_command)


def main() -> None:
    """Runs the command line; errors become a message and an exit code."""
    try:
        encore(standalone_mode=False)
    except EncoreError as error:
        err.print(error.message, style="red")
        if error.hint:
            err.print(error.hint)
        sys.exit(error.exit_code)
    except click.ClickException as error:
        # Not `show`, which writes to the terminal what was typed, whatever it is.
        shown = io.StringIO()
        error.show(shown)
        err.print(shown.getvalue().rstrip())
        sys.exit(2)
    except (KeyboardInterrupt, click.Abort):
        # Impatience is no second error.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        err.print(f"Stopped; what is published stays whole. To go on: `{typed()}`")
        sys.exit(INTERRUPTED)
