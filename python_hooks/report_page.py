"""A report on one listener as a page that loads nothing, for light and dark screens."""

import html
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import numpy as np

from python_hooks import html_page, report_plots
from python_hooks.html_page import table
from python_hooks.report_data import Listening, Row

_TOP = 15
_LONG_AGO = timedelta(days=180)
_STYLE = """:root{--ink:#1d2330;--paper:#fff;--muted:#5b6578;--accent:#b3401f;--line:#dfe3ea}
@media(prefers-color-scheme:dark){:root{--ink:#e8ebf2;--paper:#12151c;--muted:#98a2b6;
--accent:#ff9466;--line:#2a3040}}
body{font:16px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper);
max-width:62rem;margin:2rem auto;padding:0 1rem}
h1{margin-bottom:0}h2{margin-top:2.5rem}svg{max-width:100%;height:auto;display:block}
.wide svg{width:100%}
.side{display:flex;flex-wrap:wrap;gap:1rem 3rem}.side>*{flex:1 1 18rem;min-width:0}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
td,th{padding:.25rem .5rem;border-bottom:1px solid var(--line);text-align:left;
vertical-align:top}th{color:var(--muted);font-weight:500}
td.bar{width:35%;white-space:nowrap}td.bar i{display:inline-block;height:.7em;
background:var(--accent);border-radius:2px;margin-right:.5em;vertical-align:middle}
.muted,dt{color:var(--muted)}dl{display:flex;flex-wrap:wrap;gap:.5rem 2.5rem}
dd{margin:0;font-size:1.5rem}"""


def write(listening: Listening, path: Path) -> Path:
    """Writes the page; the same listening gives the same bytes.

    Raises:
        EncoreError: It cannot be written there.
    """
    title = f"What {listening.listener_id} listened to"
    body = "".join(
        [
            f"<h1>{html.escape(title)}</h1>",
            _figures(listening),
            "<h2>Days</h2>",
            f"<div class=wide>{report_plots.calendar(listening.listened_at)}</div>",
            f"<p class=muted>Days and hours are those of {html.escape(listening.zone)}.</p>",
            "<div class=side>",
            f"<section><h2>Hours</h2>{report_plots.clock(listening.listened_at)}</section>",
            f"<section><h2>Keys</h2>{_keys(listening)}</section></div>",
            "<div class=side>",
            f"<section><h2>Tracks</h2>{_top(listening.tracks, 'title')}</section>",
            f"<section><h2>Artists</h2>{_top(listening.tracks, 'artist')}</section></div>",
            f"<h2>Among all listeners</h2>{_segment(listening)}",
            _forgotten(listening),
            _recommended("To play again", listening.familiar, listening.fallbacks[0]),
            _recommended("To discover", listening.discoveries, listening.fallbacks[1]),
            f"<p class=muted>Release {html.escape(listening.release)}; encore recommend, "
            "encore why and encore show have every number of this page.</p>",
        ]
    )
    return html_page.write(path, title, _STYLE, body)


def _figures(listening: Listening) -> str:
    facts, days = listening.summary, listening.listened_at.astype("datetime64[D]")
    first, last = days[0].item(), days[-1].item()
    figures = [
        ("listens", f"{facts['listen_count']:,}"),
        ("tracks", f"{facts['track_count']:,}"),
        ("artists", f"{len({row['artist'] for row in listening.tracks} - {None}):,}"),
        ("days", f"{len(np.unique(days)):,}"),
    ]
    if facts["listen_ms"]:
        figures.append(("hours", f"{facts['listen_ms'] / 3_600_000:,.0f}"))
    if facts["repeat_share"] is not None:
        figures.append(("played again", f"{facts['repeat_share']:.0%}"))
    shown = "".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in figures)
    return f"<p class=muted>{first:%-d %B %Y} to {last:%-d %B %Y}</p><dl>{shown}</dl>"


