"""In which standing a person or a customer may be, and who may be moved where."""

from __future__ import annotations

from enum import StrEnum


class Standing(StrEnum):
    ACTIVE = "active"
    SUSPENDED = "suspended"
    CLOSED = "closed"


# Closed is for good: coming back is a new account. A closed organization staff may restore
# (accounts.services.closing); nothing else leads out of it.
_MOVES = {
    Standing.ACTIVE: frozenset({Standing.SUSPENDED, Standing.CLOSED}),
    Standing.SUSPENDED: frozenset({Standing.ACTIVE, Standing.CLOSED}),
    Standing.CLOSED: frozenset(),
}


def may_move(standing: str, to: str) -> bool:
    return Standing(to) in _MOVES[Standing(standing)]
