"""The demonstration's choices and sums; tests/integration/agents/test_demo.py runs it whole."""

import ast
import sys

import pytest

from app.demo import EXAMPLES, PROGRAM
from app.demo.program import Found, choose


def test_each_example_shows_something_else() -> None:
    """A look around, a count, and time enough to try Stop."""
    assert [choose(example) for example in EXAMPLES] == [("tour", 0), ("count", 50), ("work", 60)]


@pytest.mark.parametrize(
    ("prompt", "script"),
    [
        ("Please count from 1 to 300, quickly", ("count", 300)),
        ("count to 99999", ("count", 99999)),
        ("Count to a million", ("tour", 0)),
        ("Wait 5 minutes", ("work", 300)),
        ("wait 3", ("work", 3)),
        ("sleep for 2 s", ("work", 2)),
        ("slow", ("work", 60)),
        ("fail", ("fail", 0)),
        ("Please fail on purpose", ("fail", 0)),
        ("Show me what a failure looks like", ("fail", 0)),
        ("Why do my tests fail?", ("tour", 0)),
        ("Explain the account to me", ("tour", 0)),
        ("", ("tour", 0)),
    ],
)
def test_a_prompt_gets_the_script_that_it_asks_for(prompt: str, script: tuple[str, int]) -> None:
    """And what asks for none is shown around."""
    assert choose(prompt) == script


def test_the_largest_files_come_first_and_break_no_table() -> None:
    """Whatever a file is called."""
    found = Found({"small": (1, 2, 3), "a|b `c`\n": (1000, 2000, 30_000)})

    assert found.table().splitlines()[2:] == [
        "| `a_b__c__` | 1,000 | 2,000 | 30,000 |",
        "| `small` | 1 | 2 | 3 |",
    ]
    assert found.summary() == "Files: 2, with 1,001 lines, 2,002 words and 30,003 bytes."


def test_an_empty_workspace_is_called_empty() -> None:
    """Nothing has no sums."""
    assert Found({}).summary() == "The workspace is empty."


def test_it_needs_nothing_but_the_standard_library() -> None:
    """It runs in a sandbox where Errand itself is not to be found."""
    tree = ast.parse(PROGRAM.read_text())
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module or "." for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}

    assert {name.partition(".")[0] for name in names} <= set(sys.stdlib_module_names)
