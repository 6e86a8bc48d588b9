"""Mails of the sign-in pages (links, notices): written in the request, sent by a worker.

No row owes them: who misses a link asks for another. Between the two they wait in the broker,
sealed, because a link lets its holder in.
"""

from __future__ import annotations

import json

from django.core.mail import EmailMultiAlternatives

from config.kit.ids import seal, unseal

_PARTS = ("subject", "body", "from_email", "to", "alternatives")


def sealed_mail(mail: EmailMultiAlternatives) -> str:
    return seal(json.dumps({part: getattr(mail, part) for part in _PARTS})).decode()


def send_sealed(sealed: str) -> None:
    """Send what `sealed_mail` made; not inside a transaction."""
    EmailMultiAlternatives(**json.loads(unseal(sealed.encode()))).send()
