"""Why an Attempt did not succeed, or why a success wants a look: one table of codes and sentences."""

from enum import StrEnum


class Reason(StrEnum):
    """The code next to every non-success; the sentence for people is in SENTENCES."""

    CLI_MISSING = "cli_missing"
    CLI_NOT_EXECUTABLE = "cli_not_executable"
    CLI_VERSION = "cli_version"
    CLI_AUTH = "cli_auth"
    CLI_BILLING = "cli_billing"
    CLI_ERROR = "cli_error"
    MODEL_NOT_FOUND = "model_not_found"
    RATE_LIMITED = "rate_limited"
    USAGE_LIMIT = "usage_limit"
    OVERLOADED = "overloaded"
    NETWORK = "network"
    MAX_TURNS = "max_turns"
    BUDGET = "budget"
    TIMEOUT = "timeout"
    IDLE_TIMEOUT = "idle_timeout"
    OUTPUT_LIMIT = "output_limit"
    SIGNAL = "signal"
    EXIT_CODE = "exit_code"
    WORKER_LOST = "worker_lost"
    INTERRUPTED = "interrupted"
    CANCELLED = "cancelled"
    AGENT_INVALID = "agent_invalid"
    SANDBOX_UNAVAILABLE = "sandbox_unavailable"
    MEMORY_LIMIT = "memory_limit"
    PROCESS_LIMIT = "process_limit"
    WORKSPACE_LIMIT = "workspace_limit"
    WORKSPACE_UNUSABLE = "workspace_unusable"
    DISK_FULL = "disk_full"
    INTERNAL = "internal"
    NO_RESULT = "no_result"
    CUT_SHORT = "cut_short"
    PERMISSION_DENIED = "permission_denied"
    CREDENTIAL_MISSING = "credential_missing"
    CREDENTIAL_UNREADABLE = "credential_unreadable"
    CREDENTIAL_EXPIRED = "credential_expired"
    CREDENTIAL_REFUSED = "credential_refused"
    GITHUB_AWAY = "github_away"
    GITHUB_REFUSED = "github_refused"
    INVALID_REF = "invalid_ref"
    CHECKOUT_FAILED = "checkout_failed"


