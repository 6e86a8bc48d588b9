"""The life of a payment attempt: its states, which of them hold the invoice, legal moves."""

from __future__ import annotations

from enum import StrEnum


class AttemptStatus(StrEnum):
    REQUESTED = "requested"
    SENDING = "sending"
    UNKNOWN = "unknown"
    REQUIRES_ACTION = "requires_action"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


# While an attempt is in one of these no second one may exist: it may have taken the money.
LIVE = (
    AttemptStatus.REQUESTED.value,
    AttemptStatus.SENDING.value,
    AttemptStatus.UNKNOWN.value,
    AttemptStatus.REQUIRES_ACTION.value,
    AttemptStatus.SUCCEEDED.value,
)

_MOVES = {
    AttemptStatus.REQUESTED: {"sending", "unknown", "succeeded", "failed", "cancelled"},
    AttemptStatus.SENDING: {
        "sending",
        "unknown",
        "requires_action",
        "succeeded",
        "failed",
        "cancelled",
    },
    AttemptStatus.UNKNOWN: {"sending", "requires_action", "succeeded", "failed", "cancelled"},
    AttemptStatus.REQUIRES_ACTION: {"sending", "unknown", "succeeded", "failed", "cancelled"},
    # A payment that arrives after all is the vendor's word: money is never ignored.
    AttemptStatus.FAILED: {"succeeded"},
    AttemptStatus.CANCELLED: {"succeeded"},
    AttemptStatus.SUCCEEDED: set[str](),
}


def may_move(status: str, to: str) -> bool:
    """Say whether an attempt may go from one state to another; states only move forward."""
    return to in _MOVES[AttemptStatus(status)]
