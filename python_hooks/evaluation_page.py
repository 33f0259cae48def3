"""An evaluation as one HTML file: tables, and plots as SVG within it."""

import html
from collections.abc import Callable
from pathlib import Path
from typing import Any

from python_hooks import html_page
from python_hooks.evaluation_report import Report, between, spelled
from python_hooks.evaluation_run import BLENDS
from python_hooks.html_page import table

_STYLE = """body{font:16px/1.5 system-ui,sans-serif;max-width:84rem;margin:2rem auto;
padding:0 1rem}
table{border-collapse:collapse;margin:1rem 0;font-variant-numeric:tabular-nums}
td,th{padding:.2rem .6rem;border-bottom:1px solid #ddd;text-align:right;white-space:nowrap}
td:first-child,th:first-child{text-align:left}svg{max-width:100%;height:auto}"""
_PARTS = ("all", "warm", "cold")


def write(figures: Report, path: Path) -> Path:
    """Writes the page, which loads nothing; the same figures give the same bytes.

    Raises:
        EncoreError: It cannot be written there.
    """
    heading = f"{figures['data']}: {figures['protocol']}, {figures['mode']}"
    parts = [part for part in _PARTS if figures["lists"][part]]
    body = [
        f"<h1>{html.escape(heading)}</h1>",
        *(f"<p>{html.escape(note)}</p>" for note in figures["notes"]),
        f"<p>NDCG@10 with {html.escape(figures['interval'])}; the difference is paired, "
        f"from {html.escape(figures['best_baseline'])}, the best baseline on the test.</p>",
        *(_part(figures, part) for part in parts),
    ]
    if len(figures["cutoffs"]) > 1:
        body += ["<h2>Cutoff by cutoff</h2>", _plot(_by_cutoff, figures), _cutoffs(figures)]
    if figures["source_recall"]:
        body += ["<h2>Recall of the sources' candidates</h2>", _sources(figures)]
    body += ["<h2>Parameters chosen on the validation</h2>", _chosen(figures)]
    return html_page.write(path, heading, _STYLE, "".join(body))


def _part(figures: Report, part: str) -> str:
    def draw(axes: Any, _: Report) -> None:
        models = sorted(figures["models"], key=lambda model: model[part]["ndcg"])
        for place, model in enumerate(models):
            bounds = model[part]["ndcg_interval"]
            axes.plot([bounds["low"], bounds["high"]], [place, place], color="#888")
            axes.plot(bounds["mean"], place, "o", color=_colour(model["model"]))
        axes.set_yticks(range(len(models)), [model["model"] for model in models])
        axes.set_xlabel("NDCG@10")

    rows = [
        [
            model["model"],
            between(model[part]["ndcg_interval"]),
            between(model[part]["versus_best"]),
            *(spelled(model[part][name]) for name in ("recall", "mrr", "hit_rate")),
            *(spelled(model[part][name]) for name in ("next_mrr", "repeat_ndcg")),
            *(spelled(model[part][name]) for name in ("explore_ndcg", "novelty")),
            spelled(model["coverage"]),
        ]
        for model in sorted(figures["models"], key=lambda model: -model[part]["ndcg"])
    ]
    head = ["model", "NDCG@10", "difference", "recall", "MRR", "HR", "next MRR"]
    head += ["repeat NDCG", "explore NDCG", "novelty bits", "coverage"]
    lists, listeners = figures["lists"][part], figures["listeners"][part]
    title = f"<h2>{part}: {lists} lists of {listeners} listeners</h2>"
    return title + _plot(draw, figures) + table(head, rows)


def _by_cutoff(axes: Any, figures: Report) -> None:
    days = [(cutoff["cutoff"] or "")[:10] for cutoff in figures["cutoffs"]]
    for model in figures["models"]:
        if model["model"] != "random":
            width = 3 if model["model"] == "blend" else 1
            values = model["ndcg_by_cutoff"]
            axes.plot(days, values, marker=".", linewidth=width, label=model["model"])
    axes.set_ylabel("NDCG@10")
    axes.tick_params(axis="x", labelrotation=30)
    axes.legend(fontsize=7, ncols=2)


def _cutoffs(figures: Report) -> str:
    names = list(figures["cutoffs"][0])
    rows = [[str(cutoff[name]) for name in names] for cutoff in figures["cutoffs"]]
    return table([name.replace("_", " ") for name in names], rows)


def _sources(figures: Report) -> str:
    rows = [
        [source, *(spelled(values[part]) for part in _PARTS)]
        for source, values in figures["source_recall"].items()
    ]
    return table(["source", *_PARTS], rows)


def _chosen(figures: Report) -> str:
    rows = [
        [
            model["model"],
            str(model["trials"]),
            spelled(model["validation_ndcg"]),
            ", ".join(f"{name} {value:g}" for name, value in model["parameters"].items()),
        ]
        for model in figures["models"]
    ]
    return table(["model", "trials", "NDCG@10 there", "chosen"], rows)


def _plot(draw: Callable[[Any, Report], None], figures: Report) -> str:
    def on(figure: Any) -> None:
        axes = figure.subplots()
        draw(axes, figures)
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)

    return html_page.drawn(on, (8, 4), {})


def _colour(model: str) -> str:
    return "#d62728" if model in BLENDS else "#1f77b4"
