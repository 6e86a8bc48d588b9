"""Which backups are kept: the newest of each of the last days, and of each of the last months."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from datetime import datetime

DAYS = 30
MONTHS = 12


def to_keep(
    moments: Iterable[datetime], *, days: int = DAYS, months: int = MONTHS
) -> set[datetime]:
    """Return the moments (UTC) whose backups stay.

    Days and months are counted where there are backups, not on the calendar: when backups stop,
    nothing that exists is ever thrown away for its age.
    """
    newest_first = sorted(moments, reverse=True)
    return {
        *_newest_of_each(newest_first, lambda moment: moment.date(), days),
        *_newest_of_each(newest_first, lambda moment: (moment.year, moment.month), months),
    }


def _newest_of_each(
    newest_first: list[datetime], period: Callable[[datetime], Hashable], count: int
) -> list[datetime]:
    newest: dict[Hashable, datetime] = {}
    for moment in newest_first:
        newest.setdefault(period(moment), moment)
    return list(newest.values())[:count]
