"""Every way in which input is damaged here, and the page that says what becomes of it.

`python -m tests.python.mutations > docs/bad_input.md` writes the page; `test_mutations`
holds the product to it.
"""

from collections.abc import Iterator

from tests.python import mutated_cells, mutated_files
from tests.python.file_damage import Mutation
from tests.python.mutated_paths import PATHS

_INTRODUCTION = """# Bad input

Nothing is silent: a file is refused as a whole with a message, or each of its rows is
accepted, a duplicate, superseded, rejected with a reason, or unreadable.
`fct_landing_accounts` has the numbers by file and batch, and a test that they add up;
`encore rejects` (`fct_rejected_reasons`, `fct_rejected_rows`) has the reasons. A refused file
lands no row, and none of the files named with it does.

Each of these {count} kinds of damage is done to a good file by
`tests/python/test_mutations.py`, which holds landing and staging to this page, and the rows
that are accepted to their values. This writes the page:

    python -m tests.python.mutations > docs/bad_input.md"""


def all_mutations() -> list[Mutation]:
    """Every mutation, in the order of the page."""
    return [*mutated_files.mutations(), *mutated_cells.mutations()]


def page() -> str:
    """The page that says what becomes of damaged files."""

    def table(rows: Iterator[tuple[str, str]]) -> str:
        lines = [f"| {what} | {outcome} |" for what, outcome in rows]
        return "\n".join(["| damage | what becomes of it |", "|---|---|", *lines])

    mutations = all_mutations()
    parts = [_INTRODUCTION.format(count=len(mutations) + len(PATHS))]
    for title, source in (("A listening history", "listens"), ("A track file", "tracks")):
        rows = ((m.what, m.outcome()) for m in mutations if m.source == source)
        parts.append(f"## {title}\n\n{table(rows)}")
    rows = ((path.what, f"refused: “{path.refused}”") for path in PATHS)
    parts.append(f"## What is no file\n\n{table(rows)}")
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    print(page(), end="")
