"""Output: answers go to stdout, everything else (progress, notes) to stderr."""

from rich.console import Console
from rich.table import Column

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)


def folded(*names: str) -> list[Column]:
    """Columns of a table that fold long values: one that is cut cannot be looked for."""
    return [Column(name, overflow="fold") for name in names]
