"""What must stand in no file: the places of one machine."""

import re

from tests.architecture.checkout import ROOT, files

#: Hosts that packages come from: where to get them is the machine's own setting, the lock has their hashes.
_REGISTRIES = re.compile(
    r"files\.pythonhosted\.|//pypi\.|registry\.(npmjs|yarnpkg)\.|--(extra-)?index-url[ =]"
)
#: Folders of somebody's machine.
_MACHINES = re.compile(r"(?<![\w.~/-])/(home|Users|work|root)/\w")


def test_no_file_names_a_registry_or_a_machine() -> None:
    """A checkout works where it is put, and installs from where it is told to."""
    found = [
        f"{path}:{number}: {line.strip()[:80]}"
        for path in files()
        for number, line in enumerate((ROOT / path).read_text().splitlines(), 1)
        if _REGISTRIES.search(line) or _MACHINES.search(line)
    ]

    assert [line for line in found if not line.startswith("tests/architecture/test_text.py")] == []
