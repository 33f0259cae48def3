"""Nothing in the input is silent: what becomes of damaged files is what the page says."""

import os
import shutil
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from python_hooks import landing, releases
from python_hooks.errors import EncoreError
from python_hooks.home import PROJECT, Home
from python_hooks.landing_report import LandedFile
from python_hooks.warehouse import Warehouse
from tests.python.encore_command import encore, run
from tests.python.file_damage import Mutation, Row
from tests.python.mutated_paths import CONTENT, PATHS, PathCase
from tests.python.mutations import all_mutations, page

MUTATIONS = all_mutations()
BUILD = (
    *("dbt", "--quiet", "build", "--exclude-resource-type", "test", "unit_test"),
    *("--select", "+fct_rejected_reasons", "+fct_rejected_rows"),
)
STAGED = {"listens": "stg_landing__listens", "tracks": "stg_landing__tracks"}
OUTCOMES = ("landed", "accepted", "duplicate", "superseded", "rejected", "unreadable")


@dataclass
class Found:
    """What became of the files of one mutation.

    Attributes:
        expected: The rows that staging has to accept.
        landed: What landing said of each file; nothing if it refused one.
        error: The refusal.
        accepted: The rows that staging accepted.
        accounts: Rows by outcome.
        reasons: Rows by reason: `fct_rejected_rows`, and `fct_rejected_reasons`.
    """

    expected: list[Row]
    landed: list[LandedFile] = field(default_factory=list)
    error: EncoreError | None = None
    accepted: list[Row] = field(default_factory=list)
    accounts: Counter[str] = field(default_factory=Counter)
    reasons: tuple[Counter[str], Counter[str]] = field(
        default_factory=lambda: (Counter(), Counter())
    )


def name_of(mutation: Mutation) -> str:
    return f"{mutation.source}: {mutation.what}"


@pytest.fixture(scope="module")
def found(
    server_home: Home, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[list[Found]]:
    """Every mutation landed, each file by itself, and judged by one build."""
    folder = tmp_path_factory.mktemp("mutations")
    everything: list[Found] = []
    owners: dict[str, Found] = {}
    for number, mutation in enumerate(MUTATIONS):
        contents, expected = mutation.apply(number)
        everything.append(Found(expected))
        paths = [folder / f"{number:03}-{part}.csv" for part in range(len(contents))]
        for path, content in zip(paths, contents, strict=True):
            path.write_bytes(content)
        if mutation.refused:
            try:
                everything[-1].landed = landing.land(paths, server_home)
            except EncoreError as error:
                everything[-1].error = error
        else:
            owners |= dict.fromkeys(map(str, paths), everything[-1])
    for file in landing.land(list(owners), server_home):
        owners[file.source_file].landed.append(file)
    home = replace(server_home, target="dev")
    encore(home, *BUILD)
    with Warehouse(home) as warehouse:
        read(warehouse, home, owners)
    yield everything
    shutil.rmtree(home.landing)


def read(warehouse: Warehouse, home: Home, owners: dict[str, Found]) -> None:
    """Gives each mutation what the warehouse holds of its files."""
    release = releases.current(warehouse, home)

    def rows(model: str, where: str = "true") -> Iterator[tuple[Found, dict[str, Any]]]:
        for row in warehouse.read(release.relation(model), where=where).to_pylist():
            if row["source_file"] in owners:
                yield owners[row["source_file"]], row

    for model in STAGED.values():
        for owner, row in rows(model, "rejection_reason is null"):
            owner.accepted.append(row)
    for owner, row in rows("fct_landing_accounts"):
        owner.accounts += Counter({kind: row[f"rows_{kind}"] for kind in OUTCOMES})
    for owner, row in rows("fct_rejected_rows"):
        owner.reasons[0][row["rejection_reason"]] += 1
    for owner, row in rows("fct_rejected_reasons"):
        owner.reasons[1][row["rejection_reason"]] += row["row_count"]


def in_order(rows: list[Row], like: list[Row]) -> list[Row]:
    """Rows with the columns of the expected ones, in an order of their own."""
    columns = sorted(like[0]) if like else []
    cut = [{name: row[name] for name in columns} for row in rows]
    return sorted(cut, key=lambda row: repr(sorted(row.items())))


@pytest.mark.warehouse
def test_every_file_is_refused_accepted_or_accounted_for(found: list[Found]) -> None:
    wrong = defaultdict(list)
    for mutation, its in zip(MUTATIONS, found, strict=True):
        name = name_of(mutation)
        if mutation.refused:
            said = its.error.message if its.error else "not refused"
            if mutation.refused not in said or len(said) > 5000 or its.landed:
                wrong[name].append(said)
            if its.error and not its.error.hint:
                wrong[name].append(f"no hint: {said}")
            continue
        accounts = mutation.accounts(len(its.expected))
        if +accounts != its.accounts:
            wrong[name].append(f"{dict(its.accounts)}, not {dict(+accounts)}")
        unreadable = {"unreadable": mutation.unreadable}
        reasons = (
            Counter(mutation.rejected),
            +Counter({**mutation.rejected, **unreadable}),
        )
        if reasons != its.reasons:
            wrong[name].append(f"{its.reasons}, not {reasons}")
        values, expected = (in_order(r, its.expected) for r in (its.accepted, its.expected))
        if len(its.accepted) != len(its.expected) or values != expected:
            wrong[name].append(f"{values}, not {expected}")
        if sum(file.already_landed for file in its.landed) != mutation.files_known:
            wrong[name].append(f"{its.landed}")
    assert not wrong, "\n".join(f"{name}: {said}" for name, said in wrong.items())


def test_the_page_says_what_happens() -> None:
    committed = (PROJECT / "docs" / "bad_input.md").read_text()
    assert committed == page(), "python -m tests.python.mutations > docs/bad_input.md"


def test_no_mutation_is_there_twice() -> None:
    names = Counter(map(name_of, MUTATIONS))
    assert [name for name, count in names.items() if count > 1] == []


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that everybody may enter, unlike pytest's."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@contextmanager
def not_root() -> Iterator[None]:
    """Permissions mean nothing to root, so root acts as a user without any."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(user)


@pytest.mark.parametrize("case", PATHS, ids=lambda case: case.what)
def test_what_is_no_file_is_refused(case: PathCase, open_folder: Path) -> None:
    path = case.make(open_folder)
    home = Home(open_folder / "home")
    with not_root(), pytest.raises(EncoreError) as caught:
        landing.land([path], home)
    assert case.refused in caught.value.message
    assert str(open_folder) in caught.value.message
    assert caught.value.hint
    assert landing.is_empty(home)


def test_markup_in_a_file_is_printed_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "[b]:bee:.csv"
    path.write_text("id,[/b],:bee:\n1,2,3\n")
    refused = run(Home(tmp_path / "home"), "land", str(path))
    assert refused.returncode == 2
    assert f"{path}: The columns fit no source" in refused.stderr
    assert "'[/b]', ':bee:'" in refused.stderr
    path.write_text(CONTENT)
    landed = run(Home(tmp_path / "home"), "land", str(path), COLUMNS="200")
    assert landed.returncode == 0
    assert "[b]:bee:.csv" in landed.stdout
    assert "has no column listener" in landed.stderr
