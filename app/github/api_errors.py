"""What can go wrong with a call of GitHub's API: one tree, which says whether trying again may help."""

from app.errors import ErrandError


class GitHubError(ErrandError):
    """GitHub did not do what was asked."""

    reason = "github_error"


class NotAuthenticated(GitHubError):
    """GitHub does not know our token or key; set a valid one."""

    reason = "github_auth"


class NotPermitted(GitHubError):
    """Our token or App has no permission for this; see what the App has to be allowed."""

    reason = "github_permission"


class NotThere(GitHubError):
    """There is no such thing on GitHub, or none that our token or App may see."""

    reason = "github_not_found"


class Unprocessable(GitHubError):
    """GitHub understood and refused; asking the same again does not help."""

    reason = "github_unprocessable"


class RateLimited(GitHubError):
    """GitHub has had enough of us for now; `retry_after` says for how many seconds."""

    reason = "github_rate_limited"


class Unreachable(GitHubError):
    """GitHub cannot be reached or is out of order; nothing was done."""

    reason = "github_unreachable"


class OutcomeUnknown(GitHubError):
    """GitHub did not say whether it was done: look before doing it again."""

    reason = "github_outcome_unknown"
