"""Writes docs/reliability.md from what the long form of the harness noted.

export ENCORE_CRASH_RESULTS=docs/reliability.jsonl ENCORE_DEEP=1
pytest tests/python/test_crashes.py tests/python/test_faults.py
python -m tests.python.crash_report
"""

import json
from pathlib import Path
from statistics import median
from typing import Any

from python_hooks.home import PROJECT

RESULTS = PROJECT / "docs" / "reliability.jsonl"
PAGE = PROJECT / "docs" / "reliability.md"
WHAT = {
    "landing": "`encore land` of 400,000 rows",
    "minute": "a minute run: dbt, the switch, deltas, the artifact pointer",
    "server": "the server, in the middle of a minute run",
    "artifacts": "`encore artifacts build`",
    "batch": "a whole `dbt build` of all models",
}
HEAD = """# Reliability

Written by `python -m tests.python.crash_report` from `docs/reliability.jsonl`, to which the
long form of [test_crashes.py](../tests/python/test_crashes.py) and
[test_faults.py](../tests/python/test_faults.py) (`make test-deep`) adds a line per kill or
fault. Only what was run is here: small invented files, two cores that other programs shared.

## Kills

One installation (for landing a new one each time) is killed with SIGKILL at a moment that a
seed decides, from the start of the command to the time that it takes undisturbed; in three
of ten also the run that should mend it. At once afterwards the public marts have to give the
totals that they gave before (where the server is alive). Then a user's next command runs,
and every published table and view, every artifact (but its receipt, which names the release)
and every landed batch has to have the hash that it had undisturbed; there must be no schema,
folder, temporary file or lock that nobody needs; and one run more must find nothing to do.
Seconds are those of the run that mended, the median and the most.

| killed | kills | recovery too | ended before it | mended | seconds |
|---|---:|---:|---:|---:|---:|
"""


def page(results: list[dict[str, Any]]) -> str:
    """The page, from the lines of the results file; of the same kill the last counts."""
    kills = {(each["what"], each["seed"]): each for each in results if "what" in each}
    faults = {each["fault"]: each for each in results if "fault" in each}
    text = HEAD
    for what, told in WHAT.items():
        found = [each for (kind, _), each in kills.items() if kind == what]
        if found:
            text += _row(told, found)
    text += _row("**all**", list(kills.values()))
    wrong = [each for each in kills.values() if each["wrong"]]
    if wrong:
        text += "\nNot mended:\n\n"
        for each in wrong:
            text += f"- {each['what']}, seed {each['seed']}: {'; '.join(each['wrong'])}\n"
    text += "\n## Faults\n\n| fault | |\n|---|---|\n"
    for fault, each in sorted(faults.items()):
        text += f"| {fault} | {'told, and mended' if each['passed'] else '**failed**'} |\n"
    return text


def _row(told: str, found: list[dict[str, Any]]) -> str:
    seconds = [each["recovery"] for each in found]
    return (
        f"| {told} | {len(found)} | {sum(each['again'] is not None for each in found)} | "
        f"{sum(each['too_late'] for each in found)} | "
        f"{sum(not each['wrong'] for each in found)} | "
        f"{median(seconds):.0f}, {max(seconds):.0f} |\n"
    )


def read(path: Path = RESULTS) -> list[dict[str, Any]]:
    """The lines of the results file."""
    return [json.loads(line) for line in path.read_text().splitlines()]


if __name__ == "__main__":
    PAGE.write_text(page(read()))
