"""The pages of dbt with what is in each mart: its rows and how its values lie."""

import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from python_hooks.answer_text import as_text
from python_hooks.mart_profiles import ColumnProfile, Profile

_BARS = "▁▂▃▄▅▆▇█"
# Longer texts would widen the table beyond the page.
_LONGEST = 40
_MARKUP = re.compile(r"[\\`*_{}\[\]()#+\-.!|<>~&]")


def page(target: Path, profiles: Iterable[Profile]) -> str:
    """The docs of dbt as one HTML page that loads nothing.

    Args:
        target: dbt's target folder, with a manifest and a catalog.
        profiles: What is in the marts; it is shown below their descriptions.
    """
    # Importing dbt takes a second.
    from dbt.task.docs import DOCS_INDEX_FILE_PATH  # noqa: PLC0415

    manifest = json.loads((target / "manifest.json").read_text())
    catalog = json.loads((target / "catalog.json").read_text())
    described = {profile.mart: profile for profile in profiles}
    for node in manifest["nodes"].values():
        if node["resource_type"] == "model" and node["name"] in described:
            node["description"] += _described(described[node["name"]])
    text = Path(DOCS_INDEX_FILE_PATH).read_text(encoding="utf-8")
    # Two slips of dbt's page: icons that are loaded before a script has filled in their
    # names, and one whose name nobody fills in.
    text = text.replace('xlink:href="{{', 'ng-attr-xlink:href="{{')
    text = text.replace("${require('./assets/favicons/favicon.ico')}", "data:,")
    # The places that dbt itself fills in for `dbt docs generate --static`.
    text = text.replace('"MANIFEST.JSON INLINE DATA"', _inline(manifest))
    return text.replace('"CATALOG.JSON INLINE DATA"', _inline(catalog))


def _inline(value: Any) -> str:
    # Whatever a track is called, it does not end the script that it stands in.
    return json.dumps(value).replace("<", "\\u003c")


def _described(profile: Profile) -> str:
    looked = f"{profile.rows:,} rows"
    if profile.looked_at < profile.rows:
        looked += f", of which {profile.looked_at:,} were looked at"
    head = ("column", "null", "distinct", "least, median, greatest", "how they lie")
    columns = [
        (
            each.name,
            f"{each.null_share:.1%}",
            "" if each.distinct is None else f"{each.distinct:,}",
            ", ".join(filter(None, (each.low, each.median, each.high))),
            _bars(each),
        )
        for each in profile.columns
    ]
    parts = [f"\n\n**What is in it.** {looked}.\n\n", _table(head, columns)]
    if profile.sample:
        # A line per column: some marts have more of them than a page is wide.
        numbers = [f"row {number}" for number, _ in enumerate(profile.sample, 1)]
        rows = [
            (name, *(as_text(row[name]) for row in profile.sample))
            for name in profile.sample[0]
        ]
        parts += ["\n\n**Some of its rows**\n\n", _table(("column", *numbers), rows)]
    return "".join(parts)


def _bars(column: ColumnProfile) -> str:
    if column.top:
        return ", ".join(f"{value} ({count:,})" for value, count in column.top)
    most = max(column.counts, default=0)
    return "".join(
        _BARS[-(-count * (len(_BARS) - 1) // most)] if most else "" for count in column.counts
    )


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown, whatever the cells say."""
    lines = [map(_cell, head), ["---"] * len(head), *(map(_cell, row) for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(text: str) -> str:
    short = text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
    return _MARKUP.sub(r"\\\g<0>", " ".join(short.split()))
