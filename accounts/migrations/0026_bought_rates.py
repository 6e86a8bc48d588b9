"""What was bought is known beside what a trial gives more, and found with a key."""

from __future__ import annotations

from django.db import migrations, models

_TIERS = [("free", "Free"), ("pro", "Pro"), ("enterprise", "Enterprise")]

# The answer has one more column than before, which nothing but a new function can have.
FORGET = """
SET ROLE switchyard_lookup;
DROP FUNCTION accounts_find_api_key(text[]);
RESET ROLE;
"""
LOOK_UP = """
CREATE FUNCTION accounts_find_api_key(wanted text[])
RETURNS TABLE (id uuid, organization_id uuid, version bigint, status text, is_active boolean,
    environment text, name text, scopes text[], tier text, allowed_cidrs text[],
    expires_at timestamptz, overlap_ends_at timestamptz, external_id text, metadata jsonb,
    organization_status text, organization_tier text, allowances jsonb, bought jsonb)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT k.id, k.organization_id, k.version, k.status, k.is_active, k.environment, k.name,
           k.scopes::text[], k.tier, k.allowed_cidrs::text[], k.expires_at, k.overlap_ends_at,
           k.external_id, k.metadata, o.status, o.subscription_tier,
           (SELECT coalesce(jsonb_object_agg(a.product, jsonb_build_array(
                        a.tier, a.requests_per_minute, a.monthly_quota)), '{}'::jsonb)
              FROM accounts_apiallowance a WHERE a.organization_id = k.organization_id),
           (SELECT coalesce(jsonb_object_agg(a.product, jsonb_build_array(
                        a.bought_tier, a.bought_per_minute)), '{}'::jsonb)
              FROM accounts_apiallowance a
             WHERE a.organization_id = k.organization_id AND a.bought_tier <> '')
      FROM accounts_apikey k
      JOIN accounts_organization o ON o.id = k.organization_id
     WHERE k.key_hash = ANY (wanted)
$$;
ALTER FUNCTION accounts_find_api_key(text[]) OWNER TO switchyard_lookup;
"""
FORMER_LOOK_UP = """
CREATE FUNCTION accounts_find_api_key(wanted text[])
RETURNS TABLE (id uuid, organization_id uuid, version bigint, status text, is_active boolean,
    environment text, name text, scopes text[], tier text, allowed_cidrs text[],
    expires_at timestamptz, overlap_ends_at timestamptz, external_id text, metadata jsonb,
    organization_status text, organization_tier text, allowances jsonb)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT k.id, k.organization_id, k.version, k.status, k.is_active, k.environment, k.name,
           k.scopes::text[], k.tier, k.allowed_cidrs::text[], k.expires_at, k.overlap_ends_at,
           k.external_id, k.metadata, o.status, o.subscription_tier,
           (SELECT coalesce(jsonb_object_agg(a.product, jsonb_build_array(
                        a.tier, a.requests_per_minute, a.monthly_quota)), '{}'::jsonb)
              FROM accounts_apiallowance a WHERE a.organization_id = k.organization_id)
      FROM accounts_apikey k
      JOIN accounts_organization o ON o.id = k.organization_id
     WHERE k.key_hash = ANY (wanted)
$$;
ALTER FUNCTION accounts_find_api_key(text[]) OWNER TO switchyard_lookup;
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0025_account_mails")]

    operations = [
        migrations.AddField(
            "apiallowance",
            "bought_tier",
            models.CharField(blank=True, choices=_TIERS, db_default="", max_length=16),
        ),
        migrations.AddField(
            "apiallowance",
            "bought_per_minute",
            models.PositiveIntegerField(blank=True, null=True),
        ),
        migrations.AddConstraint(
            "apiallowance",
            models.CheckConstraint(
                condition=models.Q(
                    models.Q(("bought_per_minute", None), ("bought_tier", "")),
                    models.Q(
                        ("bought_per_minute__gte", 1),
                        ("bought_tier__in", ["free", "pro", "enterprise"]),
                    ),
                    _connector="OR",
                ),
                name="accounts_apiallowance_bought",
            ),
        ),
        migrations.RunSQL(FORGET + LOOK_UP, FORGET + FORMER_LOOK_UP),
    ]
