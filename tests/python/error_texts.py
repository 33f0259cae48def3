"""Writes docs/errors.md: every error that the code can raise, as the tests provoke it.

ENCORE_ERRORS_SEEN=/tmp/errors.jsonl pytest tests/python/test_landing.py
python -m tests.python.error_texts /tmp/errors.jsonl

What was not provoked this time stays as it was last seen.
"""

import ast
import json
import os
import re
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from python_hooks import errors
from python_hooks.home import PROJECT

SEEN = PROJECT / "docs" / "errors.jsonl"
PAGE = PROJECT / "docs" / "errors.md"
_VARIABLE = "ENCORE_ERRORS_SEEN"
_KINDS = [name for name in vars(errors) if name.endswith("Error")]
_FOLDERS = re.compile(r"(?<![\w.…])(?:/[^\s/:;,'`]+)+/(?=[^\s/])")
_HASHES = re.compile(r"\b([0-9a-f]{8})[0-9a-f]{56}\b")
HEAD = """# What can go wrong, and what it says then

Written by `python -m tests.python.error_texts` from what the tests provoke: every error of
the code has a row, with the words that a person sees, the advice under them, and the exit
code (2: it could not run, 1: the answer is no). Folders are cut to `…/`.
"""


@dataclass(frozen=True)
class Text:
    """One error of the code.

    Attributes:
        module: Where it is raised.
        template: Its text in the code, with `…` for what is filled in.
        said: What a test saw; empty where none provokes it.
        hint: The advice that came with it.
        code: The exit code; 0 where it was not seen.
        test: The test that saw it.
    """

    module: str
    template: str
    said: str = ""
    hint: str = ""
    code: int = 0
    test: str = ""


def begin_noting() -> None:
    """From now on notes every error of this process in the file of ENCORE_ERRORS_SEEN."""
    if _VARIABLE not in os.environ:
        return
    plain = errors.EncoreError.__init__

    def noted(self: errors.EncoreError, message: str, hint: str = "") -> None:
        plain(self, message, hint)
        module = sys._getframe(1).f_globals["__name__"].rpartition(".")[2]
        _note(module, message, hint, self.exit_code)

    errors.EncoreError.__init__ = noted  # type: ignore[method-assign]


def note_printed(said: str, code: int) -> None:
    """Notes what a command of another process printed before it failed."""
    if _VARIABLE in os.environ and code in (1, 2):
        _note("", said, "", code)


def _note(module: str, said: str, hint: str, code: int) -> None:
    test = os.environ.get("PYTEST_CURRENT_TEST", "").split(" ")[0]
    note = {"module": module, "said": said, "hint": hint, "code": code, "test": test}
    line = json.dumps(note)
    # There are tests of a full disk.
    with suppress(OSError), Path(os.environ[_VARIABLE]).open("a") as file:
        file.write(line + "\n")


def templates() -> list[Text]:
    """Every error that the code makes, in the order of the files."""
    found = {}
    for path in sorted((PROJECT / "python_hooks").glob("*.py")):
        for call in ast.walk(ast.parse(path.read_text())):
            if isinstance(call, ast.Call) and ast.unparse(call.func) in _KINDS and call.args:
                text = _template(call.args[0])
                # Of nothing but parts, it is an error that another one is made of.
                if text.strip("… "):
                    found[path.stem, text] = Text(path.stem, text)
    return list(found.values())


def _template(node: ast.expr) -> str:
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=parts):
            return "".join(map(_template, parts))
        case ast.BinOp(left=left, right=right, op=ast.Add()):
            return _template(left) + _template(right)
    return "…"


def seen(lines: Iterator[str], before: list[Text]) -> list[Text]:
    """The errors of the code, each with the shortest that was noted of it, now or before."""
    known = {(text.module, text.template): text for text in before}
    noted = sorted(
        map(json.loads, lines), key=lambda each: (not each["module"], len(each["said"]))
    )
    return [
        as_seen(known.get((text.module, text.template), text), noted) for text in templates()
    ]


def as_seen(text: Text, noted: list[dict[str, Any]]) -> Text:
    """The text with the first that was noted of it; as it is where nothing was."""
    parts = map(re.escape, text.template.split("…"))
    # Printed, it may stand below other lines, and its advice in the line after it.
    pattern = re.compile("^" + "(?:.+?)".join(parts) + r"$(?:\n(.+)$)?", re.MULTILINE)
    for each in noted:
        if each["module"] not in ("", text.module):
            continue
        if found := pattern.search(each["said"]):
            hint = each["hint"] or found[1] or ""
            said = found[0].removesuffix("\n" + hint) if hint else found[0]
            return Text(
                text.module,
                text.template,
                _of_no_machine(said),
                _of_no_machine(hint),
                each["code"],
                each["test"],
            )
    return text


def _of_no_machine(text: str) -> str:
    return _HASHES.sub(r"\1…", _FOLDERS.sub("…/", text.strip()))


def page(texts: list[Text]) -> str:
    """The page, by module."""
    lines = [HEAD]
    for module in sorted({text.module for text in texts if text.said}):
        lines += [
            f"## `{module}`\n",
            "| it says | it advises | exit code |",
            "|---|---|---:|",
        ]
        rows = [
            f"| {_cell(text.said)} | {_cell(text.hint)} | {text.code} |"
            for text in texts
            if text.said and text.module == module
        ]
        # What is said in two places may have been seen in one.
        lines += dict.fromkeys(rows)
        lines.append("")
    if unseen := [text for text in texts if not text.said]:
        lines += ["## Not provoked by a test\n", "| module | it says |", "|---|---|"]
        lines += [f"| `{text.module}` | {_cell(text.template)} |" for text in unseen]
        lines.append("")
    return "\n".join(lines)


def _cell(text: str) -> str:
    short = text if len(text) < 300 else text[:300] + "…"
    return short.replace("|", "\\|").replace("<", "&lt;").replace("\n", "<br>")


def read() -> list[Text]:
    """The texts as they were last seen."""
    lines = SEEN.read_text().splitlines() if SEEN.exists() else []
    return [Text(**json.loads(line)) for line in lines]


if __name__ == "__main__":
    with Path(sys.argv[1]).open() as file:
        texts = seen(file, read())
    SEEN.write_text("".join(json.dumps(asdict(text)) + "\n" for text in texts))
    PAGE.write_text(page(texts))
    print(f"{sum(not text.said for text in texts)} of {len(texts)} errors were not provoked.")
