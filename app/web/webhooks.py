"""The door for GitHub's webhooks. It is shut: this Errand takes none yet, and says so at once."""

from flask import request
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag

from app.errors import Unavailable
from app.web import rates, trace
from app.web.access import the_rates
from app.web.openapi import Answer, problems

blueprint = APIBlueprint("webhooks", __name__, abp_tags=[Tag(name="webhooks")])


class WebhooksOff(Unavailable):
    """This server takes no GitHub webhooks: no webhook secret is set."""

    reason = "webhooks_off"


@blueprint.post("/webhooks/github", responses=problems(429, 503), security=[{}])
def github() -> Answer:
    """Refuse the delivery with 503, so that GitHub shows it as failed and it can be delivered again later."""
    the_rates().take(rates.WEBHOOKS, trace.address(request))
    raise WebhooksOff
