"""The RecTools side of `benchmarks/metrics_peer.py`; runs in an environment that has it.

Usage: `python rectools_peer.py FOLDER K` with `lists.csv`, `targets.csv` and `known.csv` in
the folder; prints each measure per list as JSON.
"""

import json
import sys
from pathlib import Path

import pandas as pd
from rectools import Columns
from rectools.metrics import MRR, NDCG, CatalogCoverage, HitRate, MeanInvUserFreq, Recall


def main(folder: Path, k: int) -> None:
    """Measures the lists."""
    lists, targets, known = (
        pd.read_csv(folder / f"{name}.csv") for name in ("lists", "targets", "known")
    )
    of_all = {
        "ndcg": NDCG(k=k, divide_by_achievable=True),
        "recall": Recall(k=k),
        "mrr": MRR(k=k),
        "hit_rate": HitRate(k=k),
    }
    values = {name: each.calc_per_user(lists, targets) for name, each in of_all.items()}
    values["novelty"] = MeanInvUserFreq(k=k).calc_per_user(lists, known)
    told = {name: dict(each.sort_index().items()) for name, each in values.items()}
    covered = CatalogCoverage(k=k, normalize=True).calc(lists, known[Columns.Item].unique())
    sys.stdout.write(json.dumps({**told, "coverage": covered}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
