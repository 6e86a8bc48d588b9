"""Staff may hold a key; the site cannot write why, so it cannot release one either."""

from __future__ import annotations

from django.db import migrations, models

GUARD = """
CREATE FUNCTION accounts_guard_held_keys() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF current_user = 'switchyard_app' THEN
        RAISE EXCEPTION 'keys are held and released in the back office'
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER accounts_apikey_held BEFORE UPDATE ON accounts_apikey
    FOR EACH ROW WHEN (NEW.held_reason IS DISTINCT FROM OLD.held_reason)
    EXECUTE FUNCTION accounts_guard_held_keys();
"""
NO_GUARD = """
DROP TRIGGER accounts_apikey_held ON accounts_apikey;
DROP FUNCTION accounts_guard_held_keys();
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0018_privacy_rules")]

    operations = [
        migrations.AddField(
            "apikey",
            "held_reason",
            models.CharField(blank=True, db_default="", editable=False, max_length=200),
        ),
        migrations.AddConstraint(
            "apikey",
            models.CheckConstraint(
                condition=models.Q(("held_reason", ""), ("is_active", False), _connector="OR"),
                name="accounts_apikey_held",
            ),
        ),
        migrations.RunSQL(GUARD, NO_GUARD),
    ]
