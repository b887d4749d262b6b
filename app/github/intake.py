"""A Delivery is read, judged and taken up; whatever dies, it is found again and nothing is done twice."""

from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

import structlog
from sqlalchemy.exc import IntegrityError

from app.agents import Agents
from app.clock import utcnow
from app.credentials.waiting import Publisher
from app.db import deliveries, doorbells, replies, tasks
from app.db.engine import Connection, Database
from app.dispatch import Bell
from app.domain.delivery import Decision, DeliveryState, Recorded, Verdict
from app.domain.reply import KeptReply, KeptState
from app.domain.task import Task, TaskState
from app.domain.trigger import Ignored, Subject, Target, Trigger
from app.errors import ErrandError, Invalid, TooMany, Unavailable
from app.github.access import Scope
from app.github.api_errors import GitHubError, NotThere
from app.github.asked_facts import Asked, Asker, ask
from app.github.client import Client
from app.github.delivery import Delivery
from app.github.errors import NoAccess
from app.github.identity import Self, policy_of
from app.github.payload import UNDATED
from app.github.rules import Rules
from app.github.taking import House, Taken, foresee, take
from app.github.triggers import read_trigger
from app.github.undecided import delivery_of
from app.settings import Settings

log = structlog.get_logger()

T = TypeVar("T")

SOURCE = "github"
#: Seconds before the second try, doubled with each up to the longest; some seven hours in all.
FIRST_PAUSE, LONGEST_PAUSE, MOST_TRIES = 5.0, 1800.0, 20
#: How often two transactions may meet over one thread or one question.
MEETINGS = 5


