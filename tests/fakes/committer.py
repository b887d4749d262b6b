"""A `claude` that does with the repository whatever a shell script says."""

import json
import shlex

from tests.fakes.scripted_cli import ScriptedCli


class Committer(ScriptedCli):
    """A `claude` that keeps its prompt in its home and then does what a shell script says."""

    def does(self, script: str, *, says: str = "Mended.") -> None:
        """Do this next time."""
        lines = [
            {"type": "system", "subtype": "init", "session_id": "s", "tools": [], "model": "m"},
            {
                "type": "result",
                "subtype": "success",
                "is_error": False,
                "result": says,
                "num_turns": 1,
                "duration_ms": 5,
                "session_id": "s",
                "total_cost_usd": 0.01,
                "usage": {"input_tokens": 1, "output_tokens": 1},
                "permission_denials": [],
            },
        ]
        said = [f"printf '%s\\n' {shlex.quote(json.dumps(line))}" for line in lines]
        version = 'case "$*" in *--version*) echo "2.1.330 (Claude Code)"; exit 0;; esac'
        body = [version, 'cat > "$HOME/prompt"', 'env > "$HOME/env"', said[0], f"({script}) 1>&2", said[1]]
        self.path.write_text("#!/bin/sh\n" + "\n".join(body) + "\n")
        self.path.chmod(0o755)
