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

_RECOMMENDED = {"familiar": "rec_listener_tracks", "discover": "rec_listener_discoveries"}
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
        lists: By mode: `listeners` with recommendations, and of how many the first ten are
            others (`changed`), as they were last built here; empty where the model does
            not decide them or they were not built.
        notes: What is to be known of the comparison.
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
    lists: dict[str, dict[str, int]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

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


def forget_manifest(home: Home) -> None:
    """Nothing is published any more."""
    shutil.rmtree(_state(home), ignore_errors=True)


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
        release = releases.published(warehouse, _public_schema(home))
        if not warehouse.exists(here):
            raise EncoreError(
                f"{here} is not built.", f"Run `encore dev dbt build -s {model}+`."
            )
        if model not in release.builds:
            raise EncoreError(
                f"{model} is new: nothing that is published has its name.",
                f"`encore dev encore show {model}` shows it.",
            )
        lists, notes = _lists(manifest, nodes, node, release, warehouse)
    if release.upto > release.batch:
        notes.append(
            f"What is published counts listens up to batch {release.upto}; parents that "
            f"were not built here may stand at the last batch build, {release.batch}: some "
            "differences may be of no edit. After `encore run batch` there are none such."
        )
    there = release.relation(model)
    args = {"ours": here, "theirs": there, "key": key, "lists": lists, "samples": samples}
    found = _compared(args, home)
    counts = found["counts"]
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
        lists=found["lists"],
        notes=notes,
    )


def _compared(args: dict[str, Any], home: Home) -> Any:
    operation = ["--quiet", "run-operation", "diff", "--args", json.dumps(args)]
    environ = environment(home) | {"DBT_LOG_FORMAT": "text"}
    for line in dbt_printed(operation, home, environ):
        if line.startswith(_PRINTED):
            return json.loads(line.removeprefix(_PRINTED))
    raise EncoreError("dbt printed no comparison.", "Run `encore dbt debug`.")


def _samples(found: Any) -> dict[str, list[Any]]:
    keys = {name: list(map(json.loads, found[name])) for name in ("only_here", "only_there")}
    values = {
        name: [[json.loads(row[0]), *map(_value, row[1:])] for row in rows]
        for name, rows in found["changed"].items()
    }
    return keys | values


def _value(text: str) -> Any:
    # to_json leaves out what is null.
    return json.loads(text).get("value")


def _lists(
    manifest: dict[str, Any],
    nodes: dict[str, Any],
    node: dict[str, Any],
    release: releases.Release,
    warehouse: Warehouse,
) -> tuple[dict[str, list[str]], list[str]]:
    """The recommendations here and there, if the model decides them and they are built."""
    lists: dict[str, list[str]] = {}
    missing = []
    for mode, model in _RECOMMENDED.items():
        end = nodes.get(model)
        if end and _is_upstream(manifest, node["unique_id"], end["unique_id"]):
            here = end["relation_name"].replace("`", "")
            if warehouse.exists(here):
                lists[mode] = [here, release.relation(model)]
            else:
                missing.append(here)
    notes = [
        f"What becomes of the recommendations is not known: `encore dev dbt build -s "
        f"{node['name']}+` builds {' and '.join(missing)}."
    ]
    return lists, notes if missing else []


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
    except (FileNotFoundError, ValueError):
        raise EncoreError(
            "Nothing was built in your schema yet.",
            "Run `encore dev dbt build -s MODEL+`, then `encore diff MODEL`.",
        ) from None
    return manifest


def _public_schema(home: Home) -> str:
    environment(home)
    manifest = json.loads((_state(home) / "manifest.json").read_text())
    seed = next(
        node for node in manifest["nodes"].values() if node["name"] == "pitch_classes"
    )
    return str(seed["schema"])


def _state(home: Home) -> Path:
    return home.run / "published"


def _target(home: Home) -> Path:
    """Dbt's folder for `dev`; in a shell of `encore dev` it is the current one."""
    return target_folder() if home.target != "prod" else target_folder() / "dev"
