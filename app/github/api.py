"""One account's calls to GitHub's REST API: JSON in, JSON or a GitHubError out, and never for long."""

import json
import logging
import re
from collections.abc import Callable, Iterator, Mapping
from email.utils import parsedate_to_datetime
from typing import Any, NoReturn, cast

import requests
from github import Auth
from github.Requester import Requester
from urllib3.exceptions import NewConnectionError

from app.github import api_errors
from app.security.redact import Redactor

#: Where GitHub itself is; GITHUB_API_URL names another (an Enterprise server's ends with /api/v3).
GITHUB = "https://api.github.com"
#: The version whose answers Errand reads.
VERSION = "2022-11-28"
JSON, DIFF = "application/vnd.github+json", "application/vnd.github.diff"
#: Seconds to connect, and between two bytes.
TIMEOUTS = (5.0, 20.0)
#: Seconds to wait where GitHub limits and does not say for how long.
_PAUSE = 60.0
#: Seconds that are waited at most: what stands before GitHub may ask for a thousand years.
_LONGEST_PAUSE = 86_400.0
_PER_PAGE = 100
#: The number of a list's last page, in the header Link.
_LAST = re.compile(r'[?&]page=(\d+)[^<>]*>; rel="last"')
_NOT_TRUSTED = "GitHub's certificate is not trusted here; REQUESTS_CA_BUNDLE can name another authority."
_ERRORS = {
    # A write to what has moved is not sent on: what asks for it knows the old name.
    307: api_errors.NotThere,
    308: api_errors.NotThere,
    401: api_errors.NotAuthenticated,
    403: api_errors.NotPermitted,
    404: api_errors.NotThere,
    410: api_errors.NotThere,
    451: api_errors.NotThere,
}
#: Answers of what stands before GitHub, which does not know what GitHub did.
_UNSURE = frozenset({500, 502, 504})