def _keys(listening: Listening) -> str:
    own = np.zeros(12)
    for row in listening.tracks:
        if row["musical_key"] is not None and row["musical_key"] >= 0:
            own[row["musical_key"]] += row["frequency"]
    if not own.any():
        return "<p>No track that was heard has a key: no audio features have landed.</p>"
    everyone, names = np.zeros(12), [""] * 12
    for row in listening.keys:
        if row["musical_key"] is not None and row["musical_key"] >= 0:
            everyone[row["musical_key"]] = row["listen_count"]
            names[row["musical_key"]] = row["pitch_class"]
    wheel = report_plots.key_wheel(own / own.sum(), everyone / everyone.sum(), names)
    return (
        f"{wheel}<p class=muted>Around the circle of fifths; the line is all listeners.</p>"
    )


def _top(tracks: Sequence[Row], name: str) -> str:
    plays: Counter[tuple[str, str]] = Counter()
    for row in tracks:
        if name == "title":
            plays[row["title"] or row["track_id"], row["artist"] or ""] += row["frequency"]
        elif row["artist"]:
            plays[row["artist"], ""] += row["frequency"]
    top = sorted(plays.items(), key=lambda pair: (-pair[1], pair[0]))[:_TOP]
    if not top:
        return "<p>No names are known.</p>"
    most = top[0][1]
    rows = "".join(
        f"<tr><td>{html.escape(what)}<br><span class=muted>{html.escape(by)}</span></td>"
        f"<td class=bar><i style='width:{max(1, round(60 * count / most))}%'></i>"
        f"{count:,}</td></tr>"
        for (what, by), count in top
    )
    return f"<table>{rows}</table>"


def _segment(listening: Listening) -> str:
    facts = listening.summary
    if facts["rf_segment"] is None:
        return (
            "<p>No segment yet: the next batch gives one, where there are five listeners "
            "or more.</p>"
        )
    own = (facts["recency_score"], facts["frequency_score"])
    counts = np.zeros((5, 5), dtype=np.int64)
    names = [[""] * 5 for _ in range(5)]
    meanings = {}
    for row in listening.segments:
        recency, frequency = row["recency_score"] - 1, row["frequency_score"] - 1
        counts[recency, frequency] = row["listener_count"] or 0
        names[recency][frequency] = row["rf_segment"]
        meanings[row["rf_segment"]] = row["meaning"] or ""
    mine = facts["rf_segment"]
    listed = "".join(
        f"<tr><td>{html.escape(name.replace('_', ' '))}</td><td>{html.escape(text)}</td></tr>"
        for name, text in meanings.items()
    )
    said = html.escape(f"{mine.replace('_', ' ')}: {meanings.get(mine, '')}")
    return (
        f"<p><b>{said}</b></p>{report_plots.rf_map(counts, names, own)}"
        f"<details><summary>What the segments mean</summary><table>{listed}</table></details>"
    )


def _forgotten(listening: Listening) -> str:
    """What was played often, for this listener, and not for half a year."""
    often = max(3, np.quantile([row["frequency"] for row in listening.tracks], 0.9))
    # Counted from the listener's own last listen: who is away has forgotten nothing.
    newest = min(row["age_s"] for row in listening.tracks)
    found = []
    for row in listening.tracks:
        silent = timedelta(seconds=row["age_s"] - newest)
        if row["frequency"] >= often and silent >= _LONG_AGO:
            found.append((row["title"] or row["track_id"], row["artist"] or "", row, silent))
    if not found:
        return ""
    rows = [
        (title, artist, f"{row['frequency']:,} times", f"{silent.days:,} days before the end")
        for title, artist, row, silent in found[:_TOP]
    ]
    return f"<h2>Forgotten favourites</h2>{table(('', '', 'played', 'last'), rows)}"


def _recommended(heading: str, items: Sequence[Row], fallback: str) -> str:
    if not items:
        return ""
    rows = [
        (item["title"] or item["track_id"], item["artist"] or "", item["reason"])
        for item in items
    ]
    note = f"<p class=muted>{html.escape(fallback)}</p>" if fallback else ""
    return f"<h2>{heading}</h2>{note}{table(('', '', 'because'), rows)}"
