"""Reads from the warehouse over Spark Connect: the only module with a connection."""

import re
import warnings
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

import pyarrow as pa

from python_hooks.errors import EncoreError
from python_hooks.home import Home
from python_hooks.server_doors import PATIENCE, is_open, silent

if TYPE_CHECKING:
    from pyspark.sql.connect.session import SparkSession

_T = TypeVar("_T")


class Warehouse:
    """A session on the server of an installation; its time zone is UTC.

    Use it as a context manager:

        with Warehouse(home) as warehouse:
            tracks = warehouse.read("encore.dim_tracks", ["track_id"], limit=5)

    Args:
        home: The installation.

    Raises:
        EncoreError: The server is not running, or it does not accept the token.
    """

    def __init__(self, home: Home) -> None:
        self._session = _connect(home)

    def __enter__(self) -> "Warehouse":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends the session on the server."""
        self._session.stop()

    def interrupt(self) -> None:
        """Ends all queries of the session, also those of other threads."""
        self._session.interruptAll()

    def read(
        self,
        relation: str,
        columns: Sequence[str] | None = None,
        where: str | None = None,
        order_by: Sequence[str] | None = None,
        limit: int | None = None,
    ) -> pa.Table:
        """Reads a table or view.

        Args:
            relation: Its name with the schema, quoted or not (`encore.dim_tracks`).
            columns: Names of columns, in the wanted order; all if None.
            where: A condition in Spark SQL.
            order_by: Names of columns, each with ` desc` or ` asc` after it or not.
            limit: The most rows to return.

        Returns:
            The rows. Time stamps are `timestamp[us, UTC]`.

        Raises:
            EncoreError: There is no such relation or column, or the condition is
                wrong: in Spark's words.
        """
        return _answered(
            lambda: self._frame(relation, columns, where, order_by, limit).toArrow()
        )

    def exists(self, relation: str) -> bool:
        """Whether there is a table or view `schema.table`."""
        return bool(_answered(lambda: self._session.catalog.tableExists(relation)))

    def query(self, sql: str) -> pa.Table:
        """Runs one Spark SQL statement; returns its rows.

        Raises:
            EncoreError: It failed: in Spark's words.
        """
        return _answered(lambda: self._session.sql(sql).toArrow())

    def _frame(
        self,
        relation: str,
        columns: Sequence[str] | None,
        where: str | None,
        order_by: Sequence[str] | None,
        limit: int | None,
    ) -> Any:
        frame = self._session.table(".".join(_quoted(part) for part in _parts(relation)))
        if where is not None:
            frame = frame.where(where)
        # Sorted before the columns are chosen: the order may need another one.
        if order_by:
            frame = frame.orderBy(*map(_sort_key, order_by))
        if limit is not None:
            frame = frame.limit(limit)
        return frame if columns is None else frame.select(*map(_quoted, columns))


def literal(text: str) -> str:
    """A string as a Spark SQL literal, whatever is in it.

    Raises:
        EncoreError: It is no UTF-8, as bytes of a command line may be.
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        raise EncoreError(
            f"{text!r} is not UTF-8 text, and ids in marts are.",
            "Look for it with `encore show`, whose `--json` gives ids to copy.",
        ) from None
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _connect(home: Home) -> "SparkSession":
    if not is_open(home.connect_port):
        raise EncoreError(
            f"The server is not running: nothing listens on port {home.connect_port}.",
            "Run `encore server start`.",
        )
    token = home.run / "connect.token"
    if not token.exists():
        raise EncoreError(
            f"There is no token for the server: {token} is missing.",
            f"Port {home.connect_port} belongs to another installation, or the file was "
            "removed: run `encore server stop`, then `encore server start`.",
        )
    # Importing Spark takes a second; only those who read pay for it. grpc ships no types.
    import grpc  # type: ignore[import-untyped] # noqa: PLC0415
    from pyspark.logger import PySparkLogger  # noqa: PLC0415
    from pyspark.sql.connect.client import DefaultChannelBuilder  # noqa: PLC0415
    from pyspark.sql.connect.client.retries import DefaultPolicy  # noqa: PLC0415
    from pyspark.sql.connect.session import SparkSession  # noqa: PLC0415

    # Failures are raised; Spark would also write them, with Java's stack, to stderr.
    PySparkLogger.getLogger("SQLQueryContextLogger").setLevel("CRITICAL")
    warnings.filterwarnings("ignore", message=r"\[RETRIES_EXCEEDED\]")
    # By name: with 127.0.0.1 the client insists on TLS, and retries for ever.
    door = DefaultChannelBuilder(f"sc://localhost:{home.connect_port}")
    door.set(door.PARAM_TOKEN, token.read_text().strip())

    # A server that is stopped accepts connections, and nothing more.
    with door.toChannel() as channel:
        try:
            grpc.channel_ready_future(channel).result(PATIENCE)
        except grpc.FutureTimeoutError:
            raise silent(home.connect_port) from None

    def open_session() -> "SparkSession":
        session = SparkSession.builder.channelBuilder(door).create()
        # The default goes on for ten minutes after the server is gone.
        session.client.set_retry_policies([DefaultPolicy(max_retries=3)])
        session.conf.set("spark.sql.session.timeZone", "UTC")
        return session

    return _answered(open_session)


def _answered(ask: Callable[[], _T]) -> _T:
    # As slow: not before something is asked.
    from pyspark.errors import PySparkException  # noqa: PLC0415

    try:
        return ask()
    except PySparkException as error:
        raise _readable(error) from error


def _readable(error: Any) -> EncoreError:
    condition, message = error.getCondition() or "", error.getMessage() or str(error)
    # Spark adds the plan after the message; and a stack, where it has one.
    message = re.split(r";\n'|\n\s*at |\nJVM stacktrace", message)[0].strip()
    if "UNAUTHENTICATED" in message or "authentication token" in message.lower():
        return EncoreError(
            "The server does not accept the token of this installation.",
            "It was started by another installation or before the token changed: run "
            "`encore server stop`, then `encore server start`.",
        )
    if condition.startswith(("TABLE_OR_VIEW_NOT_FOUND", "SCHEMA_NOT_FOUND")):
        return EncoreError(message.splitlines()[0], "Run `encore run batch` to build it.")
    if "UNAVAILABLE" in message:
        return EncoreError(
            "The server ended during the query.",
            "Run `encore server logs` to see why, then `encore server start`.",
        )
    return EncoreError(message, "Correct the query, and run it again.")


def _sort_key(key: str) -> Any:
    # As slow: not before something is sorted.
    from pyspark.sql.connect.functions import col  # noqa: PLC0415

    found = re.fullmatch(r"\s*(.+?)(?:\s+(asc|desc))?\s*", key, re.IGNORECASE | re.DOTALL)
    name, direction = found.groups() if found else (key, None)
    column = col(_quoted(name))
    return column.desc() if (direction or "").lower() == "desc" else column.asc()


def _parts(relation: str) -> list[str]:
    """Splits `a.b` and `` `a`.`b` `` at the dots outside quotes, and unquotes."""
    found = re.findall(r"`((?:[^`]|``)*)`|([^.`]+)", relation)
    return [quoted.replace("``", "`") or plain.strip() for quoted, plain in found]


def _quoted(name: str) -> str:
    name = name[1:-1] if name[:1] == name[-1:] == "`" and len(name) > 1 else name
    return "`" + name.replace("`", "``") + "`"
