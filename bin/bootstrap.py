"""Make .venv from a hashed lock and go on inside it.

Standard library only, because it runs before anything is installed, and in a syntax that old
Pythons can read, because telling them that they are too old is its first duty.
"""

import ast
import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
VENV = os.path.join(ROOT, ".venv")
PYTHON = os.path.join(VENV, "bin", "python")
STAMP = os.path.join(VENV, "errand.json")
NEEDED = (3, 11)

#: What pip is told about indexes, and the variable by which uv is told the same.
PIP_TO_UV = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "no-index": "UV_NO_INDEX",
    "trusted-host": "UV_INSECURE_HOST",
    "cert": "SSL_CERT_FILE",
    "proxy": "ALL_PROXY",
    "timeout": "UV_HTTP_TIMEOUT",
    "default-timeout": "UV_HTTP_TIMEOUT",
}


class SetupError(Exception):
    """The environment can't be made; the message is one sentence that says what to do."""


def enter(lock):
    """Return only inside a .venv that holds everything in the lock: make it and start again in it where needed."""
    command = os.path.join("bin", os.path.basename(sys.argv[0]))
    try:
        check_python(command)
        if not installed(lock):
            check_venv(command)
            with alone():
                if not installed(lock):
                    install(lock)
    except SetupError as error:
        sys.exit("%s: %s" % (command, error))
    except OSError as error:
        sys.exit(
            "%s: can't write %s (%s): free or unlock that disk and try again."
            % (command, error.filename or ROOT, error.strerror)
        )
    except KeyboardInterrupt:
        sys.exit(130)
    if os.path.realpath(sys.prefix) != os.path.realpath(VENV):
        os.execv(PYTHON, [PYTHON, *sys.argv])


def check_python(command):
    """Refuse a Python that can't run Errand."""
    if sys.version_info >= NEEDED:
        return
    newer = [name for name in ("python3.14", "python3.13", "python3.12", "python3.11") if shutil.which(name)]
    raise SetupError(
        "Errand needs Python %d.%d or newer and this is Python %d.%d: %s."
        % (
            NEEDED
            + tuple(sys.version_info[:2])
            + ("run it as `%s %s`" % (newer[0], command) if newer else "install a newer one",)
        )
    )


def check_venv(command):
    """Refuse a Python that comes without the means to make a virtual environment (Debian splits them off)."""
    try:
        import ensurepip  # noqa: F401 - asked for only where something has to be installed
        import venv  # noqa: F401
    except ImportError:
        raise SetupError(
            "this Python has no venv module: install it (on Debian and Ubuntu `apt install python%d.%d-venv`) and run %s again."
            % (sys.version_info[0], sys.version_info[1], command)
        ) from None


