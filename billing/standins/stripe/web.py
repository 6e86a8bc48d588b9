"""A request and a response, as the transport hands them over and sends them back."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Request:
    method: str
    path: str
    query: str
    headers: dict[str, str]  # names in lower case
    body: bytes

    def header(self, name: str) -> str:
        return self.headers.get(name, "")


@dataclass(slots=True)
class Response:
    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    lost: bool = False  # executed, but the connection is cut without an answer


def json_response(status: int, body: Any, **headers: str) -> Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    content = json.dumps(body, indent=2).encode()
    return Response(status, content, {"Content-Type": "application/json", **named})


def redirect(url: str) -> Response:
    return Response(303, b"", {"Location": url})
