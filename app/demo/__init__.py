"""The demonstration: a scripted program in a CLI's place, so that a first run needs no key and no Node."""

from pathlib import Path

#: Runs by itself, as `python -I`; it imports nothing of Errand and Errand imports nothing of it.
PROGRAM = Path(__file__).with_name("program.py")

#: What the page offers to a newcomer; each does what it says.
EXAMPLES = (
    "Show me around: look through the workspace and write down what you find",
    "Count to 50",
    "Keep working for 60 seconds, so that I can try to stop you",
)
