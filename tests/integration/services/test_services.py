"""The servers that the other tests stand on."""

import psycopg2
import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.services import PostgresServer, RedisServer

_ONCE = Retry(NoBackoff(), 0)


def test_redis_keeps_its_data_over_a_restart(own_redis: RedisServer) -> None:
    """What was written more than a second ago, or synced, is there after a kill."""
    with redis.Redis.from_url(own_redis.url) as client:
        client.set("a", "1")
        client.config_set("appendfsync", "always")
        client.set("b", "2")

    own_redis.restart()

    with redis.Redis.from_url(own_redis.url) as client:
        assert client.mget("a", "b") == [b"1", b"2"]


def test_a_frozen_redis_accepts_and_never_answers(own_redis: RedisServer) -> None:
    """The freeze is a hang, not a refusal."""
    own_redis.pause()
    with (
        redis.Redis.from_url(own_redis.url, socket_timeout=0.2, retry=_ONCE) as client,
        pytest.raises(redis.TimeoutError),
    ):
        client.ping()

    own_redis.resume()
    with redis.Redis.from_url(own_redis.url) as client:
        assert client.ping()


def test_each_test_has_a_redis_database_of_its_own(redis_server: RedisServer) -> None:
    """Two databases share nothing."""
    one, two = redis_server.new_database(), redis_server.new_database()
    with redis.Redis.from_url(one) as first, redis.Redis.from_url(two) as second:
        first.set("a", "1")

        assert second.get("a") is None


def test_redis_wants_its_password(redis_server: RedisServer) -> None:
    """Other users of this machine can't read the queue."""
    with redis.Redis(port=redis_server.port, retry=_ONCE) as client, pytest.raises(redis.AuthenticationError):
        client.ping()


def test_postgres_comes_back_with_its_rows(own_postgres: PostgresServer) -> None:
    """A restart cuts connections and loses nothing."""
    url = own_postgres.dsn(own_postgres.create())
    with psycopg2.connect(url) as connection:
        connection.cursor().execute("CREATE TABLE kept AS SELECT 1 AS one")

    own_postgres.restart()

    with psycopg2.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT one FROM kept")
        assert cursor.fetchone() == (1,)


def test_a_migrated_database_is_there_at_once(database_url: str) -> None:
    """Both kinds of database come with the schema."""
    from sqlalchemy import inspect

    from app.db.engine import Database

    database = Database(database_url)
    try:
        assert "tasks" in inspect(database.engine).get_table_names()
    finally:
        database.close()
