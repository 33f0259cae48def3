"""The terms of a text, as the macro `terms` cuts them in SQL.

An index is asked by terms, so what a person types is folded like the texts were. The
letters come from the seed that SQL folds by; a test holds both to the same terms.
"""

import csv
import re
import unicodedata
from functools import cache

from python_hooks.home import PROJECT

_ACCENTS = re.compile("[\u0300-\u036f]")
_ASCII_TERM = re.compile("[a-z0-9]+")


def terms(text: str) -> list[str]:
    """The terms of a text in order: lower case, accents folded, letters and digits only.

    `Sigur Rós: Ágætis byrjun` has the terms sigur, ros, agaetis and byrjun.
    """
    folded = text.lower()
    if folded.isascii():
        return _ASCII_TERM.findall(folded)
    folded = _ACCENTS.sub("", folded).translate(_letter_folds())
    return "".join(c if _in_terms(c) else " " for c in folded).split()


def _in_terms(character: str) -> bool:
    # Letters and digits, and marks, without which many scripts have no vowels.
    return character.isalnum() or unicodedata.category(character)[0] == "M"


@cache
def _letter_folds() -> dict[int, str]:
    with (PROJECT / "seeds" / "letter_folds.csv").open(encoding="utf-8") as file:
        return {ord(row["letter"]): row["folded"] for row in csv.DictReader(file)}
