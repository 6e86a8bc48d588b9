"""Reads the mails that Django's file backend wrote, for the demo's mailbox."""

from __future__ import annotations

import email
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import default
from email.utils import parsedate_to_datetime
from pathlib import Path

# Django names its files by time and object id; one file may hold several mails.
_FILE = re.compile(r"\d{8}-\d{6}-\d{1,30}")
_NAME = re.compile(r"(\d{8}-\d{6}-\d{1,30})\.(\d{1,4})")
_BETWEEN = b"\n" + b"-" * 79 + b"\n"
NEWEST = 100
"""How many files the mailbox looks at."""


@dataclass(frozen=True, slots=True)
class Mail:
    """One mail as a person reads it; `name` finds it again."""

    name: str
    sent_at: datetime
    sender: str
    recipients: str
    subject: str
    text: str
    html: str


def newest_mails(folder: Path) -> list[Mail]:
    """Return the mails of the newest files, the newest first."""
    if not folder.is_dir():
        return []
    files = [path for path in folder.glob("*.log") if _FILE.fullmatch(path.stem)]
    files.sort(key=lambda path: path.stat().st_mtime_ns, reverse=True)
    mails = [mail for path in files[:NEWEST] for mail in _read(path)]
    return sorted(mails, key=lambda mail: (mail.sent_at, mail.name), reverse=True)


def find_mail(folder: Path, name: str) -> Mail | None:
    """Return one mail. Only names that this module makes are looked up, so no path can be asked."""
    match = _NAME.fullmatch(name)
    if match is None:
        return None
    path = folder / f"{match[1]}.log"
    if not path.is_file():
        return None
    return next((mail for mail in _read(path) if mail.name == name), None)


def _read(path: Path) -> Iterator[Mail]:
    written = datetime.fromtimestamp(path.stat().st_mtime, tz=UTC)
    parts = (path.read_bytes().replace(b"\r\n", b"\n") + b"\n").split(_BETWEEN)
    for number, part in enumerate(part for part in parts if part.strip()):
        message = email.message_from_bytes(part.lstrip(b"\n"), _class=EmailMessage, policy=default)
        yield Mail(
            name=f"{path.stem}.{number}",
            sent_at=_sent_at(message, written),
            sender=str(message.get("From", "")),
            recipients=str(message.get("To", "")),
            subject=str(message.get("Subject", "")) or "(no subject)",
            text=_body(message, "plain"),
            html=_body(message, "html"),
        )


def _sent_at(message: EmailMessage, otherwise: datetime) -> datetime:
    try:
        sent = parsedate_to_datetime(str(message["Date"]))
    except ValueError:
        return otherwise
    return sent if sent.tzinfo else sent.replace(tzinfo=UTC)


def _body(message: EmailMessage, kind: str) -> str:
    part = message.get_body(preferencelist=(kind,))
    if part is None:
        return ""
    try:
        return str(part.get_content())
    except (LookupError, UnicodeDecodeError):
        return "This part could not be decoded."
