"""What the database itself enforces of trials: the wall, one tenant, what a web process may change."""

from __future__ import annotations

from django.db import migrations

from config.kit.tenancy import forbid, isolate, keep_timestamps

ONE_TENANT = """
ALTER TABLE licensing_trialapikey
    ADD CONSTRAINT licensing_trialapikey_tenant FOREIGN KEY (workspace_id, organization_id)
        REFERENCES licensing_trialworkspace (id, organization_id),
    ADD CONSTRAINT licensing_trialapikey_key FOREIGN KEY (api_key_id, organization_id)
        REFERENCES accounts_apikey (id, organization_id);
ALTER TABLE licensing_trialworkspace
    ADD CONSTRAINT licensing_trialworkspace_license FOREIGN KEY (license_id, organization_id)
        REFERENCES licensing_license (id, organization_id);
"""
ANY_TENANT = """
ALTER TABLE licensing_trialworkspace DROP CONSTRAINT licensing_trialworkspace_license;
ALTER TABLE licensing_trialapikey
    DROP CONSTRAINT licensing_trialapikey_key, DROP CONSTRAINT licensing_trialapikey_tenant;
"""
# Customers start and cancel trials; how long one lasts and what it becomes only workers and
# staff change.
PRIVILEGES = """
REVOKE UPDATE ON licensing_trialworkspace FROM switchyard_app;
GRANT UPDATE (name, status, cancelled_at) ON licensing_trialworkspace TO switchyard_app;
"""
PRIVILEGES_REVERSE = "GRANT UPDATE ON licensing_trialworkspace TO switchyard_app;"


class Migration(migrations.Migration):
    dependencies = [("licensing", "0003_trials")]

    operations = [
        keep_timestamps("licensing_trialworkspace", "licensing_trialapikey"),
        isolate("licensing_trialworkspace"),
        isolate("licensing_trialapikey"),
        migrations.RunSQL(ONE_TENANT, ANY_TENANT),
        forbid("licensing_trialworkspace", "DELETE"),
        forbid("licensing_trialapikey", "UPDATE", "DELETE"),
        migrations.RunSQL(PRIVILEGES, PRIVILEGES_REVERSE),
    ]
