"""How sign-in providers are asked: an answer has a size and a time in which it must be here."""

from __future__ import annotations

import time
from typing import Any

from requests import ConnectionError, PreparedRequest, Response, Session  # noqa: TID251
from requests.adapters import HTTPAdapter  # noqa: TID251  allauth asks with requests
from urllib3.exceptions import HTTPError

SECONDS = 15.0
"""When nothing more is read or asked, redirects included; a single pause has allauth's 5 s."""
LARGEST = 1024 * 1024
"""Bytes of an answer, unpacked; real ones have a few thousand."""
_CHUNK = 16 * 1024


def bounded(session: Session, *, seconds: float = SECONDS) -> Session:
    """Let `session` give up on answers that do not end: it raises an OSError, as for others."""
    transport = _Bounded(seconds)
    session.mount("https://", transport)
    session.mount("http://", transport)
    return session


class _Bounded(HTTPAdapter):
    """Reads an answer whole before anybody looks at it."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._deadline = time.monotonic() + seconds

    def send(self, request: PreparedRequest, *args: Any, **kwargs: Any) -> Response:
        if time.monotonic() > self._deadline:
            raise ConnectionError("The provider's answer takes too long.")
        answer = super().send(request, *args, **kwargs)
        try:
            answer._content = self._read(answer)
        except BaseException:
            answer.close()
            raise
        answer.encoding = answer.encoding or "utf-8"  # guessing takes long
        return answer

    def _read(self, answer: Response) -> bytes:
        """Take what arrives as it arrives, so that drops do not add up."""
        received = bytearray()
        try:
            while chunk := answer.raw.read1(_CHUNK, decode_content=True):
                received += chunk
                if len(received) > LARGEST:
                    raise ConnectionError("The provider's answer is too long.")
                if time.monotonic() > self._deadline:
                    raise ConnectionError("The provider's answer takes too long.")
        except HTTPError as error:
            raise ConnectionError(error) from error
        return bytes(received)
