"""From a Delivery to a Trigger, or to the reason why it asks for nothing."""

from collections.abc import Callable

from app.domain.trigger import Ignored, Trigger
from app.github import check_triggers, label_triggers, text_triggers
from app.github.delivery import Delivery
from app.github.payload import Payload
from app.github.rules import Rules

#: Reads the payload of one event and action.
Reader = Callable[[Payload, Rules], Trigger | Ignored]

_READERS: dict[str, Reader] = {
    "check_run.completed": check_triggers.check_run,
    "check_suite.completed": check_triggers.check_suite,
    "issue_comment.created": text_triggers.comment,
    "issue_comment.edited": text_triggers.comment,
    "issues.assigned": label_triggers.assigned,
    "issues.edited": text_triggers.issue,
    "issues.labeled": label_triggers.labeled,
    "issues.opened": label_triggers.opened,
    "pull_request.assigned": label_triggers.assigned,
    "pull_request.edited": text_triggers.pull_request,
    "pull_request.labeled": label_triggers.labeled,
    "pull_request.opened": label_triggers.opened,
    "pull_request_review.edited": text_triggers.review,
    "pull_request_review.submitted": text_triggers.review,
    "pull_request_review_comment.created": text_triggers.review_comment,
    "pull_request_review_comment.edited": text_triggers.review_comment,
    "workflow_run.completed": check_triggers.workflow_run,
}
#: Every event and action that can ask for something: what the webhook has to be subscribed to.
READ = frozenset(_READERS)
#: Says where the App is installed; nothing is asked with it, but what is known of it changes.
INSTALLATIONS = frozenset({"installation", "installation_repositories"})


def read_trigger(delivery: Delivery, rules: Rules) -> Trigger | Ignored:
    """Return what `delivery` asks for. Whether it may is not known yet: see app.github.gate."""
    if delivery.event == "ping":
        return Ignored(code="ping", reason="GitHub only tried whether Errand answers.")
    if delivery.event in INSTALLATIONS:
        return Ignored(code="installation", reason="The App's installation changed; nothing is asked.")
    reader = _READERS.get(delivery.name)
    if reader is None or delivery.payload is None:
        return Ignored(code="unused_event", reason=f"`{delivery.name}` is nothing that Errand acts on.")
    return reader(delivery.payload, rules)
