"""ERRAND_AUTH=none: no sign-in, on purpose, and only where nobody but this machine can come."""

import ipaddress
from collections.abc import Iterable

from app.settings import InvalidSetting, Settings


def refuse_an_open_door(settings: Settings, addresses: Iterable[object]) -> None:
    """Raise InvalidSetting where web would listen beyond this machine without a sign-in.

    `addresses` are (host, port) pairs, or paths of sockets, as gunicorn has them.
    """
    if settings.auth != "none":
        return
    outside = [str(one[0]) for one in addresses if isinstance(one, tuple) and not _is_here(str(one[0]))]
    if outside:
        problem = (
            f"without a sign-in web may listen on 127.0.0.1 only, and it was told {', '.join(outside)} "
            "(gunicorn --bind 127.0.0.1:PORT, or bin/up)"
        )
        raise InvalidSetting("ERRAND_AUTH", problem)


def _is_here(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