#: What a person reads. `{}`-fields are filled by `sentence`; each ends with what to do.
SENTENCES: dict[Reason, str] = {
    Reason.CLI_MISSING: "The program {cli} was not found on the worker's PATH. Install it there, then retry.",
    Reason.CLI_NOT_EXECUTABLE: "{cli} was found but cannot be executed ({detail}). Mend its permissions, then retry.",
    Reason.CLI_VERSION: "{cli} answered --version with {detail}, which Errand does not know how to run. "
    "Install a supported version, then retry.",
    Reason.CLI_AUTH: "{cli} is not signed in: {detail}. Give the worker a valid key, then retry.",
    Reason.CLI_BILLING: "The model provider refused for billing reasons: {detail}. Check the account, then retry.",
    Reason.CLI_ERROR: "{cli} reported an error: {detail}. Read the output, then retry.",
    Reason.MODEL_NOT_FOUND: "The model is not available: {detail}. Choose another in the agent's agent.toml.",
    Reason.RATE_LIMITED: "The model provider limits the rate of requests: {detail}. Errand tries again by itself.",
    Reason.USAGE_LIMIT: "The plan's usage limit is reached: {detail}. Wait for its reset, then retry.",
    Reason.OVERLOADED: "The model provider is overloaded: {detail}. Errand tries again by itself.",
    Reason.NETWORK: "The model provider could not be reached: {detail}. Errand tries again by itself.",
    Reason.MAX_TURNS: "The agent used up its turns: {detail}. Raise max_turns in its agent.toml, or ask a follow-up.",
    Reason.BUDGET: "The agent reached its budget: {detail}. Raise budget_usd in its agent.toml, or ask a follow-up.",
    Reason.TIMEOUT: "The run took longer than {detail} and was stopped. Raise the timeout, or split the task.",
    Reason.IDLE_TIMEOUT: "{cli} printed nothing for {detail} and was stopped. Retry, or raise the idle timeout.",
    Reason.OUTPUT_LIMIT: "{cli} printed more than {detail} and was stopped; what came before is kept. "
    "Ask for less output, or raise the limit.",
    Reason.SIGNAL: "{cli} was ended by {detail} from outside Errand. Check the worker's memory, then retry.",
    Reason.EXIT_CODE: "{cli} ended with exit code {detail}. Read the end of its output, then retry.",
    Reason.WORKER_LOST: "The worker that ran this task disappeared. Check the worker's log, then retry.",
    Reason.INTERRUPTED: "The worker was shut down; the task goes back to the queue and continues.",
    Reason.CANCELLED: "Stopped on request. Retry to run it again.",
    Reason.AGENT_INVALID: "The agent cannot be used: {detail}. Mend the file, then retry.",
    Reason.SANDBOX_UNAVAILABLE: "The sandbox that this task needs is not there: {detail}. Mend that on the worker, then retry.",
    Reason.MEMORY_LIMIT: "{cli} and what it started used {detail} and was stopped. Ask for less at once, or raise ERRAND_MEMORY_LIMIT.",
    Reason.PROCESS_LIMIT: "{cli} and what it started were {detail} and were stopped. Ask for less at once, or raise ERRAND_PROCESS_LIMIT.",
    Reason.WORKSPACE_LIMIT: "The conversation's directories held {detail}, and {cli} was stopped. Delete some of it, or raise ERRAND_WORKSPACE_LIMIT.",
    Reason.WORKSPACE_UNUSABLE: "The working directory cannot be used: {detail}. Mend it, then retry.",
    Reason.DISK_FULL: "The disk is full: {detail}. Free some space, then retry.",
    Reason.INTERNAL: "Errand itself failed: {detail}. The worker's log has the details; retrying is safe.",
    Reason.NO_RESULT: "{cli} ended without giving a result. Look at the output before you rely on it.",
    Reason.CUT_SHORT: "{cli} had given its answer but was still running when {detail}. Check whether what it left running mattered.",
    Reason.PERMISSION_DENIED: "The agent was refused {detail}. Allow it in agent.toml if it should be able to.",
    Reason.CREDENTIAL_MISSING: "The agent names the credential {detail}, which is not stored. Store it (errand credentials set), then the task goes on.",
    Reason.CREDENTIAL_UNREADABLE: "The credential {detail} cannot be decrypted with this worker's keys. Give ERRAND_FERNET_KEYS the key it was stored under, or store it again.",
    Reason.CREDENTIAL_EXPIRED: "The credential {detail} has expired. Store a new value, then the task goes on.",
    Reason.CREDENTIAL_REFUSED: "The model provider refused the credential {detail}. Replace it, or let it be tried again (errand credentials retry).",
    Reason.GITHUB_AWAY: "GitHub could not be reached: {detail}. Errand tries again by itself.",
    Reason.GITHUB_REFUSED: "GitHub does not let us read what the task is about: {detail}. Check what the App may do there, then retry.",
    Reason.INVALID_REF: "The branch is called {detail}, which is not given to git. Rename it, then ask again.",
    Reason.CHECKOUT_FAILED: "The repository could not be checked out: {detail}. Mend that, then retry.",
}

#: Reasons worth another try by ourselves, after a pause.
TRANSIENT = frozenset({Reason.RATE_LIMITED, Reason.OVERLOADED, Reason.NETWORK, Reason.GITHUB_AWAY})


def sentence(reason: Reason, *, cli: str = "the CLI", detail: str = "") -> str:
    """Return what a person reads for `reason`, on one line."""
    text = SENTENCES[reason].format(
        cli=cli, detail=" ".join(detail.split()).removesuffix(".") or "no details given"
    )
    return text[:1].upper() + text[1:]
