"""`python -m python_hooks` is `encore`."""

from python_hooks.cli import main

if __name__ == "__main__":
    main()
