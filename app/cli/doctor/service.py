"""The server and the processes behind it."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from app.cli.client import Client
from app.cli.doctor.finding import Finding, note, right, wrong
from app.cli.errors import NotReachable, Refused
from app.cli.server import Server
from app.domain.machine import Machine, Role
from app.errors import Unauthorized

_WORK = {Role.WORKER: "so no task runs", Role.CONTROL: "so nobody looks after tasks whose worker was lost"}


def missing(server: Server) -> list[str] | None:
    """Return what the server lacks; None where it can't tell."""
    try:
        with Client(server) as client:
            return client.ready()
    except (NotReachable, Refused):
        return None


def web(server: Server) -> Iterator[Finding]:
    """Whether it answers, what it lacks, and whether it takes our token."""
    try:
        with Client(server) as client:
            degraded = client.ready()
            if degraded:
                yield wrong("server", f"{server.url} answers, but lacks: {', '.join(degraded)}.", "bin/up")
            else:
                yield right("server", f"{server.url} answers and lacks nothing.")
            yield _sign_in(client)
        yield from _open_door(server)
    except NotReachable as error:
        yield wrong("server", error.message, "bin/up")
    except Refused as error:
        yield wrong("server", f"{server.url}: {error.message}", "bin/up")


def machines(found: Sequence[Machine] | None) -> Iterator[Finding]:
    """Whether somebody runs Tasks, and somebody looks after them."""
    for role, consequence in _WORK.items():
        here = [machine for machine in found or () if machine.role is role]
        if found is None:
            yield note(role, "Not known without the database.")
        elif not here:
            yield wrong(role, f"No {role} process reports itself, {consequence}.", "bin/up")
        else:
            yield right(role, ", ".join(map(_described, here)))


def _described(machine: Machine) -> str:
    runs = f", runs {machine.running} of {machine.capacity}" if machine.role is Role.WORKER else ""
    return f"{machine.name} is alive{runs}"


def _sign_in(client: Client) -> Finding:
    try:
        client.status()
    except Unauthorized as error:
        return wrong("token", error.message, "export ERRAND_ADMIN_TOKEN=...")
    except Refused as error:
        return wrong("token", error.message, "bin/up")
    return right("token", "The server takes it.")


def _open_door(server: Server) -> Iterator[Finding]:
    """Whether who has no token is let in too."""
    with Client(replace(server, token=None)) as nobody:
        try:
            nobody.status()
        except (Unauthorized, Refused):
            return
    yield note("sign-in", "There is none (ERRAND_AUTH=none): whoever is on this machine is admin there.")
