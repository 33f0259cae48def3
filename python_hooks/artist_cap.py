"""The cap of artists in a list, as the macro `artist_capped` has it in SQL."""

from collections import Counter
from collections.abc import Callable, Iterable
from math import ceil
from typing import TypeVar

# A track by its id, or by a code that is ordered like the ids.
Track = TypeVar("Track", str, int)


def capped(
    scored: Iterable[tuple[float, Track]], artist: Callable[[Track], str], cap: int
) -> list[tuple[float, Track]]:
    """Tracks by score, ties by id, with at most `cap` of an artist in every ten places.

    An artist's tracks come in turns of `cap`, and a later
    turn waits for as many tens of tracks of a first turn as there were turns before.

    Args:
        scored: Score and track.
        artist: The artist of a track.
        cap: How many.
    """
    turns: Counter[str] = Counter()
    first_turns, placed = 0, []
    for score, track in sorted(scored, key=lambda one: (-one[0], one[1])):
        name = artist(track)
        turns[name] += 1
        turn = ceil(turns[name] / cap)
        first_turns += turn == 1
        place = first_turns if turn == 1 else max(first_turns, 10 * (turn - 1)) + 0.5
        placed.append((place, score, track))
    # Stable: equal places stay in the order of the scores.
    return [(score, track) for _, score, track in sorted(placed, key=lambda one: one[0])]