class Intake:
    """For several threads and processes: the row of the Delivery says what is done."""

    def __init__(
        self, settings: Settings, *, db: Database, agents: Agents, bell: Bell, publisher: Publisher
    ) -> None:
        self._settings, self._db, self._agents = settings, db, agents
        self._bell, self._publisher = bell, publisher
        self._self = Self(settings, agents)

    def read(self, delivery_id: str) -> None:
        """Do what is left to be done for a Delivery; raises Unavailable and NotFound."""
        row = self._db.read(deliveries.get, delivery_id)
        if row.state is DeliveryState.DONE or row.source != SOURCE:
            return
        if row.not_before is not None and row.not_before > utcnow():
            return
        try:
            if row.verdict is None:
                row = self._decided(row)
            if row.state is not DeliveryState.DONE:
                self._show(row)
        except (NoAccess, GitHubError, TooMany, Invalid) as error:
            self._put_off(row, error)
        except Unavailable:
            raise
        except Exception as error:
            log.exception("delivery_not_read", delivery_id=delivery_id)
            self._put_off(row, ErrandError(f"Errand itself failed ({type(error).__name__})."))

    def would(self, delivery: Delivery) -> Decision:
        """Return the verdict that a Delivery would get now; writes nothing, and raises what asking raises."""
        found = self._asked(delivery)
        return found if isinstance(found, Decision) else self._db.read(foresee, found, self._house(delivery))

    def _decided(self, row: Recorded) -> Recorded:
        delivery = self._db.read(delivery_of, row)
        found = self._asked(delivery)
        if isinstance(found, Decision):
            taken = Taken(found)
            self._db.write(deliveries.decide, row.id, found, done=True)
        else:
            taken = self._taken(row, delivery, found)
        self._tell(taken.changed)
        decided = self._db.read(deliveries.get, row.id)
        log.info("delivery_decided", delivery_id=row.id, verdict=decided.verdict, code=decided.code)
        return decided

    def _asked(self, delivery: Delivery) -> Asked | Decision:
        try:
            return self._looked_up(delivery)
        except NotThere as error:
            return _refusal(error)

    def _looked_up(self, delivery: Delivery) -> Asked | Decision:
        rules = self._rules(delivery)
        trigger = read_trigger(delivery, rules)
        if isinstance(trigger, Ignored):
            return Decision(verdict=Verdict.IGNORED, code=trigger.code, reason=trigger.reason)
        if trigger.at == UNDATED:
            trigger = trigger.model_copy(update={"at": utcnow()})
        client = self._client(trigger, Scope.READ, delivery.installation_id)
        return ask(client, delivery, trigger, rules, for_branch=self._for_branch(trigger))

    def _rules(self, delivery: Delivery) -> Rules:
        return self._self.rules(delivery.repository.full_name if delivery.repository else "")

    def _for_branch(self, trigger: Trigger) -> Asker | None:
        if trigger.author is not None or trigger.head is None:
            return None
        place = (trigger.thread.repository_id, trigger.head.ref)
        reply = self._db.read(replies.asked_for_branch, *place)
        if reply is None or reply.requester_id is None or reply.requester is None:
            return None
        return Asker(reply.requester_id, reply.requester)

    def _taken(self, row: Recorded, delivery: Delivery, asked: Asked) -> Taken:
        house = self._house(delivery)
        for _ in range(MEETINGS):
            try:
                return self._db.write(take, row, asked, house, delivery.installation_id)
            except IntegrityError:
                # Somebody took the same question, or made the same thread; now their rows are there.
                continue
            except Invalid as error:
                refused = _refusal(error)
                self._db.write(deliveries.decide, row.id, refused, done=True)
                return Taken(refused)
        raise ErrandError("Several deliveries met over one thread again and again.")

    def _house(self, delivery: Delivery) -> House:
        usable = self._agents.current().usable
        return House(
            rules=self._rules(delivery),
            policy=policy_of(self._settings),
            resolve=self._agents.resolve,
            agents={name: agent.description for name, agent in usable.items()},
            default_agent=self._settings.github_agent,
            max_attempts=self._settings.max_attempts,
            queue_limit=self._settings.queue_limit,
        )

    def _client(self, trigger: Trigger, scope: Scope, installation: int | None) -> Client:
        name, access = trigger.thread.repository, self._self.access()
        access.learn(name, installation)
        return Client(access.api(name, scope), name)

    def _tell(self, changed: tuple[Task, ...]) -> None:
        for task in changed:
            self._publisher.publish_task(task)
            due = task.state is TaskState.QUEUED and task.hold is None
            following = task.id if due else None
            if task.state.final:
                following = self._db.read(tasks.next_in_session, task.session_id)
            if following is not None and self._bell.ring(following):
                self._db.write(doorbells.mark_rung, [following], utcnow())

    def _show(self, row: Recorded) -> None:
        """Show on GitHub that it was taken up: eyes, a thumb for a command; the label that asked goes."""
        reply = self._db.read(replies.of_delivery, row.id)
        eyes = None
        if row.verdict is Verdict.TASK and reply is not None:
            eyes = self._show_task(row, reply)
        elif row.verdict is Verdict.COMMAND:
            delivery = self._db.read(delivery_of, row)
            trigger = read_trigger(delivery, self._rules(delivery))
            if isinstance(trigger, Trigger):
                client = self._client(trigger, Scope.REPLY, delivery.installation_id)
                self._quietly(row, lambda: client.react(_carrier(trigger), "+1"))
        self._db.write(_shown, row.id, reply, eyes)

    def _show_task(self, row: Recorded, reply: KeptReply) -> int | None:
        """Return the id of the eyes, None where there are none."""
        trigger, eyes = reply.trigger, None
        client = self._client(trigger, Scope.REPLY, reply.installation_id)
        # A Reply that is finished has its result's reaction; eyes would come too late.
        if reply.state is KeptState.OPEN:
            eyes = self._quietly(row, lambda: client.react(_carrier(trigger), "eyes"))
        if trigger.label is not None:
            label = trigger.label
            self._quietly(row, lambda: client.remove_label(trigger.thread.number, label))
        return eyes

    def _quietly(self, row: Recorded, step: Callable[[], T]) -> T | None:
        """Where GitHub refuses for good, the answer is what matters; where it is away, it is tried again."""
        try:
            return step()
        except GitHubError as error:
            if error.retry_after is not None or error.code in _TRANSIENT:
                raise
            log.warning("not_shown", delivery_id=row.id, error=error.message)
            return None

    def _put_off(self, row: Recorded, error: ErrandError) -> None:
        if row.tries + 1 >= MOST_TRIES:
            if row.verdict is None:
                failed = Decision(verdict=Verdict.FAILED, code=error.code, reason=error.message)
                self._db.write(deliveries.decide, row.id, failed, done=True)
            self._db.write(deliveries.finish, row.id)
            return
        pause = max(error.retry_after or 0.0, min(FIRST_PAUSE * 2**row.tries, LONGEST_PAUSE))
        reason = None if row.verdict is not None else error.message
        self._db.write(deliveries.put_off, row.id, utcnow() + timedelta(seconds=pause), reason)
        log.warning("delivery_put_off", delivery_id=row.id, error=error.message, seconds=pause)


def _shown(c: Connection, delivery_id: str, reply: KeptReply | None, eyes: int | None) -> None:
    """Write both in one: of many Deliveries at once each transaction counts."""
    if reply is not None and eyes is not None:
        replies.note_eyes(c, reply.id, eyes)
    deliveries.finish(c, delivery_id)


def _refusal(error: ErrandError) -> Decision:
    return Decision(verdict=Verdict.REFUSED, code=error.code, reason=error.message)


def _carrier(trigger: Trigger) -> Target:
    """Return what carries the reaction: a review and a check can't."""
    return trigger.target or Target(subject=Subject.ISSUE, id=trigger.thread.number)


_TRANSIENT = frozenset({"github_rate_limited", "github_unreachable", "github_outcome_unknown"})
