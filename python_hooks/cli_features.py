"""The command `encore features`."""

from collections.abc import Sequence

import click
from rich.table import Column, Table
from rich.text import Text

from python_hooks import feature_definitions, features
from python_hooks.answer_text import as_text
from python_hooks.cli_output import JSON, print_answer, print_fallback
from python_hooks.errors import EncoreError, NegativeAnswerError
from python_hooks.feature_definitions import FeatureDefinition
from python_hooks.feature_store import Key
from python_hooks.home import Home


@click.command(name="features")
@click.argument("entity", required=False)
@click.argument("keys", nargs=-1)
@JSON
def show_features(entity: str | None, keys: tuple[str, ...], as_json: bool) -> None:
    """Look up features by key, e.g. `encore features listener me`.

    ENTITY is listener, track or pair; a pair is two keys, LISTENER TRACK. Several keys
    may follow each other. Without an ENTITY: which features are defined.

    Reads files alone, no server. Exit code 1 if none of the keys is found.
    """
    if entity is None:
        definitions = feature_definitions.read()
        print_answer(list(map(_as_dict, definitions)), as_json, _catalogue(definitions))
        return
    found = features.open_features(entity, Home.from_environment())
    asked = _grouped(keys, found.definition)
    answer = found.get(asked).to_pylist()
    if not any(row["found"] for row in answer):
        named = ", ".join(" ".join((key,) if isinstance(key, str) else key) for key in asked)
        raise NegativeAnswerError(
            f"No {entity} of {named} has features in release {found.release}.",
            f"Look for keys with `encore show {found.definition.mart}`.",
        )
    print_fallback(found.fallback)
    print_answer(
        {
            "entity": entity,
            "release": found.release,
            "fallback": found.fallback,
            "features": answer,
        },
        as_json,
        _transposed(f"{entity}, release {found.release}", answer),
    )


def _grouped(keys: Sequence[str], definition: FeatureDefinition) -> list[str] | list[Key]:
    size, names = len(definition.join_key), " ".join(definition.join_key).upper()
    if not keys or len(keys) % size:
        raise EncoreError(
            f"{len(keys)} keys were given; a {definition.entity} has {size}: {names}.",
            f"Write `encore features {definition.entity} {names}`, once or several times.",
        )
    if size == 1:
        return list(keys)
    return [tuple(keys[start : start + size]) for start in range(0, len(keys), size)]


def _as_dict(definition: FeatureDefinition) -> dict[str, object]:
    return {
        "entity": definition.entity,
        "mart": definition.mart,
        "join_key": list(definition.join_key),
        "event_timestamp": definition.event_timestamp,
        "ttl_s": int(definition.ttl.total_seconds()),
        "owner": definition.owner,
        "version": definition.version,
        "features": dict(definition.features),
    }


def _catalogue(definitions: Sequence[FeatureDefinition]) -> Table:
    table = Table("entity", Column("feature", no_wrap=True), "description")
    for definition in definitions:
        about = (
            f"{definition.mart} by {', '.join(definition.join_key)}; stale after "
            f"{definition.ttl.days} days; version {definition.version}, {definition.owner}"
        )
        table.add_row(Text(definition.entity), "", Text(about))
        for name, description in definition.features.items():
            table.add_row("", Text(name), Text(description))
    return table


def _transposed(title: str, rows: Sequence[dict[str, object]]) -> Table:
    """One line per feature and one column per key: names are longer than values."""
    table = Table("", *("" for _ in rows), title=title, show_header=False)
    for name in rows[0]:
        cells = (Text(as_text(row[name])) for row in rows)
        table.add_row(Text(name), *cells)
    return table
