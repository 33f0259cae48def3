"""Output: answers go to stdout, everything else (progress, notes) to stderr.

What is printed may be data: a title with an escape sequence would move the cursor or
rewrite what stands above it, and `[red]` in a name is no style. So no text is markup, and
control characters are shown as signs. Styles are given with `style=`, or as `Text`.
"""

import re
from collections.abc import Iterable

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.table import Column

# U+2400 and on are pictures of the first 32; the second 32 have none.
_SIGNS = {code: 0x2400 + code for code in range(32) if chr(code) not in "\t\n"}
_SIGNS |= {0x7F: 0x2421} | dict.fromkeys(range(0x80, 0xA0), 0xFFFD)
# Marks that turn the direction of what follows: a text could look like another one.
_SIGNS |= dict.fromkeys((*range(0x202A, 0x202F), *range(0x2066, 0x206A)), 0xFFFD)
# Bytes of a command line or a file name that are no UTF-8.
_SIGNS |= dict.fromkeys(range(0xD800, 0xE000), 0xFFFD)
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
