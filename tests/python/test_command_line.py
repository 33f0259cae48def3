"""What every command of `encore` has: a help text with an example, and completion."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from rich.console import Console

from python_hooks.cli import encore
from python_hooks.console import as_table
from python_hooks.home import PROJECT


def commands(group: click.Group, words: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The words of every command below a group."""
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, (*words, name))
        else:
            yield (*words, name)


def found(words: tuple[str, ...]) -> click.Command:
    command: click.Command = encore
    for word in words:
        assert isinstance(command, click.Group)
        command = command.commands[word]
    return command


@pytest.mark.parametrize("words", list(commands(encore)), ids=" ".join)
def test_every_command_has_an_example_that_is_one(words: tuple[str, ...]) -> None:
    command = found(words)
    assert command.help
    example = command.help.partition("e.g. `")[2].partition("`")[0].split()
    assert example[: len(words) + 1] == ["encore", *words]
    # What is typed there is understood: no option or word too many, and none missing.
    command.make_context(" ".join(words), example[len(words) + 1 :])


@pytest.mark.parametrize("words", list(commands(encore)), ids=" ".join)
def test_every_option_says_what_it_does(words: tuple[str, ...]) -> None:
    options = [each for each in found(words).params if isinstance(each, click.Option)]
    assert not [option.name for option in options if not option.help]


def test_help_fits_eighty_columns() -> None:
    for words in ((), *commands(encore)):
        shown = CliRunner().invoke(encore, [*words, "--help"], terminal_width=80).output
        assert max(map(len, shown.splitlines())) <= 80, words


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A target folder in which dbt has described the project."""
    folder = tmp_path_factory.mktemp("target")
    dbt = Path(sys.executable).with_name("dbt")
    options = ["--profiles-dir", "profiles", "--target-path", str(folder)]
    subprocess.run([str(dbt), "--quiet", "parse", *options], cwd=PROJECT, check=True)
    return folder


@pytest.mark.parametrize(
    ("typed", "offered"), [("rec", "recommend"), ("show feat_l", "feat_listeners")]
)
def test_commands_and_models_are_completed(typed: str, offered: str, manifest: Path) -> None:
    words = ["encore", *typed.split()]
    environ = {
        "COMP_WORDS": " ".join(words),
        "COMP_CWORD": str(len(words) - 1),
        "_ENCORE_COMPLETE": "bash_complete",
        "DBT_TARGET_PATH": str(manifest),
    }
    done = subprocess.run(
        [Path(sys.executable).with_name("encore")],
        env={**os.environ, **environ},
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert f"plain,{offered}" in done.stdout.splitlines()


@pytest.mark.parametrize(
    ("columns", "in_rows"), [(3, True), (7, True), (8, False), (40, False)]
)
def test_a_table_that_does_not_fit_has_a_line_per_column(columns: int, in_rows: bool) -> None:
    names = [f"column_{number}" for number in range(columns)]
    console = Console(width=80)
    with console.capture() as capture:
        console.print(as_table(names, [[f"<{name}\x1b>" for name in names]], console.width))
    lines = capture.get().splitlines()
    assert max(map(len, lines)) <= 80
    assert ("value" not in lines[1]) == in_rows
    if not in_rows:
        # With every character of every value.
        assert [line.strip("│").split() for line in lines[3 : 3 + columns]] == [
            [name, "│", f"<{name}␛>"] for name in names
        ]
