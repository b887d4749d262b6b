"""Celery's settings, a reason per line. Read by workers, by control and by whoever only sends."""

from app.settings import load_settings

_settings = load_settings()

broker_url = _settings.redis_url
# The row is the truth: nobody asks Celery how a Task ended.
task_ignore_result = True
result_backend = None
# A message is done when its job is; a worker that dies gives it back.
task_acks_late = True
# SIGKILL of the worker must not start a second CLI at once: the Lease decides when.
task_reject_on_worker_lost = False
# Unread messages stay in Redis for whoever is free.
worker_prefetch_multiplier = 1
worker_concurrency = _settings.concurrency
# 100 babysat CLIs cost 46 MB here and 2.1 GB in prefork.
worker_pool = "threads"
# Ids and short JSON travel, nothing else is opened.
task_serializer = "json"
result_serializer = "json"
accept_content = ["json"]
result_accept_content = ["json"]
# One queue for runs that take hours, one for housekeeping that must not wait for them.
task_default_queue = "runs"
task_routes = {"tasks.run": {"queue": "runs"}, "tasks.*": {"queue": "control"}}
broker_connection_retry_on_startup = True
broker_connection_max_retries = None
# A Redis that is full (noeviction), read-only after a failover or can't write its log answers with an error
# and keeps the connection. For Celery that would be a bug: the worker would take nothing more, and end.
broker_channel_error_retry = True
broker_transport_options = {
    # Longer than the longest run: Redis hands a message out again after this even if it is being worked on.
    # The claim makes a duplicate harmless; the Lease, not this, is what makes recovery fast.
    "visibility_timeout": max(12 * 3600, int(4 * _settings.task_timeout)),
    "socket_timeout": 30,
    "socket_connect_timeout": 5,
    "socket_keepalive": True,
    "health_check_interval": 25,
}
# Flower watches these.
worker_send_task_events = True
task_send_sent_event = True
# Our formatter, ours alone.
worker_hijack_root_logger = False
worker_redirect_stdouts = False
enable_utc = True
timezone = "UTC"
imports = ("tasks.run", "tasks.purge", "tasks.credentials", "tasks.deliveries", "tasks.callbacks")
beat_schedule = {
    "purge": {"task": "tasks.purge", "schedule": 3600.0, "options": {"expires": 1800, "queue": "control"}},
    # One that waits longer than this is not done twice: the next comes at once.
    "credentials": {
        "task": "tasks.credentials",
        "schedule": 5.0,
        "options": {"expires": 5, "queue": "control"},
    },
    # What is not sent now is due still; two at once would do nothing but take a thread.
    "callbacks": {
        "task": "tasks.callbacks",
        "schedule": 3.0,
        "options": {"expires": 3, "queue": "control"},
    },
}
