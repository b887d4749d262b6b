"""`errand github` against a server that runs."""

import json

from tests.acceptance.conftest import Errand

from .command import call


def test_what_to_set_is_said_and_what_is_missing(server: Errand) -> None:
    """Exactly, by GitHub's own names; the status tells programs whether anything is missing."""
    setup = call(server, "github", "setup")
    check = call(server, "github", "check")
    programs = call(server, "github", "check", "--json")

    assert (setup.returncode, check.returncode, programs.returncode) == (0, 1, 1), check.stderr
    assert b"/webhooks/github" in setup.stdout
    assert b"contents: write" in setup.stdout
    assert b"pull_request_review_comment" in setup.stdout
    assert b"GITHUB_WEBHOOK_SECRET is not set" in check.stdout
    assert json.loads(programs.stdout)["access"] == "none"
