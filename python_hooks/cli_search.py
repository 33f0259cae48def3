"""The command of the inverted index: search."""

import click
from rich.table import Table
from rich.text import Text

from python_hooks.cli_output import JSON, print_answer, print_fallback
from python_hooks.home import Home
from python_hooks.search import FoundTrack, search


@click.command(name="search")
@click.argument("text", nargs=-1, required=True)
@click.option("-k", default=10, show_default=True, help="How many tracks.")
@JSON
def search_tracks(text: tuple[str, ...], k: int, as_json: bool) -> None:
    """Search titles, artists and genres, e.g. `encore search purple rai artist:prince`.

    Case and accents do not matter, the last word may be begun only, and from four letters
    on a word may have one typing error. Filters: artist:NAME, genre:NAME, title:WORD,
    key:5 or key:F; several words go into quotes: 'artist:"the beatles"'.
    """
    answer = search(" ".join(text), Home.from_environment(), k=k)
    print_fallback(answer.fallback)
    print_answer(answer, as_json, _table(answer.query, answer.items))


def _table(query: str, items: list[FoundTrack]) -> Table:
    table = Table("", "track", "artist", "genre", "score", title=Text(f"For {query}"))
    for item in items:
        table.add_row(
            str(item.rank),
            Text(item.title or item.track_id),
            Text(item.artist or ""),
            Text(item.genre or ""),
            f"{item.score:.3f}",
        )
    return table
