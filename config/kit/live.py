"""Live parts of pages, which ask for themselves again: 204 while there is no news."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import wraps
from hashlib import sha256
from typing import Any
from urllib.parse import urlsplit

from django.http import HttpResponse
from django.shortcuts import redirect

View = Callable[..., HttpResponse]
_TIME = re.compile(r'(<time datetime="[^"]*")[^>]*>[^<]*')


def marked(url: str, content: str) -> str:
    """Return the address with a mark of what the part shows.

    A time counts as itself, not by its words: "a minute ago" would be news every minute.
    """
    mark = sha256(_TIME.sub(r"\1", content).encode()).hexdigest()[:16]
    return f"{url}{'&' if urlsplit(url).query else '?'}shown={mark}"


def live_part(page: str) -> Callable[[View], View]:
    """Guard the address of a part of the page `page`, which takes the same arguments.

    Who opens it as a page, such as after signing in anew, is led to the page.
    """

    def decorate(view: View) -> View:
        told = live_page(view)

        @wraps(view)
        def asked(request: Any, *args: Any, **kwargs: Any) -> HttpResponse:
            answer = told(request, *args, **kwargs)
            return answer if request.htmx else redirect(page, *args, **kwargs)

        return asked

    return decorate


def live_page(view: View) -> View:
    """Guard a page that a part of it asks for: its template extends components/live_page.html."""

    @wraps(view)
    def asked(request: Any, *args: Any, **kwargs: Any) -> HttpResponse:
        answer = view(request, *args, **kwargs)
        return HttpResponse(status=204) if _is_shown(request, answer) else answer

    return asked


def _is_shown(request: Any, answer: HttpResponse) -> bool:
    """Tell whether the answer has the mark that was sent, and brings nothing beside the part."""
    mark = request.GET.get("shown")
    if not (request.htmx and mark) or b"hx-swap-oob" in answer.content:
        return False
    return f'shown={mark}"'.encode() in answer.content
