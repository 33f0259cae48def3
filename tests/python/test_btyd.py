"""The buy-till-you-die columns against lifetimes, on CDNOW's 23,570 customers."""

import importlib.util
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from lifetimes.utils import summary_data_from_transaction_data

from python_hooks.home import Home
from tests.python.encore_command import encore, rows

pytestmark = pytest.mark.warehouse


def test_listeners_have_the_columns_that_lifetimes_computes(
    server_home: Home, tmp_path: Path
) -> None:
    spec = importlib.util.find_spec("lifetimes")
    assert spec is not None
    assert spec.origin is not None
    purchases = pd.read_csv(
        Path(spec.origin).parent / "datasets" / "CDNOW_master.txt",
        sep=r"\s+",
        header=0,
        names=["customer", "day", "quantity", "amount"],
        dtype=str,
    )
    purchases["listener"] = "cdnow-" + purchases["customer"]
    purchases["timestamp"] = pd.to_datetime(purchases["day"], format="%Y%m%d").dt.strftime(
        "%Y-%m-%d"
    )
    purchases["id"] = "a disc"
    file = tmp_path / "purchases.csv"
    purchases[["listener", "id", "timestamp"]].to_csv(file, index=False)
    encore(server_home, "land", str(file))
    # A developer's own schema, in which parts can be built alone.
    home = replace(server_home, target="dev")
    build = ("build", "--exclude-resource-type", "test", "unit_test")
    encore(home, "dbt", "--quiet", *build, "--select", "+int_listeners_measured")

    newest = rows(home, "int_listening_span")[0]["as_of"][:10]
    expected = summary_data_from_transaction_data(
        purchases, "listener", "timestamp", observation_period_end=newest, freq="D"
    )
    assert len(expected) == 23_570
    where = ("--where", "listener_id like 'cdnow-%'")
    found = pd.DataFrame(rows(home, "int_listeners_measured", *where))
    found = found.set_index("listener_id").loc[expected.index]
    assert (found["btyd_frequency"] == expected["frequency"]).all()
    assert (found["btyd_recency"] == expected["recency"]).all()
    assert (found["btyd_t"] == expected["T"]).all()
