"""The docs as one folder to publish: dbt's pages, and what an installation says of itself.

`index.html` binds them. No page loads anything, and none names a listener.
"""

import html
import json
import os
import shutil
import statistics
from collections import defaultdict
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from python_hooks import (
    artifacts,
    docs_dbt,
    evaluation_page,
    evaluation_report,
    feature_definitions,
    html_page,
    mart_profiles,
    marts,
    releases,
    run_history,
)
from python_hooks.dbt_command import run_dbt_with_events
from python_hooks.errors import EncoreError
from python_hooks.home import PROJECT, Home, target_folder
from python_hooks.html_page import table
from python_hooks.lock import BuildLock
from python_hooks.mart_profiles import Profile
from python_hooks.receipt import Receipt
from python_hooks.releases import Release
from python_hooks.run_history import Run
from python_hooks.warehouse import Warehouse

SITE = PROJECT / "docs" / "site"
INDEX = SITE / "index.html"
_MARK = "dbt.html"

_RUNS_SHOWN = 50
_BATCHES_COMPARED = 10
_PAGES = {
    "index": "Encore",
    "dbt": "Models and lineage",
    "features": "Features",
    "artifacts": "Artifacts",
    "accounts": "Accounts",
    "runs": "Runs",
    "evaluation": "Evaluation",
}
_STYLE = """:root{--ink:#1d2330;--paper:#fff;--muted:#5b6578;--accent:#a2391b;--line:#dfe3ea;
--soft:#f5f6f9}
@media(prefers-color-scheme:dark){:root{--ink:#e8ebf2;--paper:#12151c;--muted:#98a2b6;
--accent:#ff9466;--line:#2a3040;--soft:#1a1f2a}svg{background:#fff;border-radius:4px}}
*{box-sizing:border-box}body{font:16px/1.5 system-ui,sans-serif;color:var(--ink);
background:var(--paper);max-width:72rem;margin:0 auto;padding:1rem}
nav{display:flex;flex-wrap:wrap;gap:.25rem 1.25rem;padding-bottom:.5rem;
border-bottom:1px solid var(--line)}
a{color:var(--accent)}a:focus-visible,div:focus-visible{outline:2px solid var(--accent)}
nav a[aria-current]{color:var(--ink);text-decoration:none;font-weight:600}
h1{margin:1.5rem 0 .5rem}h2{margin-top:2rem}.muted,dt{color:var(--muted)}
.scroll{overflow-x:auto}table{border-collapse:collapse;margin:.5rem 0;
font-variant-numeric:tabular-nums}
td,th{padding:.25rem .75rem .25rem 0;border-bottom:1px solid var(--line);text-align:left;
vertical-align:top}th{color:var(--muted);font-weight:500}
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(15rem,1fr));gap:1rem;
padding:0;list-style:none}.cards li{background:var(--soft);border-radius:8px;padding:1rem}
.cards p{margin:.25rem 0 0}dl{display:flex;flex-wrap:wrap;gap:.5rem 2.5rem}
dd{margin:0;font-size:1.4rem}td i{display:inline-block;height:.7em;background:var(--accent);
border-radius:2px;margin-right:.5em}svg{max-width:100%;height:auto}"""


def write(home: Home, lock: BuildLock | None = None, folder: Path = SITE) -> Path:
    """Writes the folder; returns its landing page.

    Args:
        home: The installation; its server has to run.
        lock: The build lock, where the caller holds it.
        folder: Where to; what the last run wrote there is replaced.

    Raises:
        EncoreError: dbt could not describe the project, nothing is published, the target
            publishes nothing, or the folder holds something else.
    """
    if home.target != "prod":
        raise EncoreError(
            f"The docs are of what is published, and ENCORE_TARGET={home.target} publishes "
            "nothing.",
            "Leave the shell of `encore dev` (`exit`), or unset ENCORE_TARGET.",
        )
    if folder != SITE and not _is_ours(folder):
        raise EncoreError(
            f"{folder} holds something that is no docs.", "Name a folder that does not exist."
        )
    _describe(home, lock)
    with Warehouse(home) as warehouse:
        release = releases.current(warehouse, home)
        # A mart that is new in the project is not there before the next batch.
        known = [name for name in marts.marts() if name in release.builds]
        profiles = mart_profiles.of_marts(known, release, warehouse)
        accounts = warehouse.read(
            release.relation("fct_landing_accounts"), order_by=["source", "batch_id desc"]
        ).to_pylist()
        reasons = warehouse.read(
            release.relation("fct_rejected_reasons"), order_by=["source", "row_count desc"]
        ).to_pylist()
    runs = run_history.read(home)
    receipts = artifacts.overview(artifacts.declared(), home)
    draft = _aside(folder, "new")
    try:
        draft.mkdir(parents=True)
        (draft / _MARK).write_text(docs_dbt.page(target_folder(), profiles), "utf-8")
        _write(draft, "index", _index(release, profiles))
        _write(draft, "features", _features())
        _write(draft, "artifacts", "".join(map(_artifact, receipts)))
        _write(draft, "accounts", _accounts(accounts, reasons))
        _write(draft, "runs", _runs(runs))
        _write(draft, "evaluation", _evaluations(home, draft))
        _put(draft, folder)
    except OSError as error:
        raise EncoreError(
            f"{folder} cannot be written: {error.strerror or error}.",
            "Check space and permissions there, or name another folder: `encore docs --to`.",
        ) from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return folder / "index.html"


