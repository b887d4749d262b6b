"""Everything real but GitHub and the model: from a signed comment to what Claude Code mended."""

from pathlib import Path

from tests.fakes.messages_api import MessagesApi, answer, tool
from tests.integration.runner.test_claude_code import claude

from .town import COMMIT, running

__all__ = ["claude"]


def test_claude_code_mends_what_a_signed_comment_asked(claude: Path) -> None:
    """GH-01: by the Procfile's processes, with the agent that comes along."""
    with MessagesApi() as api, running(path=claude.parent, **api.env()) as town:
        api.script([tool("Bash", command=COMMIT), answer("I mended the wall.")])

        assert town.mention("@agent mend the wall") == 202
        town.assert_one_of_each()

        assert "I mended the wall." in town.ours[0]
        sent = "\n".join(request.raw for request in api.requests)
        assert "mend the wall" in sent
        assert not [token for token in town.github.tokens if token in sent]
