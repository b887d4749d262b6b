"""Which Session an issue or a pull request belongs to: one each, for as long as it is kept."""

from sqlalchemy import ColumnElement, Connection, delete, insert, select, update

from app.db.github_rows import threads
from app.domain.task import SessionId
from app.domain.trigger import Thread


def session_of(c: Connection, thread: Thread) -> SessionId | None:
    """Return the thread's Session; until this transaction ends nobody else asks for the same thread's.

    The thread is found by its repository's id, so that it is the same one after the repository moved.
    """
    found = c.execute(select(threads.c.session_id).where(*_is(thread)).with_for_update()).scalar()
    if found is None:
        return None
    c.execute(update(threads).where(*_is(thread)).values(repository=thread.repository))
    return SessionId(found)


def keep(c: Connection, thread: Thread, session_id: SessionId) -> None:
    """Give the thread a Session; raises IntegrityError where somebody else was first."""
    kind = "pull_request" if thread.is_pull_request else "issue"
    place = {"repository_id": thread.repository_id, "number": thread.number}
    named = {"repository": thread.repository, "kind": kind, "session_id": session_id}
    c.execute(insert(threads).values(**place, **named))


def forget(c: Connection, thread: Thread) -> None:
    """Let the thread begin anew: its Session is being deleted."""
    c.execute(delete(threads).where(*_is(thread)))


def _is(thread: Thread) -> tuple[ColumnElement[bool], ...]:
    return (threads.c.repository_id == thread.repository_id, threads.c.number == thread.number)
