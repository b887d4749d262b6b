"""The settings page: sections by role, each with a template and a module of its own.

A new section is a line in SECTIONS, `templates/settings/ID.html` (its heading and what it is for) and
`static/js/settings/ID.js`, which draws into the element `ID-body`.
"""

from dataclasses import dataclass

from flask import Blueprint, redirect, render_template
from werkzeug.wrappers import Response

from app.domain.access import UserRole
from app.web.access import identity
from app.web.services import services

blueprint = Blueprint("settings", __name__)


@dataclass(frozen=True)
class Section:
    """A part of the page; `id` is its address too: /settings#ID."""

    id: str
    title: str
    role: UserRole


SECTIONS = (
    Section("account", "My account", UserRole.VIEWER),
    Section("tokens", "API tokens", UserRole.VIEWER),
    Section("users", "Users", UserRole.ADMIN),
    Section("credentials", "Credentials", UserRole.ADMIN),
    Section("github", "GitHub", UserRole.VIEWER),
    Section("webhooks", "Webhooks", UserRole.ADMIN),
    Section("audit", "Audit", UserRole.ADMIN),
)


@blueprint.get("/deliveries")
def deliveries() -> Response:
    """Lead to the section that shows webhooks."""
    return redirect("/settings#github")


@blueprint.get("/settings")
def page() -> str:
    """Return the page with the sections that who asks may use."""
    who = identity()
    sections = [section for section in SECTIONS if who.role.covers(section.role)]
    return render_template("settings.html", sections=sections, who=who, auth=services().settings.auth)
