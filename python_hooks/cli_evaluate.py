"""The commands `encore evaluate` and `encore fit`."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import click
from rich.console import Group
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
)

from python_hooks import evaluation_page, evaluation_readers, evaluation_report
from python_hooks.blended_lists import DISCOVER, LISTS, mode_of, variable
from python_hooks.cli_output import JSON, print_answer
from python_hooks.console import err
from python_hooks.errors import EncoreError
from python_hooks.evaluation_data import History
from python_hooks.evaluation_fit import fit_in_turn
from python_hooks.evaluation_items import has_als
from python_hooks.evaluation_protocol import folds, held_out, windows
from python_hooks.evaluation_report import Report
from python_hooks.evaluation_run import (
    Evaluation,
    Tell,
    judge_baselines,
    judge_blend,
    judge_fitted,
    source_recall,
)
from python_hooks.evaluation_trials import TRIALS, baselines
from python_hooks.evaluation_warehouse import asked, history, weights
from python_hooks.evaluation_weights import fitted, write_seed
from python_hooks.home import Home

_CUTOFFS = click.option("--cutoffs", default=8, show_default=True, help="How many tests.")
_VALIDATIONS = click.option(
    "--validations", default=8, show_default=True, help="How many cutoffs to tune on."
)
_TRIALS = click.option(
    "--trials", default=TRIALS, show_default=True, help="Sets of parameters per model."
)
_DISCOVER = click.option("--discover", is_flag=True, help="Only what is new to the listener.")


@click.command()
@click.option("--history", "path", type=Path, help="A file; baselines alone are evaluated.")
@click.option(
    "--format", "kind", type=click.Choice(list(evaluation_readers.READERS)), help="Its kind."
)
@click.option(
    "--protocol",
    type=click.Choice(["rolling", "static"]),
    default="rolling",
    show_default=True,
    help="Cutoffs in time, or the split that the file gives.",
)
@_DISCOVER
@_CUTOFFS
@_VALIDATIONS
@_TRIALS
@click.option("--fit", "fits", is_flag=True, help="Also fit the weights, and measure those.")
@click.option("--page", type=Path, help="Also write an HTML page there.")
@JSON
def evaluate(path: Path | None, page: Path | None, as_json: bool, **options: Any) -> None:
    """Measure the recommendations against baselines, e.g. `encore evaluate --page e.html`.

    Without --history: the installation's own listens and recommendations, rebuilt as of
    each cutoff; the server has to run.
    """
    if options["protocol"] == "static":
        figures = _static(path, options)
    elif path is not None:
        listens = evaluation_readers.read(path, options["kind"])
        figures = _rolling(listens, options, None)
    else:
        home = Home.from_environment()
        figures = _rolling(history(home), options, home)
        evaluation_report.keep(figures, home)
    if page is not None:
        err.print(f"Written: {evaluation_page.write(figures, page)}")
    print_answer(figures, as_json, evaluation_report.tables(figures))


@click.command()
@click.option("--mode", type=click.Choice(list(LISTS)), help="One mode; both if not given.")
@_CUTOFFS
@_VALIDATIONS
@_TRIALS
@click.option("--write", is_flag=True, help="Write the seed of the weights; then review it.")
@JSON
def fit(mode: str | None, write: bool, as_json: bool, **options: int) -> None:
    """Fit the weights of the blend on the validation, e.g. `encore fit --write`.

    Each mode has weights of its own. No validation looks beyond the first cutoff of
    `encore evaluate` with the same options. `encore run batch` publishes what was written.
    """
    home = Home.from_environment()
    listens, modes = history(home), [mode] if mode else list(LISTS)
    cuts, _ = windows(listens, options["cutoffs"], options["validations"])
    every = chain.from_iterable(folds(listens, cuts, each == DISCOVER) for each in modes)
    # What is asked at one cutoff one after the other, as it is rebuilt once.
    made = sorted(every, key=lambda fold: fold.cutoff)
    trials, end, found = options["trials"], cuts[-1].end, []
    with _progress(len(cuts) + len(modes) * trials) as tell:
        answers = asked(home, listens, made, weights(home), lambda: tell("as of a cutoff"))
        candidates = [answer.candidates for answer in answers]
        for each in modes:
            mine = [one for one in candidates if mode_of(one.fold.discover) == each]
            found.append(fitted(listens.name, mine, end, trials, partial(tell, each)))
    if write:
        err.print(f"Written: {write_seed(found)}. Review it with `git diff`.")
    shown = Group(*(each.as_table() for each in found))
    print_answer([asdict(each) for each in found], as_json, shown)


def _rolling(listens: History, options: dict[str, Any], home: Home | None) -> Report:
    validation, test = (
        folds(listens, cuts, options["discover"])
        for cuts in windows(listens, options["cutoffs"], options["validations"])
    )
    trials, fits = options["trials"], options["fits"]
    notes = [] if home else ["Baselines alone: the blend is evaluated on landed listens."]
    steps = _steps(len(test), trials) + (len(test) if home else 0)
    steps += len(validation) + trials if home and fits else 0
    models, sources = [], {}
    with _progress(steps) as tell:
        if home:
            seed = weights(home)
            mode = mode_of(options["discover"])
            answers = asked(home, listens, test, seed, lambda: tell("as of a cutoff"))
            candidates = [answer.candidates for answer in answers]
            known = {source: each.weight for source, each in seed[mode].items()}
            models += judge_blend([answer.lists for answer in answers], candidates, known)
            sources = source_recall(candidates)
        if home and fits:
            before = asked(home, listens, validation, seed, lambda: tell("as of a cutoff"))
            tuned = fit_in_turn(
                [each.candidates for each in before], trials, partial(tell, "fit")
            )
            artists = [answer.artists for answer in answers]
            models.append(judge_fitted(tuned, candidates, artists, variable("artist_cap")))
        models = [*judge_baselines(validation, test, trials, tell), *models]
    return _report(Evaluation(test, models, sources), listens.name, options, notes)


def _static(path: Path | None, options: dict[str, Any]) -> Report:
    if path is None:
        raise EncoreError(
            "--protocol static needs a file with a split.",
            "Name it: `encore evaluate --protocol static --history plays.csv.gz`.",
        )
    name, test = evaluation_readers.read_split(path)
    notes = ["A given split without time: what is measured here is no forecast."]
    with _progress(_steps(1, options["trials"])) as tell:
        models = judge_baselines([held_out(test)], [test], options["trials"], tell)
    options = {**options, "discover": True}
    return _report(Evaluation([test], models), name, options, notes)


def _report(
    evaluation: Evaluation, name: str, options: dict[str, Any], notes: list[str]
) -> Report:
    if not has_als():
        notes = [*notes, "ALS is left out: it needs `pip install implicit`."]
    return evaluation_report.report(
        evaluation, name, options["protocol"], options["discover"], notes
    )


def _steps(tests: int, trials: int) -> int:
    return sum((trials if each.ranges else 1) + tests for each in baselines())


@contextmanager
def _progress(steps: int) -> Iterator[Tell]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeElapsedColumn(), console=err, transient=True) as progress:
        task = progress.add_task("", total=steps)
        yield lambda name: progress.update(task, advance=1, description=name)
