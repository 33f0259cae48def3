"""How soon a landed listen changes a recommendation, at small and large histories.

    python -m benchmarks.speed --history 100000 --listens 20

`encore watch` runs as a process of its own. One listen of a track nobody knows is dropped
into its folder at a time; the clock stops when `recommend` names it. Batches run beside
it: one begins after every `--batch-every` listens.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click

from benchmarks import harness, listening
from python_hooks import batch, landing, recommender, server
from python_hooks.console import err
from python_hooks.home import PROJECT, Home

_LIMIT_SECONDS = 15.0
_POLL_SECONDS = 0.2
_PATIENCE_SECONDS = 300.0


@click.command()
@click.option("--history", multiple=True, type=int, default=[100_000], show_default=True)
@click.option("--listens", default=20, show_default=True, help="How many are timed.")
@click.option("--batch-every", default=10, show_default=True)
@click.option("--memory", default="6g", show_default=True, help="Heap of the server.")
def main(history: tuple[int, ...], listens: int, batch_every: int, memory: str) -> None:
    """Measure listens one after another, with batches beside them."""
    lines = []
    for size in history:
        with harness.installation(memory) as home, tempfile.TemporaryDirectory() as drop:
            server.start(home)
            listening.write(home.root / "listening", listening.sized(size))
            landing.land([str(home.root / "listening")], home)
            batch.run_batch(home)
            seconds = _watched(home, Path(drop), listens, batch_every)
        found = harness.percentiles(seconds)
        spelled = {f"{name} s": value for name, value in found.items()}
        ratio = {"p95 / limit of 15 s": found["p95"] / _LIMIT_SECONDS}
        lines.append({"history": size, "listens": listens} | spelled | ratio)
    if len(lines) > 1:
        for line in lines:
            line["p95 / smallest"] = line["p95 s"] / lines[0]["p95 s"]
    harness.publish(
        "From a landed listen to a changed recommendation",
        "python -m benchmarks.speed",
        lines,
    )


def _watched(home: Home, drop: Path, listens: int, batch_every: int) -> list[float]:
    command = [sys.executable, "-m", "python_hooks"]
    watching = subprocess.Popen(
        [*command, "watch", str(drop), "--every", "1"], cwd=PROJECT, stdout=subprocess.DEVNULL
    )
    nightly: subprocess.Popen[bytes] | None = None
    seconds = []
    try:
        for number in range(listens):
            if number % batch_every == batch_every - 1 and (
                nightly is None or nightly.poll() is not None
            ):
                nightly = subprocess.Popen(
                    [*command, "run", "batch"], cwd=PROJECT, stderr=subprocess.DEVNULL
                )
            seconds.append(_one_listen(home, drop, number))
            err.print(f"{number + 1} of {listens}: {seconds[-1]:.1f} s")
    finally:
        watching.terminate()
        watching.wait()
        if nightly:
            nightly.wait()
    return seconds


def _one_listen(home: Home, drop: Path, number: int) -> float:
    listener, track = f"newcomer {number}", f"never heard {number}"
    stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    hidden = drop / f".{number}.csv"
    hidden.write_text(f"listener,id,timestamp\n{listener},{track},{stamp}\n")
    begun = time.monotonic()
    hidden.rename(drop / f"{number}.csv")
    while time.monotonic() - begun < _PATIENCE_SECONDS:
        items = recommender.recommend(listener, home, k=3).items
        if any(item.track_id == track for item in items):
            return time.monotonic() - begun
        time.sleep(_POLL_SECONDS)
    raise click.ClickException(f"{track} was not recommended in {_PATIENCE_SECONDS} s")


if __name__ == "__main__":
    main()
