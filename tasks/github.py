"""GitHub, composed: what gives Tasks their files, and who keeps their comments."""

from collections.abc import Callable, Mapping

import structlog

from app.db.engine import Database
from app.domain.task import SessionId
from app.errors import Invalid
from app.github.access import Access
from app.github.assignment import Assignments
from app.github.git import network
from app.github.identity import access_of
from app.github.keeper import Keeper
from app.github.mirror import Mirrors
from app.github.ours import Ours
from app.github.publish import Publish
from app.github.teller import Shown
from app.security.redact import Known
from app.settings import Settings

log = structlog.get_logger()


class GitHub:
    """One process's; without access to GitHub, whoever needs it says so."""

    def __init__(self, settings: Settings, db: Database, known: Known, *, environ: Mapping[str, str]) -> None:
        self._settings = settings
        self._db = db
        self._known = known
        self._mirrors = Mirrors(settings.data_dir, most=settings.workspace_limit, way=network(environ))
        self._ours = Ours(_access(settings), settings.github_server_url)

    def source(self) -> Assignments:
        """Return what the Runner asks what a Task brings along."""
        workflows = self._settings.github_workflows
        return Assignments(self._db, self._ours, self._mirrors, self._known, workflows=workflows)

    def keeper(self, ring_next: Callable[[SessionId], None]) -> Keeper:
        """Return who looks after Replies; `ring_next` is told whose next Task may begin."""
        settings = self._settings
        publish = Publish(
            self._ours, self._mirrors, word=settings.trigger, workflows=settings.github_workflows
        )
        shown = Shown(settings.trigger, settings.public_url)
        return Keeper(self._db, self._ours, publish, shown, self._known, ring_next=ring_next)


def _access(settings: Settings) -> Access | None:
    try:
        return access_of(settings)
    except Invalid as error:
        # Everything but GitHub works all the same.
        log.warning("github_not_set_up", error=error.message)
        return None
