"""What a person types into a search, read as words and filters."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from python_hooks.errors import EncoreError
from python_hooks.terms import terms

# A name of letters, a colon and at once a value: `12:51` and `Symphony: Largo` are words.
_FILTER = re.compile(r'(?<!\S)([^\W\d]+):("[^"]*"|[^\s"]\S*)')
_PITCH = re.compile("([a-g])([#♯b♭]?)", re.IGNORECASE)
_SEMITONES = {"c": 0, "d": 2, "e": 4, "f": 5, "g": 7, "a": 9, "b": 11}
_SIGNS = {"": 0, "#": 1, "♯": 1, "b": -1, "♭": -1}
_KEYS = range(-1, 12)


@dataclass(frozen=True)
class SearchQuery:
    """What to search for.

    Attributes:
        words: Terms, each once, all of which a track has in some field; the last may be
            the beginning of one.
        filters: Fields and terms, all of which that field of a track has.
        musical_key: The key of the tracks, -1 to 11, or None for any.
    """

    words: tuple[str, ...]
    filters: tuple[tuple[str, tuple[str, ...]], ...] = ()
    musical_key: int | None = None

    def __bool__(self) -> bool:
        return bool(self.words or self.filters or self.musical_key is not None)


def parse(text: str, fields: Sequence[str]) -> SearchQuery:
    """Reads a text such as `hey jude artist:"the beatles" key:F`.

    Args:
        text: Words, and filters `name:value` or `name:"several words"` among them. The
            name is a field or `key`, whose value is a number, -1 to 11, or a pitch class.
        fields: The fields of the index.

    Raises:
        EncoreError: A filter has no known name, no known key, or no word for a value.
    """
    filters: list[tuple[str, tuple[str, ...]]] = []
    musical_key = None
    for name, quoted in _FILTER.findall(text):
        value = quoted.strip('"')
        if name.lower() == "key":
            musical_key = _musical_key(value, musical_key)
        elif name.lower() in fields:
            filters.append((name.lower(), _filter_terms(name, value)))
        else:
            raise EncoreError(
                f"{name}: is no filter; known are {', '.join([*fields, 'key'])}.",
                f"To search for the words, write a blank: `{name}: {value}`.",
            )
    words = tuple(dict.fromkeys(terms(_FILTER.sub(" ", text))))
    return SearchQuery(words, tuple(filters), musical_key)


def _filter_terms(name: str, value: str) -> tuple[str, ...]:
    found = tuple(dict.fromkeys(terms(value)))
    if not found:
        raise EncoreError(
            f"The filter {name}:{value} has no letter or digit to look for.",
            f'Write it like `{name}:word` or `{name}:"two words"`.',
        )
    return found


def _musical_key(value: str, before: int | None) -> int:
    if pitch := _PITCH.fullmatch(value):
        letter, sign = pitch.groups()
        found = (_SEMITONES[letter.lower()] + _SIGNS[sign.lower()]) % 12
    elif re.fullmatch("-?[0-9]{1,2}", value) and int(value) in _KEYS:
        found = int(value)
    else:
        raise EncoreError(
            f"key:{value} is no musical key; known are {_KEYS[0]} to {_KEYS[-1]}, and C, "
            "C#, Db, D … B.",
            "Write it like `key:5` or `key:F`; -1 is of tracks in which none was found.",
        )
    if before not in (None, found):
        raise EncoreError(
            f"key:{value} was asked for beside key {before}, and a track has one key.",
            "Ask for one key.",
        )
    return found
