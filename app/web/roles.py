"""What each endpoint takes: everybody, or a role at least. One that is not here lets nobody in."""

from app.domain.access import UserRole

VIEWER, OPERATOR, ADMIN = UserRole.VIEWER, UserRole.OPERATOR, UserRole.ADMIN

#: Needs no sign-in. Static files are the same for everybody and in the open repository.
EVERYBODY = None

ROLES: dict[str, UserRole | None] = {
    "static": EVERYBODY,
    "health.healthz": EVERYBODY,
    "health.readyz": EVERYBODY,
    "login.form": EVERYBODY,
    "login.sign_in": EVERYBODY,
    "github_login.there": EVERYBODY,
    "github_login.back": EVERYBODY,
    "webhooks.github": EVERYBODY,
    "login.sign_out": VIEWER,
    "openapi": VIEWER,
    "pages.page": VIEWER,
    "settings.page": VIEWER,
    "status.show": VIEWER,
    "agents.index": VIEWER,
    "machines.index": VIEWER,
    "sessions.index": VIEWER,
    "sessions.show": VIEWER,
    "tasks.index": VIEWER,
    "tasks.show": VIEWER,
    "tasks.task_events": VIEWER,
    "tasks.output": VIEWER,
    "sockets.all_tasks": VIEWER,
    "sockets.one_task": VIEWER,
    "sockets.one_session": VIEWER,
    "chat.create": OPERATOR,
    "tasks.cancel": OPERATOR,
    "tasks.retry": OPERATOR,
    "account.show": VIEWER,
    "account.set_up": ADMIN,
    "account.password": VIEWER,
    "account.list_logins": VIEWER,
    "account.end_login": VIEWER,
    # One's own; the views give admins those of others too.
    "tokens.index": VIEWER,
    "tokens.create": VIEWER,
    "tokens.revoke": VIEWER,
    "users.index": ADMIN,
    "users.create": ADMIN,
    "users.change": ADMIN,
    "users.link": ADMIN,
    "audit.index": ADMIN,
    "credentials.index": ADMIN,
    "credentials.put": ADMIN,
    "credentials.delete": ADMIN,
    "credentials.retry": ADMIN,
    "credentials.rotate": ADMIN,
}