@contextlib.contextmanager
def alone():
    """Hold the one lock under which .venv is changed, waiting for whoever has it."""
    with open(os.path.join(ROOT, ".venv.lock"), "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("Another command is installing; waiting for it ...")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def installed(lock):
    """Whether .venv belongs to this checkout and this Python, and holds this very lock."""
    stamp = read_stamp()
    return stamp.get("venv") == identity() and stamp.get(lock) == digest(lock)


def read_stamp():
    """Return what the last complete installation wrote, or nothing."""
    try:
        with open(STAMP) as file:
            return json.load(file)
    except (OSError, ValueError):
        return {}


def write_stamp(stamp):
    """Record what is complete; in one step, so that a half-written one is never read."""
    with open(STAMP + ".new", "w") as file:
        json.dump(stamp, file)
    os.replace(STAMP + ".new", STAMP)


def identity():
    """Name the checkout and the interpreter: scripts in a .venv hold its path, and a replaced Python leaves it hollow."""
    return [ROOT, os.path.realpath(PYTHON), os.path.exists(PYTHON)]


def digest(lock):
    """Hash the lock together with what the errand command is built from."""
    whole = hashlib.sha256()
    for name in (lock + ".lock", "pyproject.toml"):
        with open(os.path.join(ROOT, name), "rb") as file:
            whole.update(file.read())
    return whole.hexdigest()


def install(lock):
    """Bring .venv to the lock, saying what takes so long, and stamp it when all of it is there."""
    stamp = read_stamp()
    if stamp.get("venv") != identity():
        if os.path.islink(VENV):
            # Making it anew empties it first, and with it somebody else's at the other end of the link.
            raise SetupError(".venv is a link; remove it (`rm .venv`) and try again, and it is made here.")
        say("Making .venv (once; this takes a few seconds) ...")
        # Not with the interpreter of a .venv, which may be the one that is cleared.
        base = getattr(sys, "_base_executable", None) or sys.executable
        run([base, "-m", "venv", "--clear", VENV], "making .venv failed")
        stamp = {"venv": identity()}
        write_stamp(stamp)
    say("Installing the packages of %s.lock ..." % lock)
    install_packages(["--require-hashes", "-r", os.path.join(ROOT, lock + ".lock")])
    install_packages(["--no-deps", "--no-build-isolation", "-e", ROOT])
    compile_code([os.path.join(VENV, "lib"), os.path.join(ROOT, "app"), os.path.join(ROOT, "tasks")])
    stamp[lock] = digest(lock)
    if lock == "requirements-dev":
        stamp["requirements"] = digest("requirements")
    write_stamp(stamp)


def install_packages(arguments):
    """Install with uv, and with pip where there is no uv for this machine or it failed."""
    pip = [PYTHON, "-m", "pip"]
    uv = os.path.join(VENV, "bin", "uv")
    if not os.path.exists(uv):
        wanted = ["--quiet", "--require-hashes", "-r", os.path.join(ROOT, "requirements-uv.lock")]
        if subprocess.call([*pip, "install", *wanted], stdout=sys.stderr) != 0:
            say("uv can't be had here; pip takes a little longer ...")
    if os.path.exists(uv):
        options = ["--python", PYTHON, *([] if sys.stderr.isatty() else ["--quiet"])]
        if subprocess.call([uv, "pip", "install", *options, *arguments], env=uv_environment()) == 0:
            return
        say("uv could not install them; trying pip ...")
    run(
        [*pip, "install", "--progress-bar", "off", "--no-compile", *arguments],
        "the packages could not be installed: look at the lines above, check the network and the disk, and try again",
    )


def compile_code(folders):
    """Compile once what every process would compile at its start where nothing may be written then."""
    compile_all = [PYTHON, "-m", "compileall", "-q", "-j", "0", *folders]
    subprocess.call(compile_all, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def uv_environment():
    """Tell uv, which doesn't read pip's settings, which indexes pip was told to use; what uv was told itself stands."""
    environment = dict(os.environ)
    for name, value in pip_settings().items():
        if name in PIP_TO_UV:
            environment.setdefault(PIP_TO_UV[name], value)
    if "UV_INDEX" in environment:
        # As pip does; the hashes say what may come from where.
        environment.setdefault("UV_INDEX_STRATEGY", "unsafe-best-match")
    return environment


def pip_settings():
    """Read pip's effective settings from pip itself: files, then the section of `install`, then the environment."""
    listed = subprocess.run(
        [PYTHON, "-m", "pip", "config", "list"], stdout=subprocess.PIPE, universal_newlines=True, check=False
    )
    found = {"global": {}, "install": {}, ":env:": {}}
    for line in listed.stdout.splitlines():
        key, _, value = line.partition("=")
        section, _, name = key.partition(".")
        if section in found and value:
            found[section][name] = " ".join(str(ast.literal_eval(value)).split())
    return {**found["global"], **found["install"], **found[":env:"]}


def run(command, failure):
    """Run a step; where it fails its own lines have said why, and the sentence says what was being done."""
    if subprocess.call(command, stdout=sys.stderr) != 0:
        raise SetupError(failure + ".")


def say(line):
    """Show progress at once, also through a pipe."""
    print(line, file=sys.stderr, flush=True)
