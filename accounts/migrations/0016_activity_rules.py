"""People read their own activity, only one function writes it; customers change no settings."""

from __future__ import annotations

from django.db import migrations

from config.kit.tenancy import forbid

OWN = """
ALTER TABLE accounts_useractivity ENABLE ROW LEVEL SECURITY;
ALTER TABLE accounts_useractivity FORCE ROW LEVEL SECURITY;
CREATE POLICY accounts_useractivity_own ON accounts_useractivity FOR SELECT
    USING (user_id = (SELECT nullif(current_setting('app.current_user_id', true), '')::uuid));
CREATE POLICY accounts_useractivity_note ON accounts_useractivity FOR INSERT TO switchyard_owner
    WITH CHECK (true);
"""
SHARED = """
DROP POLICY accounts_useractivity_note ON accounts_useractivity;
DROP POLICY accounts_useractivity_own ON accounts_useractivity;
ALTER TABLE accounts_useractivity NO FORCE ROW LEVEL SECURITY;
ALTER TABLE accounts_useractivity DISABLE ROW LEVEL SECURITY;
"""
# A person who is gone, or an id that is none, leaves no activity and no error.
NOTE = """
CREATE FUNCTION note_user_activity(p_user text, p_action text, p_data jsonb) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    INSERT INTO accounts_useractivity (id, user_id, action, data)
    SELECT gen_random_uuid(), u.id, left(p_action, 100), nullif(p_data, '{}'::jsonb)
    FROM accounts_user u
    WHERE u.id = CASE WHEN pg_input_is_valid(p_user, 'uuid') THEN p_user::uuid END
$$;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0015_activity"),
        ("constance", "0003_drop_pickle"),
    ]

    operations = [
        migrations.RunSQL(OWN, SHARED),
        migrations.RunSQL(NOTE, "DROP FUNCTION note_user_activity(text, text, jsonb);"),
        forbid("accounts_useractivity", "INSERT", "UPDATE", "DELETE"),
        forbid("accounts_useractivity", "INSERT", "UPDATE", role="switchyard_system"),
        # Settings of the installation are changed in the back office alone.
        forbid("constance_constance", "INSERT", "UPDATE", "DELETE"),
    ]
