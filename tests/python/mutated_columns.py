"""The columns and the header of a good file are damaged, or what a whole column holds."""

import hashlib
from collections.abc import Callable, Iterator
from functools import partial

from tests.python.file_damage import ROWS, TYPED, UNIT_FEATURES, Good, Mutation

# A column that the source requires, another name for it, and one that it can do without.
REQUIRED = {"listens": "timestamp", "tracks": "tempo"}
ALIAS = {"listens": "Played_At", "tracks": "BPM"}
OPTIONAL = {"listens": "ms_played", "tracks": "duration_ms"}


def mutations(source: str) -> Iterator[Mutation]:
    """The mutations of one source."""
    required, alias, optional = REQUIRED[source], ALIAS[source], OPTIONAL[source]
    lacks = f"lacks {required}"
    known = partial(Mutation, source)
    yield known("a column more", partial(_added, name="mood"), told="; it is kept in `extra`")
    yield known(
        f"a column {alias} beside {required}",
        partial(_added, name=alias),
        told="; it is kept in `extra`",
    )
    yield known("a column without a name", partial(_added, name=""))
    yield known(
        "two columns without a name", _two_unnamed, "more than one column without a name"
    )
    yield known("a required column is missing", partial(_dropped, column=required), lacks)
    yield known("an optional column is missing", partial(_dropped, column=optional))
    yield known(f"{required} is called {alias}", partial(_renamed, new=alias))
    yield known(f"{required} is called when", partial(_renamed, new="when"), lacks)
    yield known("columns in another order", _shuffled)
    yield known("a column twice", _doubled, f"more than one column '{required}'")
    yield known(
        "a column twice, in other case",
        partial(_doubled, case=str.upper),
        f"more than one column '{required}'",
    )
    yield known("names of columns in upper case", partial(_named, change=str.upper))
    yield known("blanks around names of columns", partial(_named, change=" {} ".format))
    yield known("no header", lambda good: "".join(good.lines()[1:]), "fit no source")
    yield known(
        "a title above the header", partial(_above, line="My export"), "fit no source"
    )
    yield known("`sep=,` above the header", partial(_above, line="sep=,"), "fit no source")
    yield known("a quote left open in the header", lambda g: '"' + g.text(), "not closed")
    yield known("200,000 characters as a name", _long_name, "cannot be split into columns")
    yield known("10,000 columns more", _wide)
    yield known("the columns of both sources", _of_both, "fit landing.")
    if source == "listens":
        yield known(
            "no id, but artist and title", _named_track, told=" as the track so named"
        )
        yield known("no id and no title", _nameless, rejected={"track_missing": 1})
        yield known("no column listener", _nobody, told=" as `me`'s, and a note says so")
        yield known(
            "ms_played in minutes and seconds",
            partial(_retyped, column="ms_played", text="3:25"),
            rejected={"ms_played_invalid": ROWS},
        )
    else:
        yield known(
            "decimal commas",
            partial(_retyped, column="energy", text="0,5"),
            rejected={"audio_feature_invalid": ROWS},
        )
        yield known(
            "keys as letters",
            partial(_retyped, column="key", text="F#"),
            rejected={"key_invalid": ROWS},
        )


def _added(good: Good, name: str) -> str:
    for row in good.rows:
        row[name] = "calm"
    return good.text()


def _two_unnamed(good: Good) -> str:
    return "".join(line.replace("\n", ",,\n") for line in good.lines())


def _dropped(good: Good, column: str) -> str:
    for row, typed in zip(good.rows, good.typed, strict=True):
        del row[column]
        typed[TYPED[good.source].get(column, column)] = None
    return good.text()


def _named(good: Good, change: Callable[[str], str]) -> str:
    good.rows = [{change(name): cell for name, cell in row.items()} for row in good.rows]
    return good.text()


def _renamed(good: Good, new: str) -> str:
    return _named(good, lambda name: new if name == REQUIRED[good.source] else name)


def _shuffled(good: Good) -> str:
    names = good.rng.sample(good.header, len(good.header))
    good.rows = [{name: row[name] for name in names} for row in good.rows]
    return good.text()


def _doubled(good: Good, case: Callable[[str], str] = str) -> str:
    header, *lines = good.lines()
    more = [line.replace("\n", ",1\n") for line in lines]
    return "".join([header.replace("\n", f",{case(REQUIRED[good.source])}\n"), *more])


def _above(good: Good, line: str) -> str:
    return f"{line}\n{good.text()}"


def _long_name(good: Good) -> str:
    return "x" * 200_000 + "," + good.text()


def _wide(good: Good) -> str:
    for row in good.rows:
        row |= {f"c{number}": "" for number in range(10_000)}
    return good.text()


def _of_both(good: Good) -> str:
    others = ("timestamp", "mode", "loudness", "key", "tempo", *UNIT_FEATURES)
    for row in good.rows:
        row |= {name: "1" for name in others if name not in row}
    return good.text()


def _named_track(good: Good) -> str:
    at = good.draw()
    good.rows[at] |= {"id": "", "artist": " The  LARKS"}
    name = f"the larks\x1f{good.rows[at]['title'].lower()}"
    digest = hashlib.sha256(name.encode()).hexdigest()
    good.typed[at] |= {"track_id": f"name:{digest}", "artist": "The  LARKS"}
    return good.text()


def _nameless(good: Good) -> str:
    at = good.draw()
    good.rows[at] |= {"id": "", "title": ""}
    del good.typed[at]
    return good.text()


def _nobody(good: Good) -> str:
    for row, typed in zip(good.rows, good.typed, strict=True):
        del row["listener"]
        typed["listener_id"] = "me"
    return good.text()


def _retyped(good: Good, column: str, text: str) -> str:
    for row in good.rows:
        row[column] = text
    good.typed.clear()
    return good.text()
