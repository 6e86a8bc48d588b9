"""Personal rows stand behind a wall of their own; secrets are looked up by hash alone."""

from __future__ import annotations

from django.db import migrations

from config.kit.tenancy import forbid, isolate_person

# A client brings a secret before anybody knows whose it is. Each function tells the owner of
# exactly one row, found by the keyed hash; what happens next happens as that person.
LOOK_UPS = """
CREATE FUNCTION accounts_owner_of_refresh_token(wanted text) RETURNS uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT user_id FROM accounts_refreshtoken WHERE token_hash = wanted
$$;
CREATE FUNCTION accounts_owner_of_bridge_token(wanted text) RETURNS uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT user_id FROM accounts_bridgetoken WHERE token_hash = wanted
$$;
CREATE FUNCTION accounts_owner_of_device(wanted text) RETURNS uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT user_id FROM accounts_deviceauthorization WHERE device_hash = wanted
$$;
ALTER FUNCTION accounts_owner_of_refresh_token(text) OWNER TO switchyard_lookup;
ALTER FUNCTION accounts_owner_of_bridge_token(text) OWNER TO switchyard_lookup;
ALTER FUNCTION accounts_owner_of_device(text) OWNER TO switchyard_lookup;
"""
LOOK_UPS_REVERSE = """
SET ROLE switchyard_lookup;
DROP FUNCTION accounts_owner_of_device(text);
DROP FUNCTION accounts_owner_of_bridge_token(text);
DROP FUNCTION accounts_owner_of_refresh_token(text);
RESET ROLE;
"""

SIZE = """
ALTER TABLE accounts_synclog ADD CONSTRAINT accounts_synclog_size
    CHECK (octet_length(data::text) <= 8192);
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0007_tokens")]

    operations = [
        isolate_person("accounts_refreshtoken"),
        isolate_person("accounts_bridgetoken"),
        isolate_person("accounts_deviceauthorization", or_nobodys=True),
        isolate_person("accounts_synclog"),
        forbid("accounts_refreshtoken", "DELETE"),
        forbid("accounts_bridgetoken", "DELETE"),
        forbid("accounts_deviceauthorization", "DELETE"),
        forbid("accounts_synclog", "UPDATE", "DELETE"),
        migrations.RunSQL(
            SIZE, "ALTER TABLE accounts_synclog DROP CONSTRAINT accounts_synclog_size;"
        ),
        migrations.RunSQL(LOOK_UPS, LOOK_UPS_REVERSE),
    ]
