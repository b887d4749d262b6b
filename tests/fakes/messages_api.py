"""A local stand-in for the Anthropic Messages API: scripted, streaming, and it remembers what it was sent.

    with MessagesApi([tool("Bash", command="ls"), answer("Done.")]) as api:
        run_claude(env=api.env())
    assert "Done" not in api.requests[0].text

A script is a list, one Reply per model turn (the last one is given again when it runs out), or a function
from the request to a Reply. `python -m tests.fakes.messages_api` serves the script `by_words`.
"""

import json
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from uuid import uuid4

Json = dict[str, Any]


@dataclass(frozen=True)
class Reply:
    """What the API does with one request: the blocks it streams, or how it fails."""

    blocks: tuple[Json, ...] = ()
    #: HTTP status; anything but 200 answers with an error body and `error_type`.
    status: int = 200
    error_type: str = ""
    message: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    #: Characters per delta, and seconds between two deltas.
    piece: int = 24
    pause: float = 0.0
    #: Send the headers and then nothing until the client goes.
    stalls: bool = False
    #: Close the connection after so many deltas.
    dies_after: int | None = None
    input_tokens: int = 1000
    output_tokens: int = 50

    @property
    def stop_reason(self) -> str:
        """Why the model stopped."""
        return "tool_use" if any(block["type"] == "tool_use" for block in self.blocks) else "end_turn"


def answer(text: str, *, thinking: str = "", pause: float = 0.0, piece: int = 24) -> Reply:
    """Reply with a text, perhaps after some thinking."""
    thoughts = ({"type": "thinking", "thinking": thinking, "signature": "c2lnbmVk"},) if thinking else ()
    return Reply(blocks=(*thoughts, {"type": "text", "text": text}), pause=pause, piece=piece)


def tool(name: str, *, said: str = "", **arguments: object) -> Reply:
    """Reply with a tool call, perhaps after saying something."""
    text = ({"type": "text", "text": said},) if said else ()
    call = {"type": "tool_use", "id": f"toolu_{uuid4().hex[:20]}", "name": name, "input": arguments}
    return Reply(blocks=(*text, call))


def failure(status: int, error_type: str, message: str, *, retry_after: int | None = None) -> Reply:
    """Refuse with an HTTP error as the API words it."""
    headers = {} if retry_after is None else {"retry-after": str(retry_after)}
    return Reply(status=status, error_type=error_type, message=message, headers=headers)


def unauthorized() -> Reply:
    """Refuse the key."""
    return failure(401, "authentication_error", "invalid x-api-key")


def rate_limited(*, retry_after: int = 1) -> Reply:
    """Refuse for too many requests."""
    return failure(429, "rate_limit_error", "This would exceed your rate limit", retry_after=retry_after)


def overloaded() -> Reply:
    """Refuse because the API is overloaded."""
    return failure(529, "overloaded_error", "Overloaded")


def stall() -> Reply:
    """Accept and never send a byte of the stream."""
    return Reply(stalls=True)


def dying(text: str, *, after: int = 2) -> Reply:
    """Stream a part of `text`, then drop the connection."""
    return replace(answer(text, piece=8), dies_after=after)


@dataclass(frozen=True)
class Request:
    """One request as it came."""

    path: str
    headers: Mapping[str, str]
    body: Json
    raw: str

    @property
    def is_turn(self) -> bool:
        """Whether it is a turn of the conversation and not one of the CLI's own side questions."""
        is_message = self.path.startswith("/v1/messages") and "count_tokens" not in self.path
        return is_message and bool(self.body.get("tools"))

    @property
    def said(self) -> str:
        """All the text of the user's messages, tool results left out."""
        texts = [text for message in self._messages("user") for text in _texts(message)]
        return "\n".join(texts)

    @property
    def answers_tool(self) -> bool:
        """Whether the last message carries a tool's result."""
        messages = self.body.get("messages") or [{}]
        content = messages[-1].get("content")
        return isinstance(content, list) and any(block.get("type") == "tool_result" for block in content)

    def _messages(self, role: str) -> Iterator[Json]:
        return (message for message in self.body.get("messages", []) if message.get("role") == role)


def _texts(message: Json) -> list[str]:
    content = message.get("content")
    if isinstance(content, str):
        return [content]
    return [block["text"] for block in content or [] if block.get("type") == "text"]


Script = Sequence[Reply] | Callable[[Request], Reply]

#: Words in the last prompt that choose a reply of `by_words`.
WORDS: dict[str, Callable[[], Reply]] = {
    "please-401": unauthorized,
    "please-429": rate_limited,
    "please-529": overloaded,
    "please-stall": stall,
    "please-die": lambda: dying("This stream is going to be cut in the middle of a sentence."),
    "please-think": lambda: answer("I have thought.", thinking="Let me think about it for a while."),
    "please-slow": lambda: answer("Slowly, word by word, the answer comes. " * 5, pause=0.1, piece=8),
}


def by_words(request: Request) -> Reply:
    """Choose the reply by a word of the last prompt; else run one Bash command and answer."""
    last = "\n".join(_texts(list(request._messages("user"))[-1]))
    for word, reply in WORDS.items():
        if word in last:
            return reply()
    if "please-tool" in last:
        return tool("Bash", said="I will look.", command="echo from-the-tool", description="Say something")
    return answer("Done." if request.answers_tool else "Hello from the stand-in.")


