"""Errors that a user can mend: what happened, with the values, and what to do."""

from collections.abc import Sequence


class EncoreError(Exception):
    """Encore could not run (exit code 2).

    Args:
        message: What happened, with the values that matter.
        hint: The next command to run, or what to change; empty if there is
            nothing to add.
    """

    exit_code = 2

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class DamagedError(EncoreError):
    """A file is not what was once written; another copy or release may do instead."""


class NoSourceError(EncoreError):
    """A file's columns fit none of the sources that are declared."""


class NegativeAnswerError(EncoreError):
    """Encore ran, and the answer is no: not found, or a check failed (exit code 1)."""

    exit_code = 1


def quoted(names: Sequence[str]) -> str:
    """Names that a file gave, for a message; an odd file does not make it endless."""
    cut = [f"{name[:40]}…" if len(name) > 40 else name for name in names[:30]]
    shown = ", ".join(repr(name) if name else "without a name" for name in cut)
    return f"{shown} and {len(names) - 30} more" if len(names) > 30 else shown
