"""What `make quality` makes of reports: what is worse, and what was changed."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from benchmarks import harness, quality


def report(mean: float, mode: str = "familiar") -> dict[str, Any]:
    """As much of a report as is compared."""
    interval = {"mean": mean, "low": mean - 0.02, "high": mean + 0.02}
    models = [{"model": "blend", "all": {"ndcg_interval": interval}}]
    return {"data": "few", "protocol": "rolling", "mode": mode, "models": models}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with one model and one seed, of which nothing is recorded."""
    for name in ("models/a.sql", "seeds/weights.csv", "dbt_project.yml"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("1")
    monkeypatch.setattr(quality, "RECORDED", tmp_path / "quality.json")
    monkeypatch.setattr(harness, "RESULTS", tmp_path / "RESULTS.md")
    monkeypatch.setattr(quality.files, "__defaults__", (tmp_path,))
    return tmp_path


def run(folder: Path, mean: float, *options: str, mode: str = "familiar") -> Result:
    path = folder / "report.json"
    path.write_text(json.dumps(report(mean, mode)))
    return CliRunner().invoke(quality.main, ["--report", str(path), *options])


def test_what_fell_below_its_interval_fails_and_names_what_changed(folder: Path) -> None:
    assert run(folder, 0.3, "--record").exit_code == 0
    assert run(folder, 0.281).exit_code == 0
    (folder / "seeds" / "weights.csv").write_text("2")
    (folder / "models" / "b.sql").write_text("new")
    assert run(folder, 0.281).exit_code == 0
    done = run(folder, 0.279)
    assert done.exit_code == 1
    assert "few, rolling, familiar: blend" in done.output
    assert "Changed since: models/b.sql, seeds/weights.csv" in done.output


def test_what_was_not_recorded_is_not_worse(folder: Path) -> None:
    assert run(folder, 0.3, "--record").exit_code == 0
    assert run(folder, 0.1, mode="discover").exit_code == 0


def test_a_record_of_one_mode_keeps_that_of_the_other(folder: Path) -> None:
    assert run(folder, 0.3, "--record").exit_code == 0
    (folder / "models" / "a.sql").unlink()
    assert run(folder, 0.2, "--record", mode="discover").exit_code == 0
    done = run(folder, 0.1)
    assert "Changed since: models/a.sql" in done.output
    done = run(folder, 0.1, mode="discover")
    assert done.exit_code == 1
    assert "Changed since: nothing" in done.output
