"""The marts of the project, as the manifest names them."""

import json
from collections.abc import Iterable
from typing import Any

from python_hooks.errors import EncoreError, NegativeAnswerError
from python_hooks.home import target_folder


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


def files() -> dict[str, str]:
    """Model name to its SQL file, as a path in the project; raises as `relations`."""
    return {
        node["name"]: node["original_file_path"]
        for node in _manifest()["nodes"].values()
        if node["resource_type"] == "model"
    }


def unknown(model: str, known: Iterable[str]) -> NegativeAnswerError:
    """The complaint about a model that does not exist; names the closest ones."""
    names = sorted(known)
    close = [name for name in names if model.lower() in name] or [
        name
        for name in names
        if name.startswith(("fct_", "dim_", "feat_", "rec_", "training_"))
    ]
    return NegativeAnswerError(
        f"No model is called {model}.", f"Try one of: {', '.join(close)}."
    )


def marts() -> list[str]:
    """Names of the models under `models/marts/`, sorted."""
    return sorted(
        node["name"]
        for node in _manifest()["nodes"].values()
        if node["resource_type"] == "model" and node["fqn"][1] == "marts"
    )


def descriptions() -> dict[str, str]:
    """Model name to its description, in Markdown; raises as `relations`."""
    return {
        node["name"]: node["description"]
        for node in _manifest()["nodes"].values()
        if node["resource_type"] == "model"
    }


def _manifest() -> dict[str, Any]:
    path = target_folder() / "manifest.json"
    try:
        manifest: dict[str, Any] = json.loads(path.read_text())
        manifest["nodes"].values()
    except FileNotFoundError:
        raise EncoreError(
            "dbt has not described the project yet: target/manifest.json is missing.",
            "Run `make build`, or `encore dbt parse`.",
        ) from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise EncoreError(
            f"target/manifest.json cannot be read: {error}.", "Run `encore dbt parse`."
        ) from None
    return manifest
