"""The Safe: values in and out of a real database, while others rotate its keys and replace its values."""

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from cryptography.fernet import Fernet

from app.credentials import Contents, Safe
from app.db import credentials
from app.db.engine import Database
from app.security.crypto import Unreadable, Vault

OLD, NEW = (Fernet.generate_key().decode() for _ in range(2))
NAMES = [f"name-{n}" for n in range(8)]


@pytest.fixture
def db(database_url: str) -> Iterator[Database]:
    """A database, once of each kind."""
    db = Database(database_url)
    yield db
    db.close()


def safe(db: Database, *keys: str) -> Safe:
    """Return one with these keys, newest first."""
    return Safe(db, Vault(keys), learn=lambda _: None)


def value(number: int) -> Contents:
    """Return a value that tells its number."""
    return Contents.of_variables({"KEY": f"a-secret-value-number-{number}"})


def test_it_is_rotated_under_workers_that_read_it(db: Database) -> None:
    """Every read of every worker opens, and gets a value that was stored; new values are not undone."""
    before = safe(db, OLD)
    for name in NAMES:
        before.put(name, value(0))
    ended = threading.Event()

    def read() -> int:
        worker, reads = safe(db, NEW, OLD), 0
        while not ended.is_set():
            for credential in db.read(credentials.all_of):
                assert worker.open(credential).variables["KEY"].startswith("a-secret-value-number-")
                reads += 1
        return reads

    def replace() -> None:
        web = safe(db, NEW, OLD)
        for number in range(1, 11):
            for name in NAMES[:4]:
                web.put(name, value(number))

    with ThreadPoolExecutor(4) as pool:
        readers = [pool.submit(read) for _ in range(2)]
        replacing = pool.submit(replace)
        for _ in range(5):
            assert safe(db, NEW, OLD).rotate() == (NAMES, [])
        replacing.result(60)
        ended.set()
        assert all(reader.result(60) for reader in readers)

    after = safe(db, NEW)
    found = {row.name: after.open(row).variables["KEY"] for row in db.read(credentials.all_of)}
    assert [found[name] for name in NAMES] == ["a-secret-value-number-10"] * 4 + [
        "a-secret-value-number-0"
    ] * 4
    with pytest.raises(Unreadable):
        before.open(db.read(credentials.get, NAMES[0]))


def test_what_goes_in_comes_out(db: Database) -> None:
    """Whatever text it is; a sign-in keeps all that the CLI's file had."""
    texts = {"A": "пароль-🙂-value", "B": "line one\nline two", "C": "x" * 30_000}
    kept = safe(db, OLD).put("texts", Contents.of_variables(texts))
    assert safe(db, OLD).open(kept).variables == texts

    file = {
        "claudeAiOauth": {"accessToken": "a" * 20, "expiresAt": 1_900_000_000_000, "scopes": ["x"]},
        "more": 1,
    }
    kept = safe(db, OLD).put("oauth", Contents.of_claude(json.dumps(file)))
    assert safe(db, OLD).open(kept).claude == file
    assert kept.expires_at is not None


def test_a_removed_one_is_gone_and_its_name_begins_anew(db: Database) -> None:
    """What was known of the old one is not said of the new one."""
    here = safe(db, OLD)
    here.put("a", value(1))
    db.write(credentials.refuse, "a", 1, detail="refused")
    db.write(credentials.remove, "a")
    assert db.read(credentials.all_of) == []

    assert here.put("a", value(2)).state == "usable"
