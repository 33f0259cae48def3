"""The data test `valid_rows` finds rows that break a rule, and names the rule."""

import json
from dataclasses import replace

import pytest

from python_hooks.home import Home
from tests.python.encore_command import encore

pytestmark = pytest.mark.warehouse

RULES = """
select id, {{ broken_rules(['id'], {'share': [0, 1], 'count': [1]}, ["kind = 'it\\\\'s'"]) }}
    as broken from values
    (1, 0.5, 1, 'it\\'s'), (2, -0.1, 1, 'it\\'s'), (3, 1.1, 0, 'it\\'s'),
    (null, null, null, 'it\\'s'), (5, 0.5, 1, 'other'), (6, 0.5, 1, null)
    as given(id, share, count, kind) order by share, count, kind
"""


def test_each_broken_rule_is_named(server_home: Home) -> None:
    dev = replace(server_home, target="dev")
    options = ("--quiet", "show", "--output", "json", "--limit", "9", "--inline", RULES)
    rows = json.loads(encore(dev, "dbt", *options))["show"]
    assert {row["id"]: row["broken"] for row in rows} == {
        1: "",
        2: "share < 0",
        3: "share > 1; count < 1",
        None: "id is null",
        5: "coalesce(not (kind = 'it\\'s'), true)",
        6: "coalesce(not (kind = 'it\\'s'), true)",
    }
