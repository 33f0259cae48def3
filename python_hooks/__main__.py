"""`python -m python_hooks` is `encore`."""

import sys


def main() -> None:
    """Runs the command line; Ctrl-C while it is still being loaded is no error either."""
    try:
        from python_hooks import cli, interrupts  # noqa: PLC0415 - takes a second

        interrupts.install()
        cli.main()
    except KeyboardInterrupt:
        sys.stderr.write("Stopped.\n")
        sys.exit(130)


if __name__ == "__main__":
    main()
