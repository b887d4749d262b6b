"""The request as Errand reads it: a JSON object or a clear refusal, whatever the header Content-Type says."""

from typing import Any

import orjson
from flask import Request
from werkzeug.exceptions import RequestEntityTooLarge, UnsupportedMediaType

from app.errors import Invalid


class JsonRequest(Request):
    """A request whose body, where one is read, is one JSON object."""

    def get_json(self, *_args: Any, **_kwargs: Any) -> Any:
        """Return the object; raises 415 for another type and Invalid for what is no JSON object.

        Strict on purpose, although flask-openapi3 asks for silence: it would go on with None.
        """
        if not self.is_json:
            raise UnsupportedMediaType
        data = self.get_data()
        # Of a body of unknown length Werkzeug reads this much and cuts the rest off in silence.
        if self.max_content_length is not None and len(data) >= self.max_content_length:
            raise RequestEntityTooLarge
        try:
            content = orjson.loads(data)
        except orjson.JSONDecodeError as error:
            raise Invalid(f"The body is not valid JSON: {error}.", reason="invalid_json") from None
        if not isinstance(content, dict):
            raise Invalid("The body must be a JSON object.", reason="invalid_json")
        return content
