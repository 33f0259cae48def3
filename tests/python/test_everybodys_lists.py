"""Answers and marts agree for more listeners than the sample has."""

import os

import pytest

from python_hooks.home import Home
from tests.python import recommended
from tests.python.encore_command import encore
from tests.python.installation import BUILD

# Half a second an answer: `make test` asks for all of the sample's 200 instead.
LISTENERS = 1_000

pytestmark = [
    pytest.mark.warehouse,
    pytest.mark.skipif(not os.environ.get("ENCORE_DEEP"), reason="part of `make test-deep`"),
]


def test_a_thousand_listeners_get_the_lists_of_the_marts(home: Home) -> None:
    encore(home, "server", "start")
    encore(home, "sample", "--listeners", f"{LISTENERS}", "--listens", "30000")
    encore(home, "dbt", *BUILD)
    encore(home, "artifacts", "build")
    for discover in (False, True):
        listeners, wrong = recommended.differing_answers(home, discover)
        assert len(listeners) >= LISTENERS
        assert wrong == []
