"""The server's two ports: whether they are free, open, and answering."""

import errno
import socket
import time
from ipaddress import ip_address

import psutil

from python_hooks.errors import EncoreError
from python_hooks.home import Home

HOST = "127.0.0.1"
# A busy server is waited for this long, in seconds, before a command gives up.
PATIENCE = 30.0


def is_open(port: int) -> bool:
    """Whether something on this machine accepts connections on a port."""
    try:
        socket.create_connection((HOST, port), timeout=1).close()
    except OSError:
        return False
    return True


def require_answer(home: Home) -> None:
    """Refuses a server that accepts and stays silent: one would wait for it for ever.

    Raises:
        EncoreError: It did not answer a query in time.
    """
    if is_open(home.thrift_port) and not spark_version(home.thrift_port, PATIENCE):
        raise silent(home.thrift_port)


def silent(port: int) -> EncoreError:
    """The error that tells of a server which does not answer."""
    return EncoreError(
        f"The server accepts connections on port {port}, and answered nothing within "
        f"{PATIENCE:.0f} s: it is stopped, or has more to do than it can.",
        "Wait and run the command again, or run `encore server stop` (it ends a server "
        "that does not react) and `encore server start`.",
    )


def spark_version(port: int, patience: float = 5.0) -> str | None:
    """The version of the Spark that answers on a Thrift port, or None.

    Whatever is wrong, from a closed port to half a protocol, means the same
    here: it does not answer.
    """
    if not is_open(port):
        return None
    # Slow imports; only those who ask pay for them. thrift_sasl ships no types.
    import thrift_sasl  # type: ignore[import-untyped] # noqa: PLC0415
    from pyhive import hive  # noqa: PLC0415

    door = hive.thrift.transport.TSocket.TSocket(HOST, port)
    # Without a limit, a server that accepts and stays silent is waited for for ever.
    door.setTimeout(int(1000 * patience))
    transport = thrift_sasl.TSaslClientTransport(
        # The server asks for no password, but the protocol for a non-empty one.
        lambda: hive.get_installed_sasl(HOST, "PLAIN", None, "encore", "none"),
        "PLAIN",
        door,
    )
    try:
        with hive.Connection(thrift_transport=transport) as connection:
            cursor = connection.cursor()
            cursor.execute("select version()")
            return str(cursor.fetchone()[0]).split()[0]
    except Exception:
        return None


def check_ports_free(home: Home) -> None:
    """Raises EncoreError if a port is in use; names its holder where that is known."""
    if home.thrift_port == home.connect_port:
        raise EncoreError(
            f"Both doors are set to port {home.thrift_port}.",
            "Set ENCORE_THRIFT_PORT and ENCORE_CONNECT_PORT to different ports.",
        )
    for name, port in (
        ("ENCORE_THRIFT_PORT", home.thrift_port),
        ("ENCORE_CONNECT_PORT", home.connect_port),
    ):
        if not (fault := _bind_fault(port)):
            continue
        holder = _holder_of(port)
        deadline = time.monotonic() + 3
        # A server that was just killed holds its ports until its last thread ends.
        while fault and not holder and time.monotonic() < deadline:
            time.sleep(0.1)
            fault = _bind_fault(port)
        if fault:
            raise EncoreError(
                f"Port {port} cannot be used: {fault}{holder}.",
                f"Set {name} to a free port, or end the process that has this one.",
            )


def require_loopback(process: psutil.Process) -> None:
    """Refuses a server that listens to the network, whatever told it to; raises EncoreError.

    Where the system does not tell what a process listens to, the settings have to do.
    """
    try:
        listening = [
            connection.laddr
            for connection in process.net_connections("inet")
            if connection.status == psutil.CONN_LISTEN
        ]
    except psutil.Error:
        return
    for address in listening:
        if not ip_address(address.ip.removeprefix("::ffff:")).is_loopback:
            raise refused_address(f"The server listens on {address.ip}:{address.port}")


def refused_address(found: str) -> EncoreError:
    """The refusal of a door to the network; `found` says which, and where it stands."""
    return EncoreError(
        f"{found}; its Thrift door asks nobody who they are and runs what it is told, so "
        f"only {HOST} is allowed.",
        "To be reached from elsewhere, use `ssh -L`, or put a Thrift server of your own with "
        "LDAP or Kerberos and TLS in front: docs/security.md.",
    )


def _bind_fault(port: int) -> str:
    with socket.socket() as probe:
        # As Java does: a connection that just closed does not hold a port.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            return "in use" if error.errno == errno.EADDRINUSE else str(error.strerror)
    return ""


def _holder_of(port: int) -> str:
    try:
        for connection in psutil.net_connections("tcp"):
            if connection.status != psutil.CONN_LISTEN or not connection.laddr:
                continue
            if connection.laddr.port == port and connection.pid:
                name = psutil.Process(connection.pid).name()
                return f" by {name} (pid {connection.pid})"
    except psutil.Error:
        # Not every system tells about other users' processes.
        pass
    return ""
