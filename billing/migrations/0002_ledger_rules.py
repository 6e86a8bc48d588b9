"""The ledger is the database's word: balanced, sealed, append-only, whoever writes."""

from __future__ import annotations

from django.db import migrations

# An entry's currency is its account's: no posting mixes two currencies in one account.
CURRENCY = """
ALTER TABLE billing_ledgerentry ADD CONSTRAINT billing_ledgerentry_account_currency
    FOREIGN KEY (account_id, currency) REFERENCES billing_ledgeraccount (id, currency);
"""
CURRENCY_REVERSE = """
ALTER TABLE billing_ledgerentry DROP CONSTRAINT billing_ledgerentry_account_currency;
"""

# One statement carries a whole posting. Checking per statement, not at commit, means that
# SET CONSTRAINTS cannot switch it off and a savepoint cannot slip a leg in afterwards.
BALANCED = """
CREATE FUNCTION billing_ledger_balanced() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public AS $$
DECLARE wrong record;
BEGIN
    SELECT transaction_id, currency, sum(amount_minor) AS rest INTO wrong
      FROM legs GROUP BY transaction_id, currency HAVING sum(amount_minor) <> 0 LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'ledger transaction % is off by % %',
            wrong.transaction_id, wrong.rest, wrong.currency
            USING ERRCODE = 'check_violation', CONSTRAINT = 'billing_ledger_balanced';
    END IF;
    SELECT written.transaction_id INTO wrong
      FROM (SELECT transaction_id, count(*) AS legs FROM legs GROUP BY transaction_id) AS written
     WHERE written.legs <> (SELECT count(*) FROM billing_ledgerentry AS entry
                             WHERE entry.transaction_id = written.transaction_id) LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'ledger transaction % is sealed', wrong.transaction_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'billing_ledger_sealed';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER billing_ledger_balanced AFTER INSERT ON billing_ledgerentry
    REFERENCING NEW TABLE AS legs
    FOR EACH STATEMENT EXECUTE FUNCTION billing_ledger_balanced();
ALTER TABLE billing_ledgerentry ENABLE ALWAYS TRIGGER billing_ledger_balanced;
"""
BALANCED_REVERSE = """
DROP TRIGGER billing_ledger_balanced ON billing_ledgerentry;
DROP FUNCTION billing_ledger_balanced();
"""

FILLED = """
CREATE FUNCTION billing_ledger_filled() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public AS $$
BEGIN
    IF (SELECT count(*) FROM (SELECT 1 FROM billing_ledgerentry
                               WHERE transaction_id = NEW.id LIMIT 2) AS legs) < 2 THEN
        RAISE EXCEPTION 'ledger transaction % has fewer than two entries', NEW.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'billing_ledger_filled';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER billing_ledger_filled AFTER INSERT ON billing_ledgertransaction
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION billing_ledger_filled();
ALTER TABLE billing_ledgertransaction ENABLE ALWAYS TRIGGER billing_ledger_filled;
"""
FILLED_REVERSE = """
DROP TRIGGER billing_ledger_filled ON billing_ledgertransaction;
DROP FUNCTION billing_ledger_filled();
"""

_APPEND_ONLY = ("billing_ledgerentry", "billing_ledgertransaction", "billing_ledgeraccount")
IMMUTABLE = """
CREATE FUNCTION billing_append_only() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    RAISE EXCEPTION '% is append-only (% refused)', TG_TABLE_NAME, TG_OP
        USING ERRCODE = 'check_violation', CONSTRAINT = 'billing_append_only';
END $$;
""" + "".join(
    f"""
CREATE TRIGGER {table}_frozen BEFORE UPDATE OR DELETE ON {table}
    FOR EACH ROW EXECUTE FUNCTION billing_append_only();
CREATE TRIGGER {table}_kept BEFORE TRUNCATE ON {table}
    FOR EACH STATEMENT EXECUTE FUNCTION billing_append_only();
ALTER TABLE {table} ENABLE ALWAYS TRIGGER {table}_frozen;
ALTER TABLE {table} ENABLE ALWAYS TRIGGER {table}_kept;
"""
    for table in _APPEND_ONLY
)
IMMUTABLE_REVERSE = (
    "".join(
        f"DROP TRIGGER {table}_frozen ON {table}; DROP TRIGGER {table}_kept ON {table};"
        for table in _APPEND_ONLY
    )
    + "DROP FUNCTION billing_append_only();"
)


class Migration(migrations.Migration):
    dependencies = [("billing", "0001_initial")]

    operations = [
        migrations.RunSQL(CURRENCY, CURRENCY_REVERSE),
        migrations.RunSQL(BALANCED, BALANCED_REVERSE),
        migrations.RunSQL(FILLED, FILLED_REVERSE),
        migrations.RunSQL(IMMUTABLE, IMMUTABLE_REVERSE),
    ]
