"""How GitHub is to be set up for this Errand, and what of that is missing."""

from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag

from app.web.delivery_schemas import GitHubSetup
from app.web.openapi import SECURITY, Answer, problems
from app.web.services import services

blueprint = APIBlueprint("github", __name__, abp_tags=[Tag(name="webhooks")], abp_security=SECURITY)


@blueprint.get("/api/github", responses={200: GitHubSetup, **problems(403)})
def show() -> Answer:
    """Ask GitHub how it is set up: what is wanted, what is missing, and what it sent lately."""
    # As for the dry run: only who looks pays for it.
    from app.github.setup import look  # noqa: PLC0415

    return look(services().settings).model_dump(mode="json")
