"""Shapes: which files can be landed, as the sources in the dbt YAML declare them.

A source table with `config.meta.landing` is a shape. A file belongs to the table
whose required columns its header has; nothing about files is declared elsewhere.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from python_hooks.errors import EncoreError, NoSourceError, quoted

# Columns that landing adds to those of a table; `chunk` is a folder that Spark reads so.
ADDED_COLUMNS = frozenset(["batch_id", "source_file", "source_line", "landed_at", "chunk"])
ADDED_COLUMNS |= {"raw_line", "extra", "is_forgotten"}


@dataclass(frozen=True)
class Column:
    """A declared column.

    Attributes:
        name: Its name in the table.
        aliases: Other names a file may use for it, the best first.
        default: The value of every row of a file that lacks the column, or None.
    """

    name: str
    aliases: tuple[str, ...] = ()
    default: str | None = None

    @property
    def claims(self) -> tuple[str, ...]:
        """Every header name that means this column, case folded, the best first."""
        return tuple(name.casefold() for name in (self.name, *self.aliases))

    def __str__(self) -> str:
        others = ", ".join(self.aliases)
        return f"{self.name} (or {others})" if others else self.name


@dataclass(frozen=True)
class Shape:
    """A source table that files can be landed in.

    Attributes:
        source: Name of the dbt source.
        table: Name of the table in it.
        columns: The declared columns, in declared order.
        required: Per requirement its alternatives; an alternative is a tuple of
            column names that must all be there.
    """

    source: str
    table: str
    columns: tuple[Column, ...]
    required: tuple[tuple[tuple[str, ...], ...], ...]

    @property
    def name(self) -> str:
        """`source.table`, as files are landed under."""
        return f"{self.source}.{self.table}"

    def assign(self, header: Sequence[str]) -> tuple[str | None, ...]:
        """Gives each column of a case-folded header its declared column, or None."""
        position = {name: index for index, name in enumerate(header)}
        assigned: list[str | None] = [None] * len(header)
        for column in self.columns:
            found = next((claim for claim in column.claims if claim in position), None)
            if found is not None:
                assigned[position[found]] = column.name
        return tuple(assigned)

    def missing(self, assigned: Iterable[str | None]) -> list[list[list[Column]]]:
        """Per requirement that is not met, per alternative, the columns not there."""
        columns = {column.name: column for column in self.columns}
        have = set(assigned)
        lacks = [
            [[columns[name] for name in group if name not in have] for group in groups]
            for groups in self.required
        ]
        return [groups for groups in lacks if all(groups)]


@dataclass(frozen=True)
class Match:
    """A header recognised.

    Attributes:
        shape: Where the file belongs.
        header: Names of its columns, without BOM and surrounding blanks.
        assigned: Per column of the file its declared column, or None.
    """

    shape: Shape
    header: tuple[str, ...]
    assigned: tuple[str | None, ...]

    @property
    def extra(self) -> tuple[str, ...]:
        """The file's columns that are not declared, in the file's order."""
        pairs = zip(self.header, self.assigned, strict=True)
        return tuple(name for name, column in pairs if column is None)

    @property
    def absent(self) -> tuple[Column, ...]:
        """The declared columns that the file lacks."""
        return tuple(c for c in self.shape.columns if c.name not in self.assigned)


def match(header: Sequence[str], shapes: Sequence[Shape], source: str | None = None) -> Match:
    """Finds the shape that a header fits; the order of columns never matters.

    Args:
        header: Column names as the file spells them.
        shapes: The declared shapes.
        source: `source.table`, or the table's name alone, if the user chose one.

    Raises:
        EncoreError: No shape or several fit, `source` is unknown, a name is there twice.
    """
    names = tuple(name.strip().removeprefix("\ufeff").strip() for name in header)
    normal = tuple(name.casefold() for name in names)
    candidates = _chosen(shapes, source)
    matches = [Match(shape, names, shape.assign(normal)) for shape in candidates]
    fitting = [found for found in matches if not found.shape.missing(found.assigned)]
    twice = [name for name, count in Counter(normal).items() if count > 1]
    if fitting and twice:
        raise EncoreError(
            f"The header has more than one column {quoted(twice)}.",
            "Rename or remove all but one of them.",
        )
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        raise EncoreError(
            f"The columns fit {' and '.join(found.shape.name for found in fitting)}.",
            f"Say which one it is, for example `--source {fitting[0].shape.name}`.",
        )
    raise _refusal(names, matches)


def load_shapes(models: Path) -> tuple[Shape, ...]:
    """Reads the shapes declared in every `*.yml` under a folder, sorted by name.

    Raises:
        EncoreError: A file is no YAML, a declaration is malformed, or there is none.
    """
    shapes: dict[str, Shape] = {}
    for path in sorted(models.rglob("*.yml")):
        text = path.read_bytes()
        # Most files declare models; parsing them would cost more than all the rest.
        for shape in _shapes_of(path, text) if b"sources" in text else ():
            if shape.name in shapes:
                raise EncoreError(f"{path}: {shape.name} is declared a second time.")
            shapes[shape.name] = shape
    if not shapes:
        raise EncoreError(
            f"No source table under {models} has `config.meta.landing`.",
            "Declare one, or run from a complete checkout of the project.",
        )
    return tuple(shapes[name] for name in sorted(shapes))


def _chosen(shapes: Sequence[Shape], source: str | None) -> list[Shape]:
    chosen = [s for s in shapes if source in (None, s.name, s.table)]
    if source is None or len(chosen) == 1:
        return chosen
    what = "several sources" if chosen else "no source that files can be landed in"
    names = ", ".join(shape.name for shape in chosen or shapes)
    raise EncoreError(f"{source} is {what}.", f"Choose one of {names}.")


def _refusal(names: Sequence[str], matches: Sequence[Match]) -> NoSourceError:
    def distance(found: Match) -> tuple[int, int, str]:
        lacks = found.shape.missing(found.assigned)
        count = sum(min(map(len, groups)) for groups in lacks)
        return count, len(found.extra), found.shape.name

    closest = min(matches, key=distance)
    lacks = "; ".join(
        " or else ".join(" and ".join(map(str, group)) for group in groups)
        for groups in closest.shape.missing(closest.assigned)
    )
    hint = "The first line, or JSON's keys, name the columns: write them like those above."
    if len(names) == 1 and (";" in names[0] or "\t" in names[0]):
        hint = "Save the file with commas between its columns: nothing else is read."
    return NoSourceError(
        f"The columns fit no source. The closest is {closest.shape.name}, which lacks "
        f"{lacks}. The file has {quoted(names)}.",
        hint,
    )


def _shapes_of(path: Path, text: bytes) -> Iterator[Shape]:
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise EncoreError(f"{path} is no valid YAML: {error}") from error
    for source in _items(_mapping(document or {}, str(path)), "sources", str(path)):
        source_name = _name(source, f"{path}, a source")
        for table in _items(source, "tables", f"{path}, source {source_name}"):
            where = f"{path}, table {source_name}.{_name(table, f'{path}, a table')}"
            settings = _settings(table, {"required"}, where)
            if settings is not None:
                yield _shape(source_name, table, settings.get("required"), where)


def _shape(source: str, table: dict[str, Any], entries: Any, where: str) -> Shape:
    columns = tuple(_column(c, where) for c in _items(table, "columns", where))
    owner: dict[str, str] = {}
    for column in columns:
        if column.name in ADDED_COLUMNS:
            raise EncoreError(f"{where}: the column {column.name} is landing's own.")
        for claim in column.claims:
            if claim in owner:
                raise EncoreError(
                    f"{where}: the name {claim} means {owner[claim]} and {column.name}."
                )
            owner[claim] = column.name
    if not isinstance(entries, list) or not entries:
        raise EncoreError(f"{where}: `required` must be a list of columns.")
    required = tuple(_alternatives(entry, where) for entry in entries)
    names = {column.name for column in columns}
    for name in (n for groups in required for group in groups for n in group):
        if name not in names:
            raise EncoreError(f"{where}: the required column {name} is not declared.")
    return Shape(source, table["name"], columns, required)


def _alternatives(entry: Any, where: str) -> tuple[tuple[str, ...], ...]:
    only = isinstance(entry, dict) and entry.keys() == {"any_of"}
    groups = entry["any_of"] if only else [[entry]]
    if not isinstance(groups, list) or not groups or not all(map(_is_names, groups)):
        raise EncoreError(
            f"{where}: in `required`, {entry!r} is neither a column nor "
            "`any_of: [[column, …], …]`."
        )
    return tuple(tuple(group) for group in groups)


def _is_names(group: Any) -> bool:
    return (
        isinstance(group, list)
        and bool(group)
        and all(isinstance(name, str) and name for name in group)
    )


def _column(column: Any, where: str) -> Column:
    mapping = _mapping(column, where)
    name = _name(mapping, f"{where}, a column")
    where = f"{where}, column {name}"
    settings = _settings(mapping, {"aliases", "default"}, where) or {}
    aliases, default = settings.get("aliases", []), settings.get("default")
    if aliases != [] and not _is_names(aliases):
        raise EncoreError(f"{where}: `aliases` must be a list of names.")
    if default is not None and not isinstance(default, str):
        raise EncoreError(f"{where}: `default` must be a string, not {default!r}.")
    return Column(name, tuple(aliases), default)


def _settings(node: Any, keys: set[str], where: str) -> dict[str, Any] | None:
    """A node's `config.meta.landing`, in which only `keys` may be set."""
    config = _mapping(node.get("config") or {}, f"{where}, config")
    meta = _mapping(config.get("meta") or {}, f"{where}, meta")
    if "landing" not in meta:
        return None
    settings = _mapping(meta["landing"], f"{where}, landing")
    unknown = ", ".join(sorted(str(key) for key in settings.keys() - keys))
    if unknown:
        raise EncoreError(f"{where}: landing has no setting {unknown}.")
    return settings


def _items(node: dict[str, Any], key: str, where: str) -> list[dict[str, Any]]:
    items = node.get(key) or []
    if not isinstance(items, list):
        raise EncoreError(f"{where}: `{key}` must be a list.")
    return [_mapping(item, f"{where}, {key}") for item in items]


def _name(node: dict[str, Any], where: str) -> str:
    name = node.get("name")
    if not _is_names([name]):
        raise EncoreError(f"{where}: `name` must be a string, not {name!r}.")
    return str(name)


def _mapping(node: Any, where: str) -> dict[str, Any]:
    if not isinstance(node, dict):
        raise EncoreError(f"{where}: expected keys and values, found {node!r}.")
    return node