def _is_ours(folder: Path) -> bool:
    """Whether a folder may be replaced: it is not there, empty, or holds older docs."""
    if not folder.is_dir():
        return not folder.exists()
    return (folder / _MARK).exists() or not any(folder.iterdir())


def _put(draft: Path, folder: Path) -> None:
    """Replaces a folder: its pages are all from before, or all from now.

    Raises:
        OSError: Even after others had been given way to, it cannot be replaced.
    """
    old = _aside(folder, "old")
    for patience in reversed(range(10)):
        with suppress(FileNotFoundError):
            folder.rename(old)
        try:
            draft.rename(folder)
            return
        except OSError:
            # Another process has put its own there in between.
            if not patience:
                raise
        finally:
            shutil.rmtree(old, ignore_errors=True)


def _aside(folder: Path, kind: str) -> Path:
    path = folder.with_name(f".{folder.name}.{kind}.{os.getpid()}")
    shutil.rmtree(path, ignore_errors=True)
    return path


def _describe(home: Home, lock: BuildLock | None) -> None:
    command = ["docs", "generate", "--no-compile"]
    result = run_dbt_with_events(command, home, lambda _event: None, lock=lock)
    if result.exit_code:
        raise EncoreError(
            "dbt could not write the docs: "
            + "; ".join(failed.message for failed in result.failures),
            "Run `encore dbt docs generate` to see more.",
        )


def _write(folder: Path, name: str, body: str) -> None:
    links = "".join(
        f"<a href='{page}.html'{' aria-current=page' if page == name else ''}>{title}</a>"
        for page, title in _PAGES.items()
    )
    body = f"<nav aria-label=Pages>{links}</nav><main><h1>{_PAGES[name]}</h1>{body}</main>"
    html_page.write(folder / f"{name}.html", _PAGES[name], _STYLE, body)


def _scrolling(head: Sequence[str], rows: Iterable[Sequence[str]], what: str) -> str:
    # A table that is wider than a phone moves by itself, with the keyboard too.
    label = html.escape(what, quote=True)
    return f'<div class=scroll tabindex=0 role=region aria-label="{label}">' + (
        f"{table(head, rows)}</div>"
    )


def _index(release: Release, profiles: Sequence[Profile]) -> str:
    rows = {profile.mart: profile.rows for profile in profiles}
    facts = {
        "listens": rows["fct_listen_recency"],
        "listeners": rows["fct_listener_rfm"],
        "tracks": rows["dim_tracks"],
    }
    shown = "".join(f"<div><dt>{name}</dt><dd>{n:,}</dd></div>" for name, n in facts.items())
    cards = {
        "dbt": "Every model and column: what one row is, an example query, its tests, "
        "some of its rows; the graph at the lower right runs from files to artifacts.",
        "features": "What a model can be trained on and served with, by entity.",
        "artifacts": "Indexes and filters: what they were built from, how good they are, "
        "their checksums.",
        "accounts": "What became of each landed file, row by row.",
        "runs": "How long each run took, and each model in it.",
        "evaluation": "How good the recommendations are, beside tuned baselines.",
    }
    listed = "".join(
        f"<li><a href='{name}.html'>{_PAGES[name]}</a><p class=muted>{text}</p></li>"
        for name, text in cards.items()
    )
    descriptions = marts.descriptions()
    lines = "".join(
        f"<tr><td><a href='dbt.html#!/model/model.encore.{profile.mart}'>{profile.mart}</a>"
        f"</td><td>{profile.rows:,}</td><td>{_sentence(descriptions[profile.mart])}</td></tr>"
        for profile in profiles
    )
    return (
        "<p>What listening files have become: marts to query, features to train on, and what "
        f"a recommender looks things up in.</p><dl>{shown}</dl><p class=muted>Release "
        f"{html.escape(release.release_id)}, landed batches to {release.upto}.</p>"
        f"<ul class=cards>{listed}</ul><h2>Marts</h2><p>Terms are explained in the "
        "<a href='dbt.html#!/overview'>glossary</a>.</p><div class=scroll tabindex=0 "
        "role=region aria-label=Marts><table><tr><th>mart</th><th>rows</th>"
        f"<th>what it is</th></tr>{lines}</table></div>"
    )


def _sentence(description: str) -> str:
    first = " ".join(description.split("```", maxsplit=1)[0].split()).partition(". ")[0]
    return html.escape(first.rstrip(".") + ".")


