"""The environment a CLI gets: an allow-list, what its Agent passes through, and nothing of Errand's own."""

import os
import re
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from pathlib import Path

from app.domain.agent import WITHHELD

_ALLOWED = frozenset(
    {
        *("PATH", "LANG", "LANGUAGE", "TZ", "USER", "LOGNAME"),
        *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"),
        *("http_proxy", "https_proxy", "all_proxy", "no_proxy"),
        *("SSL_CERT_FILE", "SSL_CERT_DIR", "NODE_EXTRA_CA_CERTS", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"),
    }
)
_ALLOWED_PREFIX = "LC_"
_SECRET = re.compile("key|token|secret|password|passwd|credential|auth(?!or)", re.IGNORECASE)


def build_environment(
    environ: Mapping[str, str],
    *,
    passed: Iterable[str],
    fixed: Mapping[str, str],
    given: Mapping[str, str],
    without: AbstractSet[str],
    home: Path,
    tmp: Path,
) -> dict[str, str]:
    """Return the CLI's whole environment.

    `passed` are the Agent's names, but for those `without` which it goes, `fixed` are the Adapter's settings,
    `given` is out of Credentials.
    """
    allowed = {name: value for name, value in environ.items() if _is_allowed(name)}
    names = [name for name in passed if name not in without and not WITHHELD.fullmatch(name)]
    through = {name: environ[name] for name in names if name in environ}
    return {
        "PATH": os.defpath,
        "LANG": "C.UTF-8",
        "USER": "errand",
        **allowed,
        **fixed,
        **through,
        **given,
        "HOME": str(home),
        "TMPDIR": str(tmp),
        "TERM": "dumb",
    }


def secrets_in(environ: Mapping[str, str]) -> list[str]:
    """Return the values of those variables that are secrets by their name: keys, not addresses."""
    return [value for name, value in environ.items() if _SECRET.search(name)]


def _is_allowed(name: str) -> bool:
    return name in _ALLOWED or name.startswith(_ALLOWED_PREFIX)
