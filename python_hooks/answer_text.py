"""Values as text: JSON for programs, cells for people."""

import dataclasses
import json
from typing import Any

# JSON escapes the control characters below these itself; the second are no UTF-8.
_ESCAPES = {code: f"\\u{code:04x}" for code in (*range(0x7F, 0xA0), *range(0xD800, 0xE000))}


def as_json(value: Any) -> str:
    """JSON of an answer: time stamps in ISO 8601 with `Z`, letters as they are."""
    return json.dumps(value, default=_jsonable, ensure_ascii=False).translate(_ESCAPES)


def _jsonable(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    if hasattr(value, "isoformat"):
        return value.isoformat().replace("+00:00", "Z")
    return str(value)


def as_text(value: Any) -> str:
    """One cell as people read it: nothing for null, JSON for a list."""
    if value is None:
        return ""
    if isinstance(value, list | dict):
        return as_json(value)
    return str(_jsonable(value))