def _features() -> str:
    parts = []
    for definition in feature_definitions.read():
        facts = {
            "mart": definition.mart,
            "key": ", ".join(definition.join_key),
            "event timestamp": definition.event_timestamp,
            "stale after": f"{definition.ttl.days or definition.ttl}"
            + (" days" if definition.ttl.days else ""),
            "owner": definition.owner,
            "version": str(definition.version),
        }
        what = f"Features of a {definition.entity}"
        parts += [
            f"<h2>{html.escape(definition.entity)}</h2>",
            _scrolling(list(facts), [list(facts.values())], what),
            _scrolling(["feature", "what it is"], list(definition.features.items()), what),
        ]
    return "".join(parts)


def _artifact(status: artifacts.Status) -> str:
    name, receipt = status.artifact.name, status.receipt
    said = "; ".join(status.problems) or "Sound, by its receipt."
    title = f"<h2 id='{name}'>{name}</h2><p>{html.escape(said)}</p>"
    return title + (_receipt(receipt) if receipt else "")


def _receipt(receipt: Receipt) -> str:
    facts = {
        "built": receipt.built_at,
        "from": f"{receipt.relation}, {receipt.rows:,} rows, build {receipt.version}",
        "by": f"{receipt.builder}, format {receipt.format_version}",
        **{f"measured {key}": _plain(value) for key, value in receipt.quality.items()},
        **{f"parameter {key}": _plain(value) for key, value in receipt.params.items()},
        **{f"library {key}": value for key, value in receipt.libraries.items()},
    }
    files = [
        (name, f"{file.bytes:,}", file.sha256) for name, file in sorted(receipt.files.items())
    ]
    return _scrolling(["", ""], list(facts.items()), "Receipt") + _scrolling(
        ["file", "bytes", "SHA-256"], files, "Files"
    )


def _accounts(accounts: Sequence[Any], reasons: Sequence[Any]) -> str:
    kinds = [name for name in accounts[0] if name.startswith("rows_")] if accounts else []
    sums: dict[str, dict[str, int]] = defaultdict(lambda: dict.fromkeys(kinds, 0))
    why: dict[tuple[str, str], int] = defaultdict(int)
    for row in accounts:
        for kind in kinds:
            sums[row["source"]][kind] += row[kind]
    for row in reasons:
        why[row["source"], row["rejection_reason"]] += row["row_count"]
    head = [kind.removeprefix("rows_") for kind in kinds]
    return (
        "<p>Landed rows are accepted, repeated, superseded, rejected, unreadable or "
        "forgotten: each is counted where it is, and they add up.</p>"
        + _scrolling(
            ["source", "files", *head],
            [
                [source, f"{sum(row['source'] == source for row in accounts):,}"]
                + [f"{count:,}" for count in counts.values()]
                for source, counts in sums.items()
            ],
            "Rows by source",
        )
        + "<h2>Why rows are not used</h2>"
        + _scrolling(
            ["source", "reason", "rows"],
            [[source, reason, f"{count:,}"] for (source, reason), count in why.items()],
            "Reasons",
        )
    )


def _runs(runs: Sequence[Run]) -> str:
    if not runs:
        return "<p>No run of dbt was recorded here yet.</p>"
    whole = [run for run in runs if run.lane in ("batch", "all") and run.models]
    compared = whole[-_BATCHES_COMPARED:]
    latest = compared[-1].models if compared else {}
    usual = {
        name: statistics.median(run.models[name] for run in compared if name in run.models)
        for name in latest
    }
    most = max(latest.values(), default=0)
    slowest = "".join(
        f"<tr><td>{html.escape(name)}</td><td>{usual[name]:.1f}</td>"
        f"<td><i style='width:{max(1, round(200 * took / most))}px'></i>{took:.1f}</td></tr>"
        for name, took in sorted(latest.items(), key=lambda each: -each[1])
    )
    lines = [
        [
            run.ended_at[:19].replace("T", " "),
            run.lane,
            f"{run.seconds:,.1f}",
            str(len(run.models)),
            str(run.tests),
            ", ".join(run.failed) or "-",
        ]
        for run in reversed(runs[-_RUNS_SHOWN:])
    ]
    head = ["ended, UTC", "layer", "seconds", "models", "tests", "failed"]
    return (
        _scrolling(head, lines, "Runs")
        + f"<h2>Models of the last batch</h2><p>Seconds, and the median of the last "
        f"{len(compared)} batches; models run side by side.</p><div class=scroll tabindex=0 "
        "role=region aria-label=Models><table><tr><th>model</th><th>median</th>"
        f"<th>last</th></tr>{slowest}</table></div>"
    )


def _evaluations(home: Home, folder: Path) -> str:
    links = []
    for figures in evaluation_report.kept(home):
        name = f"evaluation_{figures['protocol']}_{figures['mode']}.html"
        evaluation_page.write(figures, folder / name)
        title = f"{figures['data']}, {figures['mode']}: {len(figures['models'])} models"
        links.append(f"<li><a href='{name}'>{html.escape(title)}</a></li>")
    if links:
        return f"<ul>{''.join(links)}</ul>"
    return (
        "<p>The recommendations were not evaluated on this installation yet: "
        "<code>encore evaluate</code>, and <code>encore evaluate --discover</code>; the next "
        "<code>encore docs</code> shows them here.</p>"
    )


def _plain(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    return value if isinstance(value, str) else json.dumps(value)
