"""The page in real Chromium, before a real bin/up that all its tests share."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, StorageState, ViewportSize, sync_playwright

from app.db.engine import Database
from app.settings import PROJECT_ROOT
from tests.acceptance.conftest import Errand, Starter

from .stage import Stage
from .visitor import Visitor

#: More than the other tests let wait at once.
QUEUE_LIMIT = 6

_DESKTOP: ViewportSize = {"width": 1280, "height": 860}
_PHONE: ViewportSize = {"width": 390, "height": 844}
_QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="package")
def agents_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The agents that ship, where a test may break one."""
    folder = tmp_path_factory.mktemp("page-agents") / "agents"
    shutil.copytree(PROJECT_ROOT / "agents", folder)
    return folder


@pytest.fixture(scope="package")
def both(
    tmp_path_factory: pytest.TempPathFactory, agents_dir: Path, chromium_path: Path
) -> Iterator[tuple[Errand, Browser]]:
    """One bin/up and one Chromium for all tests of the page; one starts while the other does."""
    starter = Starter(tmp_path_factory.mktemp("page"))
    env = {"ERRAND_AGENTS_DIR": str(agents_dir), "ERRAND_QUEUE_LIMIT": str(QUEUE_LIMIT)}
    try:
        # A run that a failed test left behind must not hold up the end.
        errand = starter(env={**env, "ERRAND_SHUTDOWN_GRACE": "1"}, ready=False)
        with sync_playwright() as playwright:
            chromium = playwright.chromium.launch(executable_path=chromium_path, args=_QUIET)
            errand.wait_ready()
            yield errand, chromium
            chromium.close()
    finally:
        starter.stop_all()


@pytest.fixture(scope="package")
def errand(both: tuple[Errand, Browser]) -> Errand:
    """The Errand that all tests visit; each works in conversations of its own."""
    return both[0]


@pytest.fixture(scope="package")
def browser(both: tuple[Errand, Browser]) -> Browser:
    """The Chromium of all visitors."""
    return both[1]


@pytest.fixture(scope="package")
def signed_in(browser: Browser, errand: Errand) -> StorageState:
    """The cookie of somebody who is signed in."""
    context = browser.new_context()
    Visitor(context, errand.url).sign_in(errand.token)
    state = context.storage_state()
    context.close()
    return state


@pytest.fixture(scope="package")
def resident(browser: Browser, errand: Errand) -> Iterator[Visitor]:
    """A page that is opened once: a new browser profile for each test costs more than most tests do."""
    context = browser.new_context(viewport=_DESKTOP, reduced_motion="reduce")
    yield Visitor(context, errand.url)
    context.close()


@pytest.fixture
def visitor(resident: Visitor, signed_in: StorageState) -> Iterator[Visitor]:
    """Somebody at a desktop, signed in; whatever the page did wrong under way fails the test at its end."""
    resident.arrive(signed_in)
    yield resident
    resident.rest()


@pytest.fixture
def stranger(browser: Browser, errand: Errand) -> Iterator[Visitor]:
    """Somebody at a desktop who is not signed in."""
    visitor = Visitor(browser.new_context(viewport=_DESKTOP, reduced_motion="reduce"), errand.url)
    yield visitor
    visitor.leave()


@pytest.fixture
def phone(browser: Browser, errand: Errand, signed_in: StorageState) -> Iterator[Visitor]:
    """Somebody with a phone, signed in."""
    context = browser.new_context(
        viewport=_PHONE, has_touch=True, is_mobile=True, color_scheme="dark", storage_state=signed_in
    )
    visitor = Visitor(context, errand.url)
    yield visitor
    visitor.leave()


@pytest.fixture(scope="package")
def stage(errand: Errand) -> Iterator[Stage]:
    """Puts Tasks that ran already, with any Events, into the running Errand's database."""
    database = Database(f"sqlite:///{errand.data / 'errand.db'}")
    yield Stage(database)
    database.close()
