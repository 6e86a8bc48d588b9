"""Every route of the customer site, found in the URL configuration."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver


@dataclass(frozen=True)
class Route:
    """A route: its name, its template such as `/licenses/<uuid:license_id>/`, its parameters."""

    name: str
    template: str
    parameters: tuple[str, ...]
    callback: Any = None

    def path(self, values: dict[str, object]) -> str:
        """Fill in the parameters; raises KeyError for one that `values` does not know."""
        filled = self.template
        for name in self.parameters:
            start = filled.index("<")
            end = filled.index(">", start)
            filled = filled[:start] + str(values[name]) + filled[end + 1 :]
        return filled

    @property
    def is_api(self) -> bool:
        return self.template.startswith(("/api/", "/webhooks/stripe"))


def routes(urlconf: str = "config.urls") -> list[Route]:
    return sorted(_walk(get_resolver(urlconf).url_patterns, "/"), key=lambda route: route.template)


def _walk(patterns: list[URLPattern | URLResolver], prefix: str) -> Iterator[Route]:
    for pattern in patterns:
        template = prefix + str(pattern.pattern).lstrip("^").removesuffix("$").removesuffix(r"\Z")
        if isinstance(pattern, URLResolver):
            yield from _walk(pattern.url_patterns, template)
        else:
            template = template.replace("(?P", "").replace("[-:\\w]+", "").replace(")", "")
            template = template.replace("(?P<", "<").replace("[0-9A-Za-z]+", "").replace(".+", "")
            template = template.replace("[0-9A-Za-z_\\-]+", "")
            parameters = tuple(
                part.partition(">")[0].rpartition(":")[2] for part in template.split("<")[1:]
            )
            yield Route(pattern.name or "", template, parameters, pattern.callback)
