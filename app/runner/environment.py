"""The environment a CLI gets: an allow-list, what its Agent passes through, and nothing of Errand's own."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from pydantic import AliasChoices, AliasPath

from app.settings import Settings

_ALLOWED = frozenset(
    {
        *("PATH", "LANG", "LANGUAGE", "TZ", "USER", "LOGNAME"),
        *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"),
        *("http_proxy", "https_proxy", "all_proxy", "no_proxy"),
        *("SSL_CERT_FILE", "SSL_CERT_DIR", "NODE_EXTRA_CA_CERTS", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"),
    }
)
_ALLOWED_PREFIX = "LC_"
_WITHHELD_PREFIXES = ("ERRAND_", "GITHUB_", "CELERY_", "LD_")
_WITHHELD = frozenset({"DATABASE_URL", "REDIS_URL", "SECRET_KEY", "HOME", "TMPDIR"})


def build_environment(
    environ: Mapping[str, str],
    *,
    passed: Iterable[str],
    fixed: Mapping[str, str],
    home: Path,
    tmp: Path,
) -> dict[str, str]:
    """Return the CLI's whole environment; `passed` are the Agent's names, `fixed` the Adapter's settings."""
    allowed = {name: value for name, value in environ.items() if _is_allowed(name)}
    through = {name: environ[name] for name in passed if name in environ and not is_withheld(name)}
    return {
        "PATH": os.defpath,
        "LANG": "C.UTF-8",
        "USER": "errand",
        **allowed,
        **fixed,
        **through,
        "HOME": str(home),
        "TMPDIR": str(tmp),
        "TERM": "dumb",
    }


def is_withheld(name: str) -> bool:
    """Whether `name` is Errand's own, which no CLI gets even where its Agent asks for it."""
    upper = name.upper()
    return upper.startswith(_WITHHELD_PREFIXES) or upper in _WITHHELD or upper in setting_names()


def setting_names() -> frozenset[str]:
    """Return the names of all variables that Settings reads."""
    names: set[str] = set()
    for field, info in Settings.model_fields.items():
        names |= {name.upper() for name in _names_of(info.validation_alias)} or {field.upper()}
    return frozenset(names)


def _names_of(alias: str | AliasPath | AliasChoices | None) -> set[str]:
    if isinstance(alias, AliasChoices):
        return {name for choice in alias.choices for name in _names_of(choice)}
    if isinstance(alias, AliasPath):
        return {str(alias.path[0])}
    return {alias} if alias else set()


def _is_allowed(name: str) -> bool:
    return name in _ALLOWED or name.startswith(_ALLOWED_PREFIX)
