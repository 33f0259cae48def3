"""Working on models: a schema of one's own over production's, and what an edit changes.

The target `dev` builds what is selected in `dev_<user>`; all else is read from production
(dbt's `--defer --favor-state`, by the manifest that the last batch left). Nothing of it is
published.
"""

import json
import os
import shutil
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from python_hooks import marts, releases
from python_hooks.dbt_command import dbt_environment, dbt_printed
from python_hooks.errors import EncoreError, NegativeAnswerError
from python_hooks.home import PROJECT, Home, target_folder
from python_hooks.warehouse import Warehouse

_RECOMMENDED = "rec_listener_tracks"
_PRINTED = "diff: "


@dataclass(frozen=True)
class Difference:
    """What an edit changes in a model.

    Attributes:
        model: The model.
        here: The edited version, `schema.table`.
        there: The published version.
        release: The release that the published version is of.
        key: The columns that name a row.
        columns_here: Type by column, where it is only here or has another type there.
        columns_there: The same, of the published version.
        rows_here: Rows of the edited version.
        rows_there: Rows of the published version.
        only_here: How many keys are only in the edited version.
        only_there: How many keys are only in the published one.
        rows_changed: Rows of both whose values differ.
        changed: By column, how many values differ; columns that do not are left out.
        samples: `only_here`, `only_there`: some keys; and by column some keys with the
            published and the edited value.
        listeners: Listeners with recommendations; None where the model is not upstream of
            them, or they were not built here.
        listeners_changed: Those whose first ten recommendations are others.
        note: What could not be compared.
    """

    model: str
    here: str
    there: str
    release: str
    key: list[str]
    columns_here: dict[str, str]
    columns_there: dict[str, str]
    rows_here: int
    rows_there: int
    only_here: int
    only_there: int
    rows_changed: int
    changed: dict[str, int]
    samples: dict[str, list[Any]] = field(default_factory=dict)
    listeners: int | None = None
    listeners_changed: int | None = None
    note: str = ""

    @property
    def is_empty(self) -> bool:
        """Whether nothing differs."""
        found = (self.only_here, self.only_there, self.rows_changed, self.columns_here)
        return not any((*found, self.columns_there))


def keep_manifest(home: Home) -> None:
    """Keeps the manifest of what was published: what `dev` reads parents by."""
    folder = _state(home)
    folder.mkdir(exist_ok=True)
    temporary = folder / "manifest.json.tmp"
    shutil.copy(target_folder() / "manifest.json", temporary)
    temporary.replace(folder / "manifest.json")


def environment(home: Home) -> dict[str, str]:
    """The variables under which `dbt` builds in a schema of one's own.

    Raises:
        EncoreError: No batch was published here yet.
    """
    if not (_state(home) / "manifest.json").exists():
        raise EncoreError(
            "There is nothing to work over: no batch was published yet.", "Run `make build`."
        )
    return {
        **dbt_environment(replace(home, target="dev"), PROJECT),
        "DBT_TARGET_PATH": str(_target(home)),
        "DBT_DEFER": "true",
        # What one built here last week is no parent, unless it is selected.
        "DBT_FAVOR_STATE": "true",
        "DBT_STATE": str(_state(home)),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
    }


def diff(home: Home, model: str, samples: int = 5) -> Difference:
    """Compares a model that was built in one's own schema with the published one.

    Args:
        home: The installation.
        model: The model's name.
        samples: How many rows of each kind to show.

    Raises:
        NegativeAnswerError: There is no such model, or it has no key.
        EncoreError: It was not built here, or is not published.
    """
    manifest = _manifest(home)
    nodes = {node["name"]: node for node in manifest["nodes"].values() if _is_table(node)}
    if model not in nodes:
        raise marts.unknown(model, nodes)
    node, key = nodes[model], _key(manifest, nodes[model])
    here = node["relation_name"].replace("`", "")
    with Warehouse(home) as warehouse:
        release = releases.current(warehouse, replace(home, target="prod"))
        if not warehouse.exists(here):
            raise EncoreError(
                f"{here} is not built.", f"Run `encore dev dbt build -s {model}+`."
            )
        if model not in release.builds:
            raise EncoreError(
                f"{model} is new: nothing that is published has its name.",
                f"`encore dev encore show {model}` shows it.",
            )
        lists, note = _lists(manifest, nodes, node, release, warehouse)
    there = release.relation(model)
    args = {"ours": here, "theirs": there, "key": key, "lists": lists, "samples": samples}
    found = _compared(args, home)
    counts, listeners = found["counts"], found.get("lists", {})
    own, public = found["types"]["here"], found["types"]["there"]
    totals = ("rows_here", "rows_there", "only_here", "only_there", "rows_changed")
    return Difference(
        model=model,
        here=here,
        there=there,
        release=release.release_id,
        key=key,
        columns_here={n: t for n, t in own.items() if public.get(n) != t},
        columns_there={n: t for n, t in public.items() if own.get(n) != t},
        **{name: counts[name] for name in totals},
        changed={name: counts[name] for name in found["changed"]},
        samples=_samples(found),
        listeners=listeners.get("listeners"),
        listeners_changed=listeners.get("changed"),
        note=note,
    )


