"""The web processes' composition root: `gunicorn wsgi:app`."""

from app.db.engine import PATIENCE_WEB, Database
from app.live.hub import Hub
from app.live.publisher import Publisher
from app.log import configure_logging
from app.security.redact import Known
from app.settings import load_settings
from app.web import create_app
from app.web.queue import web_bell

_settings = load_settings()
_db = Database(_settings.database_url, patience=lambda: PATIENCE_WEB)
_hub = Hub(_db, _settings.redis_url)
_hub.start()

#: What must be in no line of this process's log; grows with the credentials that pass through it.
_known = Known(_settings.secrets())
configure_logging("web", clean=_known.clean_text)

app = create_app(
    _settings, _db, web_bell(_settings.redis_url), _hub, Publisher(_settings.redis_url), known=_known
)
