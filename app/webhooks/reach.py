"""Where callbacks may go: https, to the public internet, and to hosts that the settings name.

An address is judged where it is connected to, not where it is written: a name can lead anywhere, and to
somewhere else the next time. So the name is resolved once, every address it has must do, and the
connection goes to one of those that were looked at.
"""

import ipaddress
import re
import socket
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any
from urllib.parse import SplitResult, urlsplit

import httpcore

from app.webhooks.errors import BadAddress

#: Returns the addresses of a host.
Resolver = Callable[[str, int], Sequence[str]]

_WRITABLE = re.compile(r"[\x21-\x7e]+")
_PORTS = {"http": 80, "https": 443}
_UNICAST = ipaddress.IPv6Network("2000::/3")
#: Where IPv4 addresses are packed into IPv6 ones, and would be unpacked by a router.
_TUNNELS = tuple(map(ipaddress.IPv6Network, ("2001::/32", "2002::/16")))
#: Nobody's site, whatever an older Python says: the metadata of a cloud, relays, examples.
_ODD4 = tuple(map(ipaddress.IPv4Network, ("192.0.0.0/24", "192.88.99.0/24")))
_ODD6 = ipaddress.IPv6Network("3fff::/20")


def check_url(url: str, allowed: frozenset[str]) -> SplitResult:
    """Return the parts of an address that a callback may have; raises BadAddress with what is wrong.

    `allowed` are hosts, or host:port, that may be private and spoken to without TLS.
    """
    if not _WRITABLE.fullmatch(url) or "\\" in url:
        raise BadAddress("The callback's address has a character that no address has.")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", port_of(parts)
    except ValueError:
        raise BadAddress("The callback's address cannot be read.") from None
    if parts.username is not None or parts.password is not None or parts.fragment:
        raise BadAddress("The callback's address may hold neither a login nor a fragment (#).")
    if parts.scheme not in _PORTS or not host:
        raise BadAddress("The callback's address has to begin with https://HOST.")
    if is_allowed(host, port, allowed):
        return parts
    if parts.scheme != "https":
        raise BadAddress(f"Callbacks go over https:// only, or to hosts that {_SETTING} names.")
    literal = _literal(host)
    if literal is not None and not is_public(literal):
        raise BadAddress(_private(host))
    return parts


def port_of(parts: SplitResult) -> int:
    """Return the port that an address leads to."""
    return parts.port or _PORTS.get(parts.scheme, 443)


def is_allowed(host: str, port: int, allowed: frozenset[str]) -> bool:
    """Whether the settings name this host: for every port, or for this one."""
    return host in allowed or f"{host}:{port}" in allowed


def is_public(address: str) -> bool:
    """Whether an address is one of the public internet; never for what could be another one in disguise."""
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address):
        packed = any(found in tunnel for tunnel in _TUNNELS)
        return found in _UNICAST and not packed and found not in _ODD6 and found.is_global
    odd = found.is_multicast or found.is_reserved or any(found in network for network in _ODD4)
    return found.is_global and not odd


def resolve(host: str, port: int) -> list[str]:
    """Return what the system's resolver says, each address once."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class Guard(httpcore.NetworkBackend):
    """Connects to what may be reached, and is done by `deadline` (time.monotonic), whoever drips."""

    def __init__(self, allowed: frozenset[str], *, deadline: float, resolver: Resolver = resolve) -> None:
        self._allowed = allowed
        self._deadline = deadline
        self._resolver = resolver
        self._network = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect to the first of its addresses that answers; raises BadAddress where one is private."""
        failed: Exception = httpcore.ConnectError("the name has no address")
        for address in self._addresses(host, port):
            try:
                stream = self._network.connect_tcp(
                    address, port, _left(self._deadline, timeout), local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failed = error
            else:
                return _Bounded(stream, self._deadline)
        raise failed

    def _addresses(self, host: str, port: int) -> Sequence[str]:
        try:
            found = self._resolver(host, port)
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError(f"the name cannot be resolved: {error}") from error
        if not is_allowed(host, port, self._allowed) and not all(map(is_public, found)):
            raise BadAddress(_private(host))
        return found


class _Bounded(httpcore.NetworkStream):
    """A connection whose every wait ends with the deadline: one byte a second would else last for ever."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: float) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _left(self._deadline, timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, _left(self._deadline, timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: Any, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        secured = self._stream.start_tls(ssl_context, server_hostname, _left(self._deadline, timeout))
        return _Bounded(secured, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


_SETTING = "ERRAND_CALLBACK_HOSTS"


def _private(host: str) -> str:
    public = f"{host} is no address of the public internet."
    return f"{public} Callbacks go there only where {_SETTING} names the host."


def _left(deadline: float, timeout: float | None) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise httpcore.ReadTimeout("it took too long")
    return left if timeout is None else min(left, timeout)


def _literal(host: str) -> str | None:
    """Return the address that a host is, in any of the forms that resolvers take: 2130706433, 0x7f.1."""
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        pass
    try:
        return socket.inet_ntoa(socket.inet_aton(host))
    except OSError:
        return None
