"""The door for GitHub's webhooks. It is shut: this Errand takes none yet, and says so at once."""

from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag

from app.errors import Unavailable
from app.web.openapi import Answer, problems

blueprint = APIBlueprint("webhooks", __name__, abp_tags=[Tag(name="webhooks")])


class WebhooksOff(Unavailable):
    """This server takes no GitHub webhooks: no webhook secret is set."""

    reason = "webhooks_off"


@blueprint.post("/webhooks/github", responses=problems(503), security=[{}])
def github() -> Answer:
    """Refuse the delivery with 503, so that GitHub shows it as failed and it can be delivered again later."""
    raise WebhooksOff