class Api:
    """Speaks as one App, installation or user. Not to be shared by threads that need different ones."""

    def __init__(
        self,
        auth: Auth.Auth,
        base_url: str,
        *,
        timeouts: tuple[float, float] = TIMEOUTS,
        renew: Callable[[str], Auth.Auth] | None = None,
    ) -> None:
        """`renew` gets the token that GitHub no longer knows, and returns what to go on with."""
        # It logs whole answers for debugging, and an answer may be a token.
        logging.getLogger("github").setLevel(logging.WARNING)
        self._auth, self._renew = auth, renew
        # The Requester itself and not Github, which knows one time-out for both and sleeps between calls.
        self._requester = Requester(
            auth=auth,
            base_url=base_url.rstrip("/"),
            timeout=cast("int", timeouts),  # handed on to requests, which takes two
            user_agent="errand",
            per_page=_PER_PAGE,
            verify=True,
            retry=None,  # what is tried again, and when, is for the job to say
            pool_size=None,
            api_version=VERSION,
        )

    def call(
        self,
        verb: str,
        path: str,
        *,
        parameters: Mapping[str, Any] | None = None,
        body: Any = None,
        accept: str = JSON,
    ) -> Any:
        """Return what GitHub answers: JSON as Python has it, None for nothing, text for a diff."""
        return self._answer(verb, path, parameters=parameters, body=body, accept=accept)[0]

    def pages(
        self, path: str, *, most: int = 1000, parameters: Mapping[str, Any] | None = None, first: int = 1
    ) -> Iterator[Any]:
        """Yield the items of a list, page by page from the `first`, `most` at most."""
        for page in range(first, first + most // _PER_PAGE):
            items, links = self._page(path, page, parameters)
            yield from items
            if 'rel="next"' not in links:
                return

    def newest(self, path: str, *, most: int = 1000) -> Iterator[Any]:
        """Yield the end of a list that begins with the oldest, in its order: whole pages, `most` at most."""
        items, links = self._page(path, 1, None)
        last = _LAST.search(links)
        begin = int(last[1]) - most // _PER_PAGE + 1 if last else 1
        if begin > 1:
            yield from self.pages(path, most=most, first=begin)
            return
        yield from items
        if 'rel="next"' in links:
            yield from self.pages(path, most=most - _PER_PAGE, first=2)

    def _page(self, path: str, page: int, parameters: Mapping[str, Any] | None) -> tuple[list[Any], str]:
        """Return the items of a page, and where GitHub says that the others are."""
        asked = {**(parameters or {}), "per_page": _PER_PAGE, "page": page}
        items, headers = self._answer("GET", path, parameters=asked, body=None, accept=JSON)
        return items, headers.get("link", "")

    def _answer(self, verb: str, path: str, **asked: Any) -> tuple[Any, Mapping[str, str]]:
        auth = self._auth
        try:
            return self._once(verb, path, **asked)
        except api_errors.NotAuthenticated:
            if self._renew is None:
                raise
            # Nothing was done, so whatever it is may be asked again.
            self._auth = self._renew(auth.token)
            self._requester = self._requester.withAuth(self._auth)
        return self._once(verb, path, **asked)

    def _once(
        self, verb: str, path: str, *, parameters: Mapping[str, Any] | None, body: Any, accept: str
    ) -> tuple[Any, Mapping[str, str]]:
        status, headers, text = self._sent(verb, path, dict(parameters or {}), body, accept)
        if status >= 300:
            self._refuse(verb, path, status, headers, text)
        if accept == DIFF or not text:
            return text or None, headers
        try:
            return json.loads(text), headers
        except ValueError:
            raise _unclear(verb, f"GitHub answered {verb} {path} with something that is not JSON.") from None

    def _sent(
        self, verb: str, path: str, parameters: dict[str, Any], body: Any, accept: str
    ) -> tuple[int, dict[str, str], str]:
        """Send, and tell what certainly did not arrive from what may have. No cause: it holds the request."""
        try:
            return self._requester.requestJson(verb, path, parameters, {"Accept": accept}, body)
        except requests.exceptions.ConnectTimeout:
            raise api_errors.Unreachable(f"GitHub could not be reached for {verb} {path}.") from None
        except requests.exceptions.SSLError as error:
            if "CERTIFICATE_VERIFY_FAILED" in str(error):
                raise api_errors.Unreachable(_NOT_TRUSTED) from None
            raise _unclear(verb, f"The connection to GitHub broke in {verb} {path}.") from None
        except requests.exceptions.RequestException as error:
            if _never_connected(error):
                raise api_errors.Unreachable(f"GitHub could not be reached for {verb} {path}.") from None
            raise _unclear(verb, f"GitHub did not answer {verb} {path} in time.") from None
        except (AssertionError, RuntimeError):
            # PyGithub's way to say that a redirect leads elsewhere.
            problem = f"{verb} {path} was sent elsewhere; GITHUB_API_URL may be wrong."
            raise api_errors.Unreachable(problem) from None

    def _refuse(self, verb: str, path: str, status: int, headers: Mapping[str, str], text: str) -> NoReturn:
        said = Redactor([self._auth.token]).clean_text(_message(text))
        sentence = f"GitHub answered {status} to {verb} {path}: {said}"
        if _is_limit(status, headers, said):
            raise api_errors.RateLimited(sentence, retry_after=_pause(headers))
        if status in _UNSURE:
            raise _unclear(verb, sentence)
        if status >= 500:
            raise api_errors.Unreachable(sentence, retry_after=_retry_after(headers))
        raise _ERRORS.get(status, api_errors.Unprocessable)(sentence)


def _unclear(verb: str, sentence: str) -> api_errors.GitHubError:
    """Return the error of a call without an answer: what only reads did nothing, whatever happened."""
    return api_errors.Unreachable(sentence) if verb == "GET" else api_errors.OutcomeUnknown(sentence)


def _never_connected(error: BaseException) -> bool:
    causes = [cause for cause in error.args if isinstance(cause, BaseException)]
    reasons = [getattr(cause, "reason", None) for cause in causes]
    return any(isinstance(cause, NewConnectionError) for cause in (*causes, *reasons))


def _message(text: str) -> str:
    """Return GitHub's own sentence, and which fields it is about."""
    try:
        answer = json.loads(text)
    except ValueError:
        return "(no explanation)"
    if not isinstance(answer, dict):
        return "(no explanation)"
    errors = answer.get("errors") or []
    errors = errors if isinstance(errors, list) else [errors]
    details = [
        str(one.get("message") or one.get("code")) if isinstance(one, dict) else str(one) for one in errors
    ]
    return "; ".join([str(answer.get("message", "(no explanation)")), *details])[:500]


def _is_limit(status: int, headers: Mapping[str, str], message: str) -> bool:
    """Tell a limit from a missing permission: GitHub answers both with 403."""
    if status == 429:
        return True
    spent = headers.get("x-ratelimit-remaining") == "0" or "retry-after" in headers
    return status == 403 and (spent or "rate limit" in message.lower())


def _pause(headers: Mapping[str, str]) -> float:
    asked = _retry_after(headers)
    if asked is not None:
        return asked
    reset = _seconds(headers.get("x-ratelimit-reset"))
    if reset is None or headers.get("x-ratelimit-remaining") != "0" or "date" not in headers:
        return _PAUSE
    try:
        # Against GitHub's own clock: ours may be wrong.
        now = parsedate_to_datetime(headers["date"]).timestamp()
    except ValueError:
        return _PAUSE
    return min(max(1.0, reset - now + 1), _LONGEST_PAUSE)


def _retry_after(headers: Mapping[str, str]) -> float | None:
    asked = _seconds(headers.get("retry-after"))
    return None if asked is None else min(asked, _LONGEST_PAUSE)


def _seconds(value: str | None) -> float | None:
    try:
        return max(0.0, float(value)) if value is not None else None
    except ValueError:
        return None
