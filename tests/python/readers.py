"""Readers that go on while releases are published, each on a thread and a session of
its own: over Thrift and over Connect, of the public views and of a pinned release.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from pyhive import hive

from python_hooks import releases
from python_hooks.home import Home
from python_hooks.warehouse import Warehouse

# Every one of these adds up to the listens of the whole history.
TOTALS = {
    "fct_listener_track_rfm": "sum(frequency)",
    "fct_listener_rfm": "sum(frequency)",
    "fct_track_rfm": "sum(frequency)",
    "fct_track_popularity": "sum(listen_count)",
    "fct_key_frequency": "sum(listen_count)",
}
_REST = 4.0
# Closed releases are kept for an hour.
_PIN_SECONDS = 40 * 60
Ask = Callable[[str], int]


@dataclass
class Readers:
    """What readers saw.

    Attributes:
        epoch: Raised by the writer before totals may go back (a rollback, an edit).
        reads: Reads that were answered, by reader.
        wrong: What they should not have seen, and reads that failed.
    """

    epoch: int = 0
    reads: dict[str, int] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)

    def public(self, ask: Ask, stop: threading.Event) -> Iterator[None]:
        """The total of one public view, which never goes back."""
        total, epoch = 0, self.epoch
        while not stop.is_set():
            now = ask("select sum(frequency) from encore.fct_listener_track_rfm")
            if epoch == self.epoch and now < total:
                self.wrong.append(f"the public total went from {total} back to {now}")
            total, epoch = now, self.epoch
            yield

    def pinned(self, ask: Ask, pin: Callable[[], releases.Release]) -> Iterator[None]:
        """The totals of a release, pinned for this one look: they are all the same."""
        while True:
            release = pin()
            totals = {
                mart: ask(f"select {total} from {release.relation(mart)}")
                for mart, total in TOTALS.items()
            }
            if len(set(totals.values())) > 1:
                self.wrong.append(f"release {release.release_id} is mixed: {totals}")
            yield

    def pinned_long(self, ask: Ask, pin: Callable[[], releases.Release]) -> Iterator[None]:
        """The totals of a release that stays pinned over many publications."""
        while True:
            release, since, first = pin(), time.monotonic(), None
            while time.monotonic() - since < _PIN_SECONDS:
                for mart, total in TOTALS.items():
                    now = ask(f"select {total} from {release.relation(mart)}")
                    first = now if first is None else first
                    if now != first:
                        self.wrong.append(
                            f"{mart} of {release.release_id}: {now} instead of {first}"
                        )
                yield


@contextmanager
def reading(home: Home) -> Iterator[Readers]:
    """Four readers, from here to the end of the block."""
    readers, stop = Readers(), threading.Event()

    def pin() -> releases.Release:
        with Warehouse(home) as warehouse:
            return releases.current(warehouse, home)

    def go_on(name: str, looks: Iterator[None]) -> None:
        readers.reads[name] = 0
        try:
            for _look in looks:
                readers.reads[name] += 1
                if stop.wait(_REST):
                    return
        except Exception as error:  # whatever it is, a reader must not see it
            readers.wrong.append(f"{name}: {type(error).__name__}: {error}")

    kinds = {
        "public over Connect": readers.public(_over_connect(home), stop),
        "public over Thrift": readers.public(_over_thrift(home), stop),
        "pinned over Connect": readers.pinned(_over_connect(home), pin),
        "pinned long over Thrift": readers.pinned_long(_over_thrift(home), pin),
    }
    threads = [threading.Thread(target=go_on, args=kind) for kind in kinds.items()]
    for thread in threads:
        thread.start()
    try:
        yield readers
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def _over_connect(home: Home) -> Ask:
    warehouse = Warehouse(home)
    return lambda sql: int(warehouse.query(sql).column(0)[0].as_py())


def _over_thrift(home: Home) -> Ask:
    # Never closed: at its end a session of the pip-installed server may miss a class
    # of Hive, long after everything was read.
    connection = hive.connect("127.0.0.1", port=home.thrift_port, username="reader")

    def ask(sql: str) -> int:
        cursor = connection.cursor()
        cursor.execute(sql)
        found = int(cursor.fetchone()[0])
        cursor.close()
        return found

    return ask
