"""The marts of the project, as the manifest names them, and their version."""

import json
from typing import Any

from python_hooks.errors import EncoreError, NegativeAnswerError
from python_hooks.home import target_folder
from python_hooks.warehouse import Warehouse


def relations() -> dict[str, str]:
    """Model name to `schema.table`, of every model and seed of the manifest.

    Raises:
        EncoreError: There is no manifest yet, or it cannot be read.
    """
    nodes = _manifest()["nodes"].values()
    return {
        node["name"]: node["relation_name"].replace("`", "")
        for node in nodes
        if node["resource_type"] in ("model", "seed") and node.get("relation_name")
    }


def relation(model: str) -> str:
    """`schema.table` of a model or seed.

    Raises:
        NegativeAnswerError: There is no such model; the closest are named.
    """
    known = relations()
    if model not in known:
        close = [name for name in sorted(known) if model.lower() in name] or sorted(
            name for name in known if name.startswith(("fct_", "dim_", "feat_", "rec_"))
        )
        raise NegativeAnswerError(
            f"No model is called {model}.", f"Try one of: {', '.join(close)}."
        )
    return known[model]


def marts() -> list[str]:
    """Names of the models under `models/marts/`, sorted."""
    return sorted(
        node["name"]
        for node in _manifest()["nodes"].values()
        if node["resource_type"] == "model" and node["fqn"][1] == "marts"
    )


def version(warehouse: Warehouse) -> str:
    """The id of the dbt invocation that last changed the marts; empty if none has."""
    schema = relations()["pitch_classes"].split(".")[0]
    if not warehouse.query(f"show schemas like '{schema}'").num_rows:
        return ""
    if not warehouse.query(f"show views in {schema} like 'last_invocation'").num_rows:
        return ""
    found = warehouse.read(f"{schema}.last_invocation").to_pylist()
    return str(found[0]["invocation_id"])


def _manifest() -> dict[str, Any]:
    path = target_folder() / "manifest.json"
    try:
        manifest: dict[str, Any] = json.loads(path.read_text())
    except FileNotFoundError:
        raise EncoreError(
            "dbt has not described the project yet: target/manifest.json is missing.",
            "Run `make build`, or `encore dbt parse`.",
        ) from None
    except ValueError as error:
        raise EncoreError(
            f"target/manifest.json cannot be read: {error}.", "Run `encore dbt parse`."
        ) from None
    return manifest