class MessagesApi:
    """The stand-in as a context manager, on a free loopback port."""

    def __init__(self, script: Script = by_words, *, port: int = 0) -> None:
        self.requests: list[Request] = []
        self.closing = threading.Event()
        self._script = script
        self._given = 0
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", port), _Connection)
        self._server.api = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)

    @property
    def url(self) -> str:
        """What ANTHROPIC_BASE_URL has to be."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def turns(self) -> list[Request]:
        """The requests that are turns of the conversation."""
        return [request for request in self.requests if request.is_turn]

    def env(self, key: str = "sk-ant-local-stand-in") -> dict[str, str]:
        """Return what the CLI needs in its environment to talk to this API."""
        return {"ANTHROPIC_BASE_URL": self.url, "ANTHROPIC_API_KEY": key}

    def script(self, script: Script) -> None:
        """Replace the script from the next turn on."""
        with self._lock:
            self._script, self._given = script, 0

    def reply_to(self, request: Request) -> Reply:
        """Remember the request and choose its reply."""
        with self._lock:
            self.requests.append(request)
            script = self._script
            if not callable(script):
                if not request.is_turn and all(reply.status == 200 for reply in script):
                    return answer("ok")
                number = min(self._given, len(script) - 1)
                self._given += request.is_turn
                return script[number]
        return script(request)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    api: MessagesApi

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes in mid-stream is an everyday thing here."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class _Connection(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - named by the base class
        """Say nothing."""

    def do_HEAD(self) -> None:
        """The CLI warms its connection up with this."""
        self._json(200, {})

    def do_GET(self) -> None:
        """Models and whatever else: nothing here."""
        self._json(404, _error("not_found_error", "not here"))

    def do_POST(self) -> None:
        """Answer a Messages API call by the script."""
        raw = self.rfile.read(int(self.headers.get("content-length") or 0)).decode("utf-8", "replace")
        request = Request(self.path, dict(self.headers.items()), _object(raw), raw)
        if not self.path.startswith("/v1/messages"):
            self._json(404, _error("not_found_error", "not here"))
            return
        reply = self.server.api.reply_to(request)
        if reply.status != 200:
            self._json(reply.status, _error(reply.error_type, reply.message), reply.headers)
        elif "count_tokens" in self.path:
            self._json(200, {"input_tokens": reply.input_tokens})
        elif request.body.get("stream"):
            self._stream(reply, str(request.body.get("model")))
        elif reply.stalls or reply.dies_after is not None:
            self._hang_or_die(reply)
        else:
            self._json(200, _message(reply, str(request.body.get("model")), list(reply.blocks)))

    def _json(self, status: int, body: Json, headers: Mapping[str, str] | None = None) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"content-type": "application/json", **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def _stream(self, reply: Reply, model: str) -> None:
        self.close_connection = True
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("connection", "close")
        self.end_headers()
        if reply.stalls:
            self._hang_or_die(reply)
            return
        deltas = 0
        for item in _events(reply, model):
            if item["type"] == "content_block_delta":
                if deltas == reply.dies_after:
                    return
                deltas += 1
                if reply.pause and self.server.api.closing.wait(reply.pause):
                    return
            self.wfile.write(f"event: {item['type']}\ndata: {json.dumps(item)}\n\n".encode())
            self.wfile.flush()

    def _hang_or_die(self, reply: Reply) -> None:
        self.close_connection = True
        if reply.stalls:
            self.server.api.closing.wait(600)


def _object(raw: str) -> Json:
    try:
        body = json.loads(raw)
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _error(kind: str, message: str) -> Json:
    return {"type": "error", "error": {"type": kind, "message": message}}


def _message(reply: Reply, model: str, content: list[Json]) -> Json:
    return {
        "id": f"msg_{uuid4().hex[:20]}",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": content,
        "stop_reason": reply.stop_reason if content else None,
        "stop_sequence": None,
        "usage": _usage(reply, reply.output_tokens if content else 1),
    }


def _usage(reply: Reply, output: int) -> Json:
    return {
        "input_tokens": reply.input_tokens,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
        "output_tokens": output,
    }


def _events(reply: Reply, model: str) -> Iterator[Json]:
    """Yield the stream's events in the API's order."""
    yield {"type": "message_start", "message": _message(reply, model, [])}
    yield {"type": "ping"}
    for index, block in enumerate(reply.blocks):
        yield {"type": "content_block_start", "index": index, "content_block": _empty(block)}
        for delta in _deltas(block, reply.piece):
            yield {"type": "content_block_delta", "index": index, "delta": delta}
        yield {"type": "content_block_stop", "index": index}
    stop = {"stop_reason": reply.stop_reason, "stop_sequence": None}
    yield {"type": "message_delta", "delta": stop, "usage": {"output_tokens": reply.output_tokens}}
    yield {"type": "message_stop"}


def _empty(block: Json) -> Json:
    blank: Json = {"text": "", "thinking": "", "signature": "", "input": {}}
    return {name: blank.get(name, value) for name, value in block.items()}


def _deltas(block: Json, piece: int) -> Iterator[Json]:
    if block["type"] == "text":
        yield from ({"type": "text_delta", "text": part} for part in _pieces(block["text"], piece))
    elif block["type"] == "thinking":
        thoughts = _pieces(block["thinking"], piece)
        yield from ({"type": "thinking_delta", "thinking": part} for part in thoughts)
        yield {"type": "signature_delta", "signature": block["signature"]}
    else:
        arguments = json.dumps(block["input"])
        yield from ({"type": "input_json_delta", "partial_json": part} for part in _pieces(arguments, piece))


def _pieces(text: str, size: int) -> Iterator[str]:
    return (text[start : start + size] for start in range(0, len(text), size))


def main() -> None:
    """Serve `by_words` until interrupted; the first line printed is the URL."""
    with MessagesApi(port=int(sys.argv[1]) if len(sys.argv) > 1 else 0) as api:
        sys.stdout.write(f"{api.url}\n")
        sys.stdout.flush()
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            return


if __name__ == "__main__":
    main()
