"""Pages that load nothing: one HTML file with its style, its tables and its drawings."""

import html
import io
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from python_hooks.errors import EncoreError


def write(path: Path, title: str, style: str, body: str) -> Path:
    """Writes a page.

    Args:
        path: Where to; its folders are made.
        title: Text.
        style: CSS.
        body: HTML.

    Raises:
        EncoreError: It cannot be written there.
    """
    page = (
        "<!doctype html><html lang='en'><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width,initial-scale=1'>"
        f"<title>{html.escape(title)}</title><style>{style}</style>{body}</html>\n"
    )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(page, encoding="utf-8")
    except OSError as error:
        raise EncoreError(f"{path} cannot be written: {error.strerror}.") from error
    return path


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of texts."""

    def line(cells: Sequence[str], tag: str) -> str:
        return "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in cells)

    lines = "".join(f"<tr>{line(cells, 'td')}</tr>" for cells in rows)
    return f"<table><tr>{line(head, 'th')}</tr>{lines}</table>"


def drawn(
    draw: Callable[[Any], None], size: tuple[float, float], settings: dict[Any, Any]
) -> str:
    """What `draw` puts on a figure of matplotlib, as `<svg>`; same input, same bytes."""
    # Slow to import, and only pages need it.
    import matplotlib as mpl  # noqa: PLC0415
    from matplotlib.figure import Figure  # noqa: PLC0415

    # Without a salt and with a date, the same figures would give other bytes.
    style: dict[Any, Any] = {"svg.hashsalt": "encore", "svg.fonttype": "none"}
    with mpl.rc_context(style | settings):
        figure = Figure(figsize=size, layout="constrained")
        draw(figure)
        text = io.StringIO()
        figure.savefig(text, format="svg", metadata={"Date": None})
    return "".join(text.getvalue().partition("<svg")[1:])