def _compared(args: dict[str, Any], home: Home) -> Any:
    operation = ["--quiet", "run-operation", "diff", "--args", json.dumps(args)]
    printed = dbt_printed(operation, home, environment(home))
    line = next(line for line in printed if line.startswith(_PRINTED))
    return json.loads(line.removeprefix(_PRINTED))


def _samples(found: Any) -> dict[str, list[Any]]:
    keys = {name: list(map(json.loads, found[name])) for name in ("only_here", "only_there")}
    values = {
        name: [[_value(cell) for cell in row] for row in rows]
        for name, rows in found["changed"].items()
    }
    return keys | values


def _value(text: str) -> Any:
    value = json.loads(text)
    # to_json leaves out what is null.
    return value.get("value") if value.keys() <= {"value"} else value


def _lists(
    manifest: dict[str, Any],
    nodes: dict[str, Any],
    node: dict[str, Any],
    release: releases.Release,
    warehouse: Warehouse,
) -> tuple[list[str], str]:
    """The recommendations here and there, if the model decides them and they are built."""
    end = nodes.get(_RECOMMENDED)
    if end is None or not _is_upstream(manifest, node["unique_id"], end["unique_id"]):
        return [], ""
    here = end["relation_name"].replace("`", "")
    if not warehouse.exists(here):
        return [], (
            f"What becomes of the recommendations is not known: `encore dev dbt build -s "
            f"{node['name']}+` builds {here}."
        )
    return [here, release.relation(_RECOMMENDED)], ""


def _is_upstream(manifest: dict[str, Any], node: str, end: str) -> bool:
    reached, ahead = set(), [node]
    while ahead:
        at = ahead.pop()
        if at not in reached:
            reached.add(at)
            ahead += manifest["child_map"].get(at, [])
    return end in reached


def _key(manifest: dict[str, Any], node: dict[str, Any]) -> list[str]:
    for test in manifest["nodes"].values():
        metadata = test.get("test_metadata") or {}
        if test.get("attached_node") == node["unique_id"]:
            if metadata.get("name") == "unique":
                return [test["column_name"]]
            if metadata.get("name") == "unique_combination_of_columns":
                kwargs = metadata["kwargs"]
                return list(kwargs.get("combination") or kwargs["arguments"]["combination"])
    raise NegativeAnswerError(
        f"{node['name']} has no key: no test says that something of it is unique.",
        "Add a test `unique` or `unique_combination_of_columns` in its YAML.",
    )


def _is_table(node: dict[str, Any]) -> bool:
    return node["resource_type"] in ("model", "seed") and bool(node.get("relation_name"))


def _manifest(home: Home) -> dict[str, Any]:
    path = _target(home) / "manifest.json"
    try:
        manifest: dict[str, Any] = json.loads(path.read_text())
    except FileNotFoundError:
        raise EncoreError(
            "Nothing was built in your schema yet.",
            "Run `encore dev dbt build -s MODEL+`, then `encore diff MODEL`.",
        ) from None
    return manifest


def _state(home: Home) -> Path:
    return home.run / "published"


def _target(home: Home) -> Path:
    """Dbt's folder for `dev`; in a shell of `encore dev` it is the current one."""
    return target_folder() if home.target != "prod" else target_folder() / "dev"
