"""Terms: the folds are Unicode's, and SQL and Python cut texts alike."""

import csv
import re
import unicodedata

import jinja2
import pytest

from python_hooks.home import PROJECT, Home
from python_hooks.terms import terms
from python_hooks.warehouse import Warehouse

# What Unicode does not decompose, and a final sigma.
BY_HAND = {
    "ß": "ss",
    "æ": "ae",
    "ð": "d",
    "ø": "o",
    "þ": "th",
    "đ": "d",
    "ħ": "h",
    "\u0131": "i",
    "ł": "l",
    "œ": "oe",
    "ŧ": "t",
    "ς": "\u03c3",
}
SCRIPTS = ("LATIN", "GREEK", "CYRILLIC")
# Characters as old as this are in the tables of every Java and Python.
OLD = unicodedata.ucd_3_2_0


def folds() -> dict[str, str]:
    with (PROJECT / "seeds" / "letter_folds.csv").open(encoding="utf-8") as file:
        return {row["letter"]: row["folded"] for row in csv.DictReader(file)}


def unaccented(letter: str) -> str:
    """Its canonical decomposition without combining accents, composed again."""
    decomposed = unicodedata.normalize("NFD", letter)
    return unicodedata.normalize("NFC", re.sub("[\u0300-\u036f]", "", decomposed))


def test_the_seed_folds_what_unicode_decomposes() -> None:
    wanted = dict(BY_HAND)
    for letter in map(chr, range(0x80, 0x10000)):
        plain = unaccented(letter)
        is_ours = unicodedata.name(letter, "").split(" ")[0] in SCRIPTS and plain.isalpha()
        if is_ours and letter.isalpha() and letter == letter.lower() and letter != plain:
            wanted[letter] = BY_HAND.get(plain, plain)
    assert folds() == wanted


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("Sigur Rós: Ágætis byrjun", ["sigur", "ros", "agaetis", "byrjun"]),
        ("Mo\u0308tley CRÜE", ["motley", "crue"]),
        ("Don't Stop (2012) \u2013 AC/DC", ["don", "t", "stop", "2012", "ac", "dc"]),
        ("Straße nach İstanbul", ["strasse", "nach", "istanbul"]),
        ("ΣΟΦΌΣ Ёлка", ["σοφοσ", "елка"]),
        ("हिन्दी 東京", ["हिन्दी", "東京"]),
        ("!!! _ \ud800", []),
        ("", []),
    ],
)
def test_terms_of_a_text(text: str, wanted: list[str]) -> None:
    assert terms(text) == wanted


@pytest.mark.warehouse
def test_sql_and_python_cut_the_same_terms(server_home: Home) -> None:
    """Every character of the first two planes between two letters."""
    macro = (PROJECT / "macros" / "parsing" / "terms.sql").read_text()
    rendered = jinja2.Template(macro + "{{ terms('content') }}").render()
    model = (PROJECT / "models/intermediate/tracks/int_tracks_tokenised.sql").read_text()
    ctes = re.search(r"collected as \(.*?(?=texts as \()", model, re.DOTALL)
    assert ctes
    pairs = ", ".join(f"('{letter}', '{folded}')" for letter, folded in folds().items())
    with Warehouse(server_home) as warehouse:
        rows = warehouse.query(
            f"""
            with letter_folds as (select * from values {pairs} as (letter, folded)),
            {ctes[0]}
            texts as (
                select code, decode(unhex(lpad(hex(code), 8, '0')), 'UTF-32') as letter
                from (select explode(sequence(1, 131071)) as code)
                where code not between 55296 and 57343
            ),
            contents as (select *, concat('A', letter, 'b') as content from texts)
            select code, content, {rendered} as terms from contents cross join folds
            """
        ).to_pylist()
    old = [row for row in rows if OLD.category(chr(row["code"])) != "Cn"]
    assert len(old) > 55_000
    differing = [row for row in old if terms(row["content"]) != row["terms"]]
    assert differing == []
