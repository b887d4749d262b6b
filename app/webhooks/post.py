"""One POST to an address that an admin wrote down: bounded in time, in size and in where it may lead."""

import time
from collections.abc import Mapping

import httpcore

from app.errors import ErrandError
from app.webhooks.errors import NotDelivered
from app.webhooks.reach import Guard, Resolver, check_url, port_of, resolve

#: Seconds that all of it may take, and one step of it.
IN_ALL, STEP = 10.0, 5.0
#: Bytes of an answer that are read; nobody looks at more than its status.
MOST = 64 * 1024


class Refused(NotDelivered):
    """The receiver did not take it."""

    def __init__(self, status: int, retry_after: float | None) -> None:
        moved = " Redirects are not followed." if 300 <= status < 400 else ""
        super().__init__(f"The receiver answered {status}.{moved}", retry_after=retry_after)
        self.status = status


def post(
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    *,
    allowed: frozenset[str],
    resolver: Resolver = resolve,
    seconds: float = IN_ALL,
) -> None:
    """Return once the receiver said 2xx; raises BadAddress, Refused or NotDelivered."""
    parts = check_url(url, allowed)
    guard = Guard(allowed, deadline=time.monotonic() + seconds, resolver=resolver)
    target = httpcore.URL(
        scheme=parts.scheme,
        host=parts.hostname or "",
        port=port_of(parts),
        target=(parts.path or "/") + (f"?{parts.query}" if parts.query else ""),
    )
    try:
        status, retry_after = _asked(guard, target, {"Host": parts.netloc, **headers}, body)
    except ErrandError:
        raise
    except (httpcore.TimeoutException, TimeoutError):
        raise NotDelivered("The receiver did not answer in time.") from None
    except (httpcore.NetworkError, httpcore.ProtocolError, OSError, ValueError) as error:
        raise NotDelivered(f"The receiver cannot be reached: {str(error)[:200]}") from None
    if not 200 <= status < 300:
        raise Refused(status, retry_after)


def _asked(
    guard: Guard, target: httpcore.URL, headers: Mapping[str, str], body: bytes
) -> tuple[int, float | None]:
    timeouts = dict.fromkeys(("connect", "read", "write", "pool"), STEP)
    with (
        httpcore.ConnectionPool(
            ssl_context=httpcore.default_ssl_context(), network_backend=guard, retries=0
        ) as pool,
        pool.stream(
            "POST", target, headers=list(headers.items()), content=body, extensions={"timeout": timeouts}
        ) as answer,
    ):
        size = 0
        for piece in answer.iter_stream():
            size += len(piece)
            if size > MOST:
                break
        return answer.status, _seconds(answer)


def _seconds(answer: httpcore.Response) -> float | None:
    found = {name.lower(): value for name, value in answer.headers}.get(b"retry-after", b"")
    return float(found) if found.isdigit() and len(found) < 7 else None
