"""SIGKILL at every step of publishing: readers notice nothing, the next run heals.

A named failpoint is put into a copy of the project: there the run stops, says so in
dbt's log, and is killed.
"""

import os
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from python_hooks import server
from python_hooks.home import Home
from tests.python.installation import Installation, kill
from tests.python.interleaving import Interleaving
from tests.python.readers import reading
from tests.python.test_layers import assert_nobody_noticed

pytestmark = [
    pytest.mark.warehouse,
    pytest.mark.skipif(not os.environ.get("ENCORE_DEEP"), reason="part of `make test-deep`"),
]

IN_SQL = """{{% do log('failpoint {name}', info=true) %}}
    {{% do run_query("select reflect('java.lang.Thread', 'sleep', 60000L)") %}}
"""
IN_PYTHON = """import os as _os, time as _time
        with open(_os.path.join(_os.environ["DBT_LOG_PATH"], "dbt.log"), "a") as _log:
            _log.write("failpoint {name}\\n")
        _time.sleep(60)
"""


@dataclass(frozen=True)
class Failpoint:
    """Where a run stops: before a text that occurs once in a file, or after it."""

    file: str
    text: str
    command: str = "minute"
    after: bool = False


_SWITCH = "{% do execute_statement('alter view ' ~ view"
_DROP = "{% do execute_statement('drop schema if exists ' ~ row[0] ~ ' cascade') %}"
_REPLACE = "link.replace(current)\n        "
FAILPOINTS = {
    "candidate_built": Failpoint("macros/publishing/end_run.sql", "{% do lock() %}"),
    "before_the_switch": Failpoint("macros/publishing/write_publication.sql", _SWITCH),
    "after_the_switch": Failpoint("macros/publishing/end_run.sql", "{% do heal() %}"),
    "between_views": Failpoint(
        "macros/publishing/heal.sql", "{%- do current.append(model) -%}", after=True
    ),
    "in_garbage": Failpoint("macros/publishing/collect_garbage.sql", _DROP, after=True),
    "before_the_tail": Failpoint(
        "macros/materializations/arrivals.sql", "{%- if facts.tail_lacks -%}"
    ),
    "after_the_tail": Failpoint(
        "macros/materializations/arrivals.sql", "{{ return({'relations': [relation]}) }}"
    ),
    "before_the_link": Failpoint(
        "python_hooks/artifact_releases.py", _REPLACE, command="batch"
    ),
    "after_the_link": Failpoint(
        "python_hooks/artifact_releases.py", _REPLACE, command="batch", after=True
    ),
}


def test_a_run_killed_at_a_failpoint_is_healed_by_the_next(
    home: Home, tmp_path: Path
) -> None:
    server.start(home)
    run = Interleaving(3, Installation.copied(home, tmp_path), tmp_path)
    # A killed holder of the metastore's lock is waited for; not for a minute here.
    run.on.edit("dbt_project.yml", "lock_seconds: 60", "lock_seconds: 5")
    run.begin()
    run.on.encore("artifacts", "build")
    with reading(home) as run.readers:
        for name, point in FAILPOINTS.items():
            run.land(run.files.listens(), is_catalogue=False)
            die_at(name, point, run)
            run.speed("minute", least=0)
            run.on.encore("artifacts", "check")
    assert_nobody_noticed(run.readers)


def die_at(name: str, point: Failpoint, run: Interleaving) -> None:
    """Runs a layer into a failpoint and kills it there."""
    template = IN_PYTHON if point.file.endswith(".py") else IN_SQL
    code = template.format(name=name)
    if point.file.endswith(".py"):
        code = code.rstrip(" ") + "        "
    edited = point.text + code if point.after else code + point.text
    run.on.edit(point.file, point.text, edited)
    log = Path(os.environ["DBT_LOG_PATH"]) / "dbt.log"
    log.unlink(missing_ok=True)
    process = run.on.begin("run", point.command)
    deadline = time.monotonic() + 400
    while not (log.exists() and f"failpoint {name}" in log.read_text(errors="replace")):
        assert process.poll() is None, (name, process.communicate())
        assert time.monotonic() < deadline, f"{name} was not reached"
        time.sleep(0.2)
    kill(process)
    run.done.append(f"killed at {name}")
    run.on.edit(point.file, edited, point.text)
