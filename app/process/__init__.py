"""Processes: the only room that starts any, and the one that leaves none behind."""

from app.process.child import Child
from app.process.errors import (
    LeaseLapsed,
    ProgramMissing,
    ProgramNotExecutable,
    StartFailed,
    WorkspaceUnusable,
)
from app.process.exit import Exit
from app.process.mark import MARK_VARIABLE, installation, new_mark
from app.process.orphans import end_marked, sweep
from app.process.probe import Completed, run
from app.process.process import Command, Output, Process
from app.process.usage import Usage, machine_tasks

__all__ = [
    "MARK_VARIABLE",
    "Child",
    "Command",
    "Completed",
    "Exit",
    "LeaseLapsed",
    "Output",
    "Process",
    "ProgramMissing",
    "ProgramNotExecutable",
    "StartFailed",
    "Usage",
    "WorkspaceUnusable",
    "end_marked",
    "installation",
    "machine_tasks",
    "new_mark",
    "run",
    "sweep",
]
