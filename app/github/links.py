"""Addresses on GitHub of what the rows know by number."""

from app.domain.reply import KeptReply
from app.domain.trigger import Subject, Target, Thread


def thread_url(server: str, thread: Thread) -> str:
    """Return where people read an issue or a pull request; `server` is GITHUB_SERVER_URL."""
    what = "pull" if thread.is_pull_request else "issues"
    return f"{server.rstrip('/')}/{thread.repository}/{what}/{thread.number}"


def asked_url(server: str, reply: KeptReply) -> str:
    """Return where somebody asked: the comment, or its thread where there is none."""
    return f"{thread_url(server, reply.trigger.thread)}{_anchor(reply.trigger.target)}"


def answer_url(server: str, reply: KeptReply) -> str | None:
    """Return where our comment is, once there is one."""
    if reply.comment_id is None:
        return None
    subject = Subject.COMMENT if reply.reply_to is None else Subject.REVIEW_COMMENT
    anchor = _anchor(Target(subject=subject, id=reply.comment_id))
    return f"{thread_url(server, reply.trigger.thread)}{anchor}"


def pull_url(server: str, reply: KeptReply) -> str | None:
    """Return where the changes are offered, once they are."""
    if reply.pull_number is None:
        return None
    return f"{server.rstrip('/')}/{reply.trigger.thread.repository}/pull/{reply.pull_number}"


def _anchor(target: Target | None) -> str:
    match target:
        case Target(subject=Subject.COMMENT, id=comment):
            return f"#issuecomment-{comment}"
        case Target(subject=Subject.REVIEW_COMMENT, id=comment):
            return f"#discussion_r{comment}"
    return ""
