"""The command `encore doctor`."""

import sys

import click

from python_hooks import doctor
from python_hooks.cli_output import JSON, print_answer
from python_hooks.home import Home


@click.command(name="doctor")
@click.option("--fix", is_flag=True, help="Mend what can be mended without losing anything.")
@JSON
def examine(fix: bool, as_json: bool) -> None:
    """Look the installation over, e.g. `encore doctor --fix`; exit code 1 if ill."""
    findings = doctor.examine(Home.from_environment(), fix=fix)
    print_answer(findings, as_json, doctor.as_table(findings))
    sys.exit(0 if all(finding.fine for finding in findings) else 1)
