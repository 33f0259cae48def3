"""The drawings of a report: vector graphics that take their colours from the page.

Colours are placeholders in the drawing and variables of the page's style in the result,
so that one drawing suits a light and a dark screen.
"""

import html
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from python_hooks import html_page

INK, ACCENT, MUTED, PAPER = "#010203", "#040506", "#070809", "#0a0b0c"
_VARIABLES = {
    INK: "var(--ink)",
    ACCENT: "var(--accent)",
    MUTED: "var(--muted)",
    PAPER: "var(--paper)",
}
# Fifths upwards from C, clockwise.
FIFTHS = [0, 7, 2, 9, 4, 11, 6, 1, 8, 3, 10, 5]
_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
_DAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]


def calendar(listened_at: npt.NDArray[np.datetime64]) -> str:
    """Listens per day: a band of weeks for each year, the newest first."""
    days, counts = np.unique(listened_at.astype("datetime64[D]"), return_counts=True)
    years = days.astype("datetime64[Y]").astype(int) + 1970
    shown = sorted(set(years.tolist()), reverse=True)
    # The square root: a day with everything on repeat would leave the others pale.
    strength = np.sqrt(counts / counts.max())

    def draw(figure: Any) -> None:
        axes = figure.subplots(len(shown), 1, squeeze=False)[:, 0]
        for year, ax in zip(shown, axes, strict=True):
            first = np.datetime64(f"{year}-01-01", "D")
            every = np.arange(first, np.datetime64(f"{year + 1}-01-01", "D"))
            offset = (first.astype(int) + 3) % 7
            mine = years == year
            for some, alpha, colour in (
                (every, np.full(len(every), 0.12), MUTED),
                (days[mine], 0.2 + 0.8 * strength[mine], ACCENT),
            ):
                place = (some - first).astype(int) + offset
                style = {"s": 46, "marker": "s", "linewidths": 0}
                ax.scatter(place // 7, place % 7, c=colour, alpha=alpha, **style)
            starts = np.arange(f"{year}-01", f"{year + 1}-01", dtype="datetime64[M]")
            weeks = ((starts.astype("datetime64[D]") - first).astype(int) + offset) // 7
            ax.set_xticks(weeks, _MONTHS)
            ax.set_yticks(range(0, 7, 2), _DAYS[::2])
            ax.set_title(str(year), loc="left", fontsize=9)
            ax.set_xlim(-1, 54)
            ax.set_ylim(6.6, -0.6)
            _bare(ax)

    label = f"{len(days)} days with listens in {len(shown)} years, up to {counts.max()} each"
    return drawn(draw, (9, 1.45 * len(shown)), label)


def clock(listened_at: npt.NDArray[np.datetime64]) -> str:
    """The share of listens in each hour of the day, midnight on top."""
    hours = listened_at.astype("datetime64[h]").astype(int) % 24
    share = np.bincount(hours, minlength=24) / len(hours)

    def draw(figure: Any) -> None:
        ax = _round(figure)
        angles = (np.arange(24) + 0.5) * 2 * np.pi / 24
        ax.bar(angles, share, width=2 * np.pi / 26, color=ACCENT)
        every = np.arange(0, 24, 3)
        ax.set_xticks(every * 2 * np.pi / 24, [f"{hour}:00" for hour in every])
        ax.set_yticks([])

    best = int(share.argmax())
    return drawn(draw, (3.6, 3.6), f"most listens, {share[best]:.0%}, from {best}:00 on")


def key_wheel(
    own: npt.NDArray[np.float64], everyone: npt.NDArray[np.float64], names: Sequence[str]
) -> str:
    """Listens by key around the circle of fifths: the listener's, and a line for all.

    Args:
        own: Share of the listener's listens by musical key: (12,).
        everyone: Share of all listens: (12,).
        names: Of the keys: (12,).
    """

    def draw(figure: Any) -> None:
        ax = _round(figure)
        angles = np.arange(12) * 2 * np.pi / 12
        ax.bar(angles, own[FIFTHS], width=2 * np.pi / 14, color=ACCENT)
        turn = np.append(angles, 2 * np.pi)
        around = np.append(everyone[FIFTHS], everyone[FIFTHS[0]])
        ax.plot(turn, around, color=INK, linewidth=1.2)
        ax.set_xticks(angles, [names[key] for key in FIFTHS])
        ax.set_yticks([])

    best = int(own.argmax())
    return drawn(draw, (3.6, 3.6), f"most listens, {own[best]:.0%}, in {names[best]}")


def rf_map(
    counts: npt.NDArray[np.int64], names: Sequence[Sequence[str]], own: tuple[int, int]
) -> str:
    """Listeners by recency and frequency, their segments, and where this one is.

    Args:
        counts: Listeners by recency and frequency score: (5, 5).
        names: Segment by recency and frequency score: (5, 5).
        own: The listener's scores, from 1.
    """

    def draw(figure: Any) -> None:
        ax = figure.subplots()
        strength = counts / max(1, counts.max())
        for r, f in np.ndindex(5, 5):
            box = {"color": MUTED, "alpha": 0.08 + 0.5 * float(strength[r, f])}
            ax.bar(r, 0.94, width=0.94, bottom=f - 0.47, linewidth=0, **box)
            text = f"{names[r][f].replace('_', ' ')}\n{counts[r, f]}"
            ax.text(r, f, text, ha="center", va="center", fontsize=6.5, color=INK)
        place = {"bottom": own[1] - 1.47, "width": 0.94, "linewidth": 2.5}
        ax.bar(own[0] - 1, 0.94, facecolor="none", edgecolor=ACCENT, **place)
        ax.set_xticks(range(5), ["1", "2", "3", "4", "5"])
        ax.set_yticks(range(5), ["1", "2", "3", "4", "5"])
        ax.set_xlabel("recency: 5 listened last")
        ax.set_ylabel("frequency: 5 most often")
        _bare(ax)

    return drawn(draw, (6.4, 4.2), f"recency {own[0]} and frequency {own[1]} of 5")


def drawn(draw: Callable[[Any], None], size: tuple[float, float], label: str) -> str:
    """A drawing as an `<svg>` with a text for who cannot see it; same input, same bytes."""
    names = ("text.color", "axes.labelcolor", "xtick.color", "ytick.color")
    settings: dict[Any, Any] = dict.fromkeys((*names, "axes.edgecolor", "grid.color"), INK)

    def on(figure: Any) -> None:
        figure.patch.set_alpha(0)
        draw(figure)
        for ax in figure.axes:
            ax.patch.set_alpha(0)

    svg = html_page.drawn(on, size, settings | {"font.size": 8})
    for colour, variable in _VARIABLES.items():
        svg = svg.replace(colour, variable)
    return svg.replace("<svg", f'<svg role="img" aria-label="{html.escape(label)}"', 1)


def _round(figure: Any) -> Any:
    ax = figure.add_subplot(projection="polar")
    ax.set_theta_zero_location("N")
    ax.set_theta_direction(-1)
    ax.grid(alpha=0.15)
    ax.spines["polar"].set_alpha(0.2)
    return ax


def _bare(ax: Any) -> None:
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
