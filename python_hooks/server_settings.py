"""What a server is started with: memory, properties, environment, token."""

import importlib.util
import os
import re
import secrets
import tempfile
from pathlib import Path

import psutil

from python_hooks.errors import EncoreError
from python_hooks.home import PROJECT, Home
from python_hooks.server_doors import HOST, refused_address

DEFAULTS = PROJECT / "profiles/spark-defaults.conf"

_MIB = 1024**2
# Below this heap, in MiB, Spark does not start or has no room to work in.
_SMALLEST_HEAP = 512
# What a JVM takes beside its heap, in MiB: classes, code, threads, buffers.
_BESIDE_HEAP = 384
# Where Spark and Hive read which addresses to listen on.
_ADDRESSES = (
    "spark.driver.bindAddress",
    "spark.driver.host",
    "spark.hadoop.hive.server2.thrift.bind.host",
    "spark.connect.grpc.binding.address",
)
# Variables by which another Spark or Hadoop on the machine would leak in.
_FOREIGN = ("SPARK_", "PYSPARK_", "HADOOP_", "HIVE_")


def driver_memory(home: Home, available: int | None = None) -> str:
    """The heap of the server, as Java writes it (`2048m`).

    `ENCORE_DRIVER_MEMORY` if set, else 40 % of the memory that is available,
    between 1 and 4 GiB.

    Args:
        home: The installation.
        available: Bytes that are available; by default asked from the machine.

    Raises:
        EncoreError: The setting is no size, or less is available than needed.
    """
    if available is None:
        available = psutil.virtual_memory().available
    free = available // _MIB
    if home.driver_memory:
        heap = _mebibytes(home.driver_memory)
    else:
        heap = min(4096, max(1024, free * 40 // 100))
    if free < heap + _BESIDE_HEAP:
        raise EncoreError(
            f"The server needs {heap + _BESIDE_HEAP} MiB of memory (a heap of {heap} and "
            f"{_BESIDE_HEAP} beside it); {free} MiB are available.",
            f"Close other programs, or set ENCORE_DRIVER_MEMORY below {heap}m "
            f"(at least {_SMALLEST_HEAP}m).",
        )
    return f"{heap}m"


def write_properties(home: Home, heap: str) -> Path:
    """Writes the properties file of one start; returns its path.

    It holds the project's defaults and what depends on the state folder, so
    that the command line stays short and shows no settings.

    Args:
        home: The installation.
        heap: Heap as Java writes it.

    Raises:
        EncoreError: The state folder has a character that Spark, Java, Derby or
            SQL reads as a separator.
    """
    if found := re.search(r"""[;,"'\\$\n]""", str(home.root)):
        raise EncoreError(
            f"The path of the state folder has a {found[0]!r} in it: {home.root}",
            "Set ENCORE_HOME to a path without it.",
        )
    scratch = home.run / "tmp"
    java_options = " ".join(
        [
            "-Duser.timezone=UTC",
            "-Dfile.encoding=UTF-8",
            # Java would write its counters into the machine's /tmp.
            "-XX:-UsePerfData",
            f'"-Djava.io.tmpdir={scratch}"',
            f'"-Dderby.stream.error.file={home.logs}/derby.log"',
        ]
    )
    database = f"jdbc:derby:;databaseName={home.metastore};create=true"
    settings = {
        "spark.driver.memory": heap,
        "spark.driver.extraJavaOptions": java_options,
        "spark.local.dir": scratch,
        "spark.hadoop.hive.exec.scratchdir": scratch / "hive",
        "spark.sql.warehouse.dir": home.warehouse,
        "spark.hadoop.javax.jdo.option.ConnectionURL": database,
        "spark.hadoop.hive.server2.thrift.port": home.thrift_port,
        "spark.connect.grpc.binding.port": home.connect_port,
        # Twice the cores: enough to balance, few enough to be cheap.
        "spark.sql.shuffle.partitions": 2 * (os.cpu_count() or 2),
        # Read by dbt's macros, which register the landed batches as tables.
        "spark.encore.landing": home.landing,
    }
    lines = [f"{name} {value}" for name, value in settings.items()]
    path = home.run / "server.properties"
    _require_loopback(DEFAULTS)
    text = DEFAULTS.read_text() + "\n# Of this installation.\n" + "\n".join(lines) + "\n"
    path.write_text(text, encoding="utf-8")
    return path


def _require_loopback(defaults: Path) -> None:
    """Refuses settings that would open a door to the network, or leave it to a default."""
    pairs = (line.split(None, 1) for line in defaults.read_text().splitlines())
    found = {pair[0]: pair[1].strip() for pair in pairs if len(pair) == 2}
    for name in _ADDRESSES:
        if found.get(name) != HOST:
            raise refused_address(f"{defaults} has {name} {found.get(name, 'nowhere')}")


def server_environment(home: Home, java: Path) -> dict[str, str]:
    """The environment of the server: this Spark, this Java, and the token."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)
    }
    environment |= {
        "SPARK_HOME": str(spark_home()),
        "SPARK_LOCAL_IP": "127.0.0.1",
        # Only the environment is hidden from other users of the machine: a
        # command line is not, and a property would be shown by `set`.
        "SPARK_CONNECT_AUTHENTICATE_TOKEN": connect_token(home),
        # Java takes the encoding of file names from the locale.
        "LC_ALL": "C.UTF-8",
        "PATH": f"{java.parent}{os.pathsep}{os.environ.get('PATH', '')}",
    }
    environment.pop("JAVA_HOME", None)
    if java.parent.name == "bin":
        environment["JAVA_HOME"] = str(java.parent.parent)
    return environment


def spark_home() -> Path:
    """The folder of the installed Spark; found without the slow import."""
    package = importlib.util.find_spec("pyspark")
    if package is None or not package.submodule_search_locations:
        raise EncoreError("Spark is not installed here.", "Run `make build`.")
    return Path(package.submodule_search_locations[0])


def connect_token(home: Home) -> str:
    """The secret of the Connect door; made at the first start, readable by its owner."""
    path = home.run / "connect.token"
    if not path.exists():
        home.make(home.run)
        # mkstemp creates with mode 0600: at no moment can others read it.
        descriptor, draft = tempfile.mkstemp(dir=home.run, prefix="connect.token.")
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(32))
        Path(draft).replace(path)
    path.chmod(0o600)
    return path.read_text().strip()


def _mebibytes(text: str) -> int:
    found = re.fullmatch(r"(\d+)([mMgG])", text)
    size = int(found[1]) * (1024 if found[2] in "gG" else 1) if found else 0
    if size < _SMALLEST_HEAP:
        raise EncoreError(
            f"ENCORE_DRIVER_MEMORY={text} is not a heap of {_SMALLEST_HEAP}m or more.",
            "Write it as Java does, such as 1536m or 2g.",
        )
    return size
