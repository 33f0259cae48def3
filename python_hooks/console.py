"""Output: answers go to stdout, everything else (progress, notes) to stderr.

What is printed may be data: a title with an escape sequence would move the cursor or
rewrite what stands above it, and `[red]` in a name is no style. So no text is markup, and
control characters are shown as signs. Styles are given with `style=`, or as `Text`.
"""

import re
from collections.abc import Iterable, Sequence

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.table import Column, Table
from rich.text import Text

# U+2400 and on are pictures of the first 32; the second 32 have none.
_SIGNS = {code: 0x2400 + code for code in range(32) if chr(code) not in "\t\n"}
_SIGNS |= {0x7F: 0x2421} | dict.fromkeys(range(0x80, 0xA0), 0xFFFD)
# Marks that turn the direction of what follows: a text could look like another one.
_SIGNS |= dict.fromkeys((*range(0x202A, 0x202F), *range(0x2066, 0x206A)), 0xFFFD)
# Bytes of a command line or a file name that are no UTF-8.
_SIGNS |= dict.fromkeys(range(0xD800, 0xE000), 0xFFFD)
# A column is at least so wide that its name is read, not spelled.
_NARROWEST = 7
_COLOUR = re.compile("(\x1b\\[[0-9;]*m)")


class _Console(Console):
    """Shows control characters of what it prints as signs; its own stay what they are."""

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            if segment.control:
                yield segment
            else:
                yield Segment(visible(segment.text), segment.style)


def visible(text: str) -> str:
    """A text whose control characters, but line breaks and tabs, are signs."""
    return text.translate(_SIGNS)


def visible_but_colours(text: str) -> str:
    """As `visible`, for output of a program that colours it."""
    parts = _COLOUR.split(text)
    return "".join(part if number % 2 else visible(part) for number, part in enumerate(parts))


out = _Console(highlight=False, soft_wrap=True, markup=False, emoji=False)
err = _Console(stderr=True, highlight=False, soft_wrap=True, markup=False, emoji=False)


def folded(*names: str) -> list[Column]:
    """Columns of a table that fold long values: one that is cut cannot be looked for."""
    return [Column(name, overflow="fold") for name in names]


def as_table(
    names: Sequence[str], rows: Iterable[Iterable[str]], width: int, title: str = ""
) -> Table:
    """Rows as a table; where its columns do not fit, row by row with a line per column.

    Args:
        names: Names of the columns.
        rows: Cells in the order of the names.
        width: Width of what it is printed on, in characters.
        title: What stands above it.
    """
    # Beside each cell are two blanks and a line.
    if sum(min(len(name), _NARROWEST) + 3 for name in names) < width:
        table = Table(*folded(*names), title=title or None)
        for row in rows:
            table.add_row(*(Text(visible(cell)) for cell in row))
        return table
    table = Table(*folded("column", "value"), title=title or None)
    for row in rows:
        for name, cell in zip(names, row, strict=True):
            table.add_row(name, Text(visible(cell)))
        table.add_section()
    return table
