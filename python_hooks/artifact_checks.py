"""What is known about artifacts: receipts against files, declarations and marts."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from python_hooks import receipt, release_note
from python_hooks.artifact_builders import BUILDERS, VersionOf
from python_hooks.artifact_releases import DELTA, current_release, require_release
from python_hooks.declaration import Artifact
from python_hooks.errors import DamagedError
from python_hooks.home import Home
from python_hooks.receipt import Receipt
from python_hooks.release_note import Note


@dataclass(frozen=True)
class Status:
    """What is known about one declared artifact.

    Attributes:
        artifact: The declaration.
        receipt: What was recorded at its build; None where it cannot be used.
        problems: What is wrong with it, with both values; empty if it is fine.
    """

    artifact: Artifact
    receipt: Receipt | None
    problems: tuple[str, ...]


def check(
    artifacts: Sequence[Artifact],
    home: Home,
    version_of: VersionOf | None = None,
    row_counts: Mapping[str, int] | None = None,
) -> list[Status]:
    """Hashes every file again and compares receipts with declarations and marts.

    Args:
        artifacts: The artifacts to check.
        home: The installation.
        version_of: The published build of an artifact's model, if it should be compared.
        row_counts: Rows of the marts now, by relation, as far as they are known.
    """
    statuses = []
    for status in _statuses(artifacts, home, receipt.verify):
        problems = list(status.problems)
        if recorded := status.receipt:
            version = version_of(status.artifact) if version_of else recorded.version
            if recorded.version != version:
                problems.append(
                    f"it was built from {status.artifact.model} of {recorded.version}, "
                    f"published is that of {version}"
                )
            rows = (row_counts or {}).get(status.artifact.relation, recorded.rows)
            if rows != recorded.rows:
                problems.append(
                    f"it was built from {recorded.rows} rows, "
                    f"{status.artifact.relation} has {rows}"
                )
        statuses.append(Status(status.artifact, status.receipt, tuple(problems)))
    return statuses


def overview(artifacts: Sequence[Artifact], home: Home) -> list[Status]:
    """What the receipts say, without looking at the files they describe."""
    return _statuses(artifacts, home, receipt.read)


def _statuses(
    artifacts: Sequence[Artifact], home: Home, look: Callable[[Path], Receipt]
) -> list[Status]:
    current = current_release(home)
    try:
        require_release(current, home)
        note = release_note.read(current) if current.exists() else Note()
    except DamagedError as error:
        return [Status(artifact, None, (error.message,)) for artifact in artifacts]
    statuses = []
    for artifact in artifacts:
        recorded, problems = None, ["not built"]
        if artifact.path in note.receipts:
            try:
                recorded = release_note.vouched(note, current, artifact.path, look)
                if artifact.path + DELTA in note.receipts:
                    release_note.vouched(note, current, artifact.path + DELTA, look)
            except DamagedError as error:
                problems = [error.message]
            else:
                problems = receipt.differences(recorded, artifact)
                bounds = BUILDERS[artifact.builder].BOUNDS
                problems += receipt.shortfalls(artifact, recorded.quality, bounds)
                if recorded.relation != artifact.relation:
                    problems.append(
                        f"it was built from {recorded.relation}, "
                        f"the declaration says {artifact.relation}"
                    )
        statuses.append(Status(artifact, recorded, tuple(problems)))
    return statuses
