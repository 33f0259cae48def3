"""Texts that are data at one door and would be orders at another."""

import csv
from functools import partial
from pathlib import Path

import pytest

from python_hooks import layers, mart_files, recommender, releases, similar_tracks, why
from python_hooks.errors import EncoreError, NegativeAnswerError
from python_hooks.features import open_features
from python_hooks.home import Home
from python_hooks.warehouse import Warehouse, literal

NAMES = {
    "quote": "it's",
    "quotes": "'; drop table encore.dim_tracks; --",
    "union": "x' or '1' = '1",
    "double": '" or ""="',
    "backslash": "\\' or 1=1 --x",
    "ends in a backslash": "x\\",
    "backquote": "`; drop schema encore cascade; `",
    "variable": "${env:HOME}${spark.app.name}",
    "jinja": "{{ 1 / 0 }}{% set x = 1 %}{# gone #}",
    "markup": "[red]red[/nope] [link=file:///etc/passwd]x[/link]",
    "emoji": ":warning:",
    "escape": "\x1b[2J\x1b[31mred\x1b]0;title\x07\x9b31m",
    "carriage return": "good\rbad",
    "direction": "abc\u202edcba\u2066",
    "path": "../../../etc/passwd",
    "pipe": "| touch /tmp/encore-was-here; `id` $(id) &",
    "tantivy": 'title:[a TO z] AND (NOT *) "a b"~5 ^3 +x -y \\',
    "format": "%s %(x)s {0} {x!r}",
    "unicode": "nul\u0000byte",
    "long": "x" * 5_000,
}
# Those that a CSV file, and a command line, can hold.
TYPED = {name: text for name, text in NAMES.items() if "\0" not in text}


def write_history(path: Path) -> None:
    """A CSV file in which each name is a listener, and a track that they heard."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["timestamp", "id", "listener", "ms_played"])
        writer.writerows(
            ["2026-06-30T23:59:58Z", name, name, "200000"] for name in TYPED.values()
        )


def require_data(home: Home) -> None:
    """Asks for each name at every door of an installation that has heard of them all."""
    names = list(TYPED.values())
    with Warehouse(home) as warehouse:
        release = releases.current(warehouse, home)
        among = ", ".join(map(literal, names))
        for model, key in (
            ("fct_listener_rfm", "listener_id"),
            ("fct_track_rfm", "track_id"),
        ):
            found = warehouse.read(
                release.relation(model), [key], where=f"{key} in ({among})"
            )
            assert sorted(found[key].to_pylist()) == sorted(names)
    answer = open_features("pair", home).get([(name, name) for name in names])
    assert answer["found"].to_pylist() == [True] * len(names)
    for name in (TYPED["quotes"], TYPED["ends in a backslash"]):
        for refused in (
            partial(layers.rollback, home, name),
            partial(mart_files.find, name, home),
        ):
            with pytest.raises(EncoreError) as caught:
                refused()
            assert name in caught.value.message
        (own,) = recommender.recommend_many([name], home, k=3)
        assert own.items[0].track_id == name
        with pytest.raises(NegativeAnswerError, match="No source proposes"):
            why.explain(name, "no such track", home)
        with pytest.raises(NegativeAnswerError, match="No track has the id"):
            similar_tracks.similar(name, home)
