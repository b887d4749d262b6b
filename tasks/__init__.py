"""The Celery side: the app, and one thin file per job."""
