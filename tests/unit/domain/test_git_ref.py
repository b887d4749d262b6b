"""A branch's name is a branch's name and nothing else."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.git_ref import branch_name, is_ref

_OPTIONS = ["-x", "--upload-pack=x", "ext::sh -c id", "$(x)", "`x`", "a;b", "a b", "a\nb", "a\n", "\x00"]
_PATHS = ["", "a..b", "a//b", "a/", "/a", "a.", ".a", "a/.b", "a\\b", "x.lock", "x.lock/y", "x" * 245]
_REVISIONS = ["@", "HEAD", "a~1", "a^", "a:b", "a?", "a*", "a[", "a@{1}", "é"]


@pytest.mark.parametrize("name", [*_OPTIONS, *_PATHS, *_REVISIONS])
def test_run_07_other_names_are_refused(name: str) -> None:
    """RUN-07: options, expressions, paths, shells, and what git itself refuses."""
    assert not is_ref(name)


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("The login loops", "agent/issue-7-the-login-loops-3a9c1f"),
        ("Ünïcode & `code` @x!", "agent/issue-7-unicode-code-x-3a9c1f"),
        ("日本語", "agent/issue-7-3a9c1f"),
        ("", "agent/issue-7-3a9c1f"),
        ("word " * 30, "agent/issue-7-word-word-word-word-word-word-word-word-3a9c1f"),
        ("x" * 100, f"agent/issue-7-{'x' * 40}-3a9c1f"),
    ],
)
def test_our_branches_say_what_they_are_for(title: str, name: str) -> None:
    """The issue, its title in short, and the end of the Task's id."""
    assert branch_name("agent/", 7, title, "0193-AB3A9C1F") == name


@given(st.text(), st.uuids(), st.integers(1, 10**9))
def test_our_branches_are_branches(title: str, task_id: object, number: int) -> None:
    """Whatever the title is."""
    name = branch_name("agent/", number, title, str(task_id))

    assert is_ref(name)
    assert re.fullmatch(r"agent/issue-\d+(-[a-z0-9-]+)?-[a-z0-9]{6}", name)
