"""Where an installation keeps its state, and the settings read from the environment."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from python_hooks.errors import EncoreError

PROJECT = Path(__file__).resolve().parent.parent


def target_folder(project: Path = PROJECT) -> Path:
    """Where dbt writes its manifest and docs: `target/`, or dbt's `DBT_TARGET_PATH`."""
    return project / (os.environ.get("DBT_TARGET_PATH") or "target")


@dataclass(frozen=True)
class Home:
    """One installation: a state folder and the ports of its server.

    Two installations with other folders and ports live side by side.

    Attributes:
        root: The state folder (`ENCORE_HOME`, default `var` in the project).
        thrift_port: Port of the Thrift door, for dbt and BI tools.
        connect_port: Port of the Spark Connect door, for the hooks.
        driver_memory: Heap of the server, as Java writes it (`2g`), or empty
            for a size chosen from the memory that is free.
        session_timezone: Time zone of new sessions. Marts do not depend on it.
        target: The dbt target.
    """

    root: Path
    thrift_port: int = 10000
    connect_port: int = 15002
    driver_memory: str = ""
    session_timezone: str = "UTC"
    target: str = "prod"

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> "Home":
        """Reads `ENCORE_*` variables; raises EncoreError for a port that is none."""
        root = Path(environ.get("ENCORE_HOME") or "var")
        return cls(
            root=root if root.is_absolute() else PROJECT / root,
            thrift_port=_port(environ, "ENCORE_THRIFT_PORT", cls.thrift_port),
            connect_port=_port(environ, "ENCORE_CONNECT_PORT", cls.connect_port),
            driver_memory=environ.get("ENCORE_DRIVER_MEMORY", cls.driver_memory),
            session_timezone=environ.get("ENCORE_SESSION_TIMEZONE") or cls.session_timezone,
            target=environ.get("ENCORE_TARGET") or cls.target,
        )

    @property
    def landing(self) -> Path:
        """Landed batches, one folder per source table."""
        return self.root / "landing"

    @property
    def warehouse(self) -> Path:
        """Tables of the warehouse, written by Spark only."""
        return self.root / "warehouse"

    @property
    def metastore(self) -> Path:
        """The Derby database that knows the tables."""
        return self.root / "metastore"

    @property
    def artifacts(self) -> Path:
        """Indexes and filters with their receipts."""
        return self.root / "artifacts"

    @property
    def logs(self) -> Path:
        """Logs of the server, and what each run of dbt took."""
        return self.root / "logs"

    @property
    def run(self) -> Path:
        """Pid, token, locks and scratch files."""
        return self.root / "run"

    def make(self, folder: Path) -> None:
        """Makes one of these folders; others may not enter a new state folder.

        What is below it is safe by that. One that is there keeps its mode, as somebody may
        share it on purpose (`encore doctor` tells).
        """
        self.root.parent.mkdir(parents=True, exist_ok=True)
        self.root.mkdir(mode=0o700, exist_ok=True)
        folder.mkdir(parents=True, exist_ok=True)

    def environment(self) -> dict[str, str]:
        """The variables that give a child process this same installation."""
        return {
            "ENCORE_HOME": str(self.root),
            "ENCORE_THRIFT_PORT": str(self.thrift_port),
            "ENCORE_CONNECT_PORT": str(self.connect_port),
            "ENCORE_DRIVER_MEMORY": self.driver_memory,
            "ENCORE_SESSION_TIMEZONE": self.session_timezone,
            "ENCORE_TARGET": self.target,
        }


def _port(environ: Mapping[str, str], name: str, default: int) -> int:
    text = environ.get(name) or str(default)
    if not text.isdecimal() or not 1 <= int(text) <= 65535:
        raise EncoreError(
            f"{name}={text} is not a port number.", f"Set {name} to 1-65535, or unset it."
        )
    return int(text)
