"""One place for each dangerous thing, small files, and names that say something."""

import ast
import logging
import re

import pytest
import structlog

from tests.architecture.checkout import functions, python, uses

_OURS = ("app", "tasks", ".")
_PRODUCT = (*_OURS, "bin", "bench", "migrations")

#: Who else may look at the environment, and why.
_ENVIRONMENT = {
    "app/settings.py": "the one reader of settings",
    "app/process/supervisor.py": "a program of its own; hands its environment on to what it runs",
}
#: Who may start processes, and why.
_STARTERS = {
    "app/process/link.py": "starts a supervisor",
    "app/process/supervisor.py": "starts the program it was told",
    "app/demo/program.py": "stands in for a CLI, whose tools are shell commands",
}
_STARTING = {"fork", "forkpty", "popen", "posix_spawn", "posix_spawnp", "system"} | {
    f"{verb}{how}" for verb in ("exec", "spawn") for how in ("l", "le", "lp", "lpe", "v", "ve", "vp", "vpe")
}
_PROCESS_MODULES = ("asyncio.subprocess", "multiprocessing", "pty", "subprocess")
_LOGGING = {"debug", "info", "warning", "error", "exception", "critical", "bind"}
_EMPTY_WORDS = {"util", "utils", "helper", "helpers", "common", "manager", "handler"}


def test_only_settings_reads_the_environment() -> None:
    """Configuration has one door; whoever else looks at the environment is listed with a reason."""
    readers = {
        path
        for path, tree in python(*_OURS).items()
        if any(uses(tree, "os", {"environ", "environb", "getenv", "getenvb"}))
    }

    assert readers == set(_ENVIRONMENT)


def test_only_app_process_starts_processes() -> None:
    """A process that app.process does not know of is one that nobody ends."""
    starters = {
        path
        for path, tree in python(*_OURS).items()
        if any(uses(tree, "os", _STARTING)) or any(any(uses(tree, module)) for module in _PROCESS_MODULES)
    }

    assert starters == set(_STARTERS)


def test_channel_names_are_built_in_one_place() -> None:
    """Publisher and hub can't disagree on a name that neither of them writes."""
    builders = {
        path
        for path, tree in python(*_OURS).items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and re.match(r"errand:(?! )", node.value)
    }

    assert builders == {"app/live/channel.py"}


def test_engines_are_made_in_one_place() -> None:
    """Every connection has the pragmas and the time-outs that go with its kind of database."""
    makers = {
        path
        for path, tree in python(*_OURS, "migrations").items()
        if any(uses(tree, "sqlalchemy", {"create_engine", "engine_from_config"}))
        or any(uses(tree, "sqlite3", {"connect"}))
        or any(uses(tree, "psycopg2", {"connect"}))
    }

    assert makers == {"app/db/postgres.py", "app/db/sqlite.py"}


def test_no_log_call_names_a_keyword_event() -> None:
    """`event` is the line's own name: given again it is a TypeError in the middle of the work."""
    twice = [
        f"{path}:{call.lineno}"
        for path, call in _log_calls()
        if any(keyword.arg in {"event", None} for keyword in call.keywords)
    ]

    assert twice == [], "name it (event_kind, trigger ...), and write keywords out rather than **them"


def test_log_events_are_static_names() -> None:
    """A line can be searched for by the name it has in the code; what varies is in its keywords."""
    moving = [f"{path}:{call.lineno}" for path, call in _log_calls() if not _is_static(call)]

    assert moving == []


def test_loggers_are_named_log() -> None:
    """The two rules above find log calls by that name."""
    named = {
        ast.unparse(target)
        for tree in python("app", "tasks").values()
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and "get_logger" in ast.unparse(node.value)
        for target in node.targets
    }

    assert named == {"log"}


def _log_calls() -> list[tuple[str, ast.Call]]:
    return [
        (path, node)
        for path, tree in python("app", "tasks").items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in _LOGGING
        and "log" in {name.id for name in ast.walk(node.func.value) if isinstance(name, ast.Name)}
    ]


def _is_static(call: ast.Call) -> bool:
    assert isinstance(call.func, ast.Attribute)
    if call.func.attr == "bind":
        return not call.args
    match call.args:
        case [ast.Constant(value=str(name))]:
            return re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", name) is not None
    return False


def test_every_module_says_what_it_is() -> None:
    """The first line of a file is its purpose."""
    silent = [
        path for path, tree in python(*_PRODUCT, "tests").items() if tree.body and not ast.get_docstring(tree)
    ]

    assert silent == []


def test_modules_are_short() -> None:
    """A file of more than 400 lines is two files."""
    ends = {path: tree.body[-1].end_lineno or 0 for path, tree in python(*_PRODUCT).items()}

    assert {path: end for path, end in ends.items() if end > 400} == {}


def test_functions_are_short() -> None:
    """A function of more than 60 lines is several. A migration is a list, as long as what it lists."""
    long = [
        f"{path}:{function.lineno} {function.name}"
        for path, tree in python(*_OURS, "bin", "bench", "tests").items()
        for function in functions(tree)
        if (function.end_lineno or 0) - function.lineno >= 60
    ]

    assert long == []


def test_names_say_something() -> None:
    """No utils, helpers, common, manager, handler: they name where one stopped thinking."""
    empty = [
        f"{path}: {name}"
        for path, tree in python(*_PRODUCT).items()
        for name in (path.rpartition("/")[2], *_defined(tree))
        if _EMPTY_WORDS & set(re.findall(r"[a-z]+", re.sub(r"([A-Z])", r"_\1", name).lower()))
    ]

    assert empty == []


def _defined(tree: ast.Module) -> list[str]:
    classes = [node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    return [*classes, *(function.name for function in functions(tree))]


def test_a_second_event_ends_the_call() -> None:
    """The reason for the rule: the call itself fails, even one whose level is not logged."""
    log = structlog.wrap_logger(None, wrapper_class=structlog.make_filtering_bound_logger(logging.INFO))
    given = {"event": "push"}

    with pytest.raises(TypeError, match="multiple values for argument 'event'"):
        log.debug("webhook_received", **given)
