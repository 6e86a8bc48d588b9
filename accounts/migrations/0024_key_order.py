"""Keys of an organization are renewed in the order of their ids, as all who lock several do."""

from __future__ import annotations

from django.db import migrations

RENEW = """
CREATE OR REPLACE FUNCTION accounts_renew_apikeys(changed uuid) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, public AS $$
    UPDATE accounts_apikey SET version = version + 1
      FROM (SELECT id FROM accounts_apikey
             WHERE organization_id = changed AND status <> 'revoked'
             ORDER BY id FOR NO KEY UPDATE) held
     WHERE accounts_apikey.id = held.id
$$;
"""
RENEW_REVERSE = """
CREATE OR REPLACE FUNCTION accounts_renew_apikeys(changed uuid) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, public AS $$
    UPDATE accounts_apikey SET version = version + 1
     WHERE organization_id = changed AND status <> 'revoked'
$$;
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0023_leaving_endpoints")]

    operations = [migrations.RunSQL(RENEW, RENEW_REVERSE)]
