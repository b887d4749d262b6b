"""The HTML pages: one shell for every view; the modules in static/js draw what the address names."""

from functools import cache
from pathlib import Path

from flask import Blueprint, current_app, render_template

from app import demo
from app.web.access import identity

blueprint = Blueprint("pages", __name__)


@blueprint.get("/")
@blueprint.get("/sessions/<session_id>")
@blueprint.get("/tasks/<task_id>")
def page(**_: str) -> str:
    """Return the shell; whether there is such a Session or Task is asked by the page, and said there."""
    modules = _modules(current_app.static_folder)
    return render_template("page.html", examples=list(demo.EXAMPLES), modules=modules, who=identity())


@cache
def _modules(static: str | None) -> tuple[str, ...]:
    """Return all modules of the page: a browser asks for them at once, not one import after another."""
    root = Path(static or "")
    found = sorted(path.relative_to(root).as_posix() for path in root.rglob("*.js"))
    return tuple(path for path in found if not path.startswith(("js/login.js", "js/settings/")))
