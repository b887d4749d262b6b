"""Hubs as two web processes have them, on a real Redis and a real database."""

from collections.abc import Iterator

import pytest

from app.db.engine import Database
from app.live.hub import Hub, Pace
from app.live.publisher import Publisher
from tests.waiting import wait_until

#: Looks at the rows often, so that a test needn't wait for what Redis lost.
QUICK = Pace(up=0.15, down=0.1, linger=0.2)


@pytest.fixture
def db(database_url: str) -> Iterator[Database]:
    """A database, once of each kind."""
    database = Database(database_url)
    yield database
    database.close()


@pytest.fixture
def hubs(db: Database, redis_url: str) -> Iterator[tuple[Hub, Hub]]:
    """Two hubs, as two web processes have."""
    pair = (Hub(db, redis_url, pace=QUICK), Hub(db, redis_url, pace=QUICK))
    for hub in pair:
        hub.start()
    wait_until(lambda: all(hub.redis_up for hub in pair), message="both hubs are subscribed")
    yield pair
    for hub in pair:
        hub.close_all()


@pytest.fixture
def hub(hubs: tuple[Hub, Hub]) -> Hub:
    """One of them."""
    return hubs[0]


@pytest.fixture
def publisher(redis_url: str) -> Iterator[Publisher]:
    """What a worker tells with."""
    made = Publisher(redis_url)
    yield made
    made.close()
