"""Errors that a user can mend: what happened, with the values, and what to do."""


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


class NegativeAnswerError(EncoreError):
    """Encore ran, and the answer is no: not found, or a check failed (exit code 1)."""

    exit_code = 1
