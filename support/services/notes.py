"""Notes about people: written, flagged, and kept; nobody takes one back."""

from __future__ import annotations

from django.db import transaction

from accounts.models import User
from accounts.services import audit
from config.kit.errors import InvalidInput
from support.models import AdminNote

MOST_CHARACTERS = 4000


@transaction.atomic
def write_note(user: User, *, note: str, is_flagged: bool, by: User) -> AdminNote:
    """Keep a note about a person; 1 to 4,000 characters."""
    text = note.strip()
    if not 1 <= len(text) <= MOST_CHARACTERS:
        raise InvalidInput(f"A note has 1 to {MOST_CHARACTERS:,} characters.")
    written = AdminNote.objects.create(user=user, author=by, note=text, is_flagged=is_flagged)
    # About the note, not the person: what is recorded about them leaves in a copy of their data.
    audit.record("note.written", written, flagged=is_flagged)
    return written


@transaction.atomic
def flag_note(note: AdminNote, *, is_flagged: bool) -> AdminNote:
    """Raise or lower the flag of a note; raising a raised one changes nothing."""
    note = AdminNote.objects.select_for_update().get(pk=note.pk)
    if note.is_flagged != is_flagged:
        note.is_flagged = is_flagged
        note.save(update_fields=["is_flagged"])
    return note
