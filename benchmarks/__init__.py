"""One command per performance claim; each prints a ratio to a peer or a limit."""
