"""What dbt says while it runs: nodes that ended, failures, and Java's stacks cut out."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

_JAVA_FRAME = re.compile(r"^\s*at [\w.$/<>]+\(.*\)\s*$")
# dbt begins every message with the time, in colour or not; a stack never does.
_DBT_MESSAGE = re.compile(r"^(\x1b\[\d+m)*\d\d:\d\d:\d\d")
# After the message of an analysis that failed Spark draws its plan, to an empty line.
_BEFORE_PLAN = re.compile(r"(SQLSTATE: \w+|line \d+,? pos \d+);\s*$")
_PLAN = re.compile(r"^[\s:+|-]*'?[A-Z]\w+")
# The server wraps Spark's message in two Java class names and repeats its class.
_WRAPPING = re.compile(
    r"org\.apache\.hive\.service\.cli\.HiveSQLException: Error running query: "
    r"(?:\[[\w.]+\] )?(?:[\w.]+: )?"
)
# Where a server stops in mid-query, dbt prints Thrift's answer as Python writes it, on one
# line: Java's stack many times, and at the end what happened.
_THRIFT_ANSWER = re.compile(
    r"T\w+Resp\(status=TStatus\(.*errorMessage=(['\"])(.*?)(\\n.*|\1\)+)$"
)
_TRACEBACK = "Traceback (most recent call last):"


@dataclass(frozen=True)
class NodeEvent:
    """One node (model, seed, test, …) has ended.

    Attributes:
        done: Nodes ended so far, this one included.
        total: Nodes of this run.
        node: The node's name.
        status: As dbt says it: success, pass, fail, error, warn, skipped, no-op.
        seconds: How long it took; 0 for a skipped node.
    """

    done: int
    total: int
    node: str
    status: str
    seconds: float


@dataclass(frozen=True)
class Failure:
    """One thing that failed.

    Attributes:
        node: The node's name; empty if it is no node.
        message: What happened, readable.
        hint: What to do, where the node says it (`meta: {hint: …}`); else empty.
    """

    node: str
    message: str
    hint: str = ""


def without_java(lines: Iterable[str]) -> Iterator[str]:
    """Cuts stacks of Java and Python and Spark's plans out of dbt's output, line by line.

    A stack of Java begins at the first frame (`at package.Class.method(File.java:1)`)
    and ends where dbt's next message begins; the causes in between repeat what
    was said before. One of Python ends at the line that names the error. The whole
    stack stays in dbt's own log file.
    """
    in_stack = in_plan = in_traceback = False
    for line in lines:
        in_traceback = _TRACEBACK in line or (in_traceback and line.startswith(" "))
        if in_traceback:
            continue
        in_plan = in_plan and bool(_PLAN.match(line)) and not _DBT_MESSAGE.match(line)
        in_stack = not _DBT_MESSAGE.match(line) and (
            in_stack or bool(_JAVA_FRAME.match(line))
        )
        if not in_stack and not in_plan:
            yield _THRIFT_ANSWER.sub(r"\2", _WRAPPING.sub("", line))
            in_plan = bool(_BEFORE_PLAN.search(line))


def node_event(message: dict[str, Any], done: int) -> NodeEvent | None:
    """Reads the end of a node from one JSON message of dbt; None if it is no such.

    Args:
        message: As dbt writes it with `--log-format json`.
        done: Nodes ended so far, this one included.
    """
    data, node = message["data"], message["data"].get("node_info")
    # Tests say num_models where others say total.
    total = data.get("total") or data.get("num_models")
    # Hooks of the project are counted apart, from 1 again.
    counted = node and total and node["resource_type"] != "operation"
    if not counted or message["info"]["name"] == "LogStartLine":
        return None
    return NodeEvent(
        done=done,
        total=total,
        node=node["node_name"],
        status=node["node_status"],
        seconds=float(data.get("execution_time") or 0),
    )


def failure(message: dict[str, Any]) -> Failure | None:
    """Reads what failed, and why, from one JSON message of dbt; None if it is no such."""
    info, node = message["info"], message["data"].get("node_info") or {}
    # A failed node tells why at the end (RunResultError); before that dbt says
    # only that it failed. What has no node (a parse error) is said once.
    if info["level"] != "error" or (node and info["name"] != "RunResultError"):
        return None
    if info["name"] in ("EndOfRunSummary", "RunResultFailure"):
        return None
    text = "\n".join(without_java(info["msg"].splitlines()))
    hint = (node.get("meta") or {}).get("hint", "")
    return Failure(node.get("node_name", ""), text.strip(), hint)
