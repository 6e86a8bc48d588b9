"""What the database enforces of the rest: the wall, privileges, frozen documents, periods."""

from __future__ import annotations

from django.db import migrations

from config.kit.tenancy import isolate, keep_timestamps

OWNED = (
    "billing_billingprofile",
    "billing_savedcard",
    "billing_order",
    "billing_orderitem",
    "billing_subscription",
    "billing_billingperiod",
    "billing_invoice",
    "billing_invoiceline",
    "billing_invoicedocument",
    "billing_paymentattempt",
    "billing_transaction",
    "billing_ledgeraccount",
)
STAMPED = ("billing_product", "billing_price", "billing_invoiceseries", *OWNED)

# What the web process may do beside reading its own organization's rows. It asks for money;
# only workers say that money came: no ledger, no number, no subscription, no document from it.
PRIVILEGES = """
REVOKE ALL ON billing_ledgeraccount, billing_ledgertransaction, billing_ledgerentry,
    billing_invoiceseries, billing_stripeevent FROM switchyard_app;
GRANT INSERT ON billing_stripeevent TO switchyard_app;
REVOKE INSERT, UPDATE, DELETE ON billing_product, billing_price, billing_billingperiod,
    billing_transaction, billing_invoicedocument FROM switchyard_app;
REVOKE DELETE ON billing_billingprofile, billing_order FROM switchyard_app;
REVOKE UPDATE, DELETE ON billing_orderitem, billing_invoiceline FROM switchyard_app;
REVOKE UPDATE ON billing_order FROM switchyard_app;
GRANT UPDATE (status, cancelled_at, notes) ON billing_order TO switchyard_app;
REVOKE UPDATE, DELETE ON billing_invoice FROM switchyard_app;
GRANT UPDATE (status) ON billing_invoice TO switchyard_app;
REVOKE UPDATE, DELETE ON billing_paymentattempt FROM switchyard_app;
GRANT UPDATE (status, lease_until, checkout_session_id, checkout_url, failure)
    ON billing_paymentattempt TO switchyard_app;
REVOKE INSERT, UPDATE, DELETE ON billing_subscription FROM switchyard_app;
GRANT UPDATE (auto_renew, cancel_at_period_end, cancelled_at)
    ON billing_subscription TO switchyard_app;
"""
PRIVILEGES_REVERSE = """
DO $$
DECLARE name text;
BEGIN
    FOR name IN SELECT tablename FROM pg_tables
                 WHERE schemaname = 'public' AND tablename LIKE 'billing\\_%' LOOP
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO switchyard_app', name);
    END LOOP;
END $$;
"""

ORDER_NUMBERS = """
CREATE SEQUENCE billing_order_numbers;
"""

# A finalised invoice is a document: only its status and the date it was paid may move.
INVOICES = """
CREATE FUNCTION billing_invoice_guard() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public AS $$
DECLARE net bigint; tax bigint;
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.status <> 'draft' THEN
            RAISE EXCEPTION 'an invoice starts as a draft'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'billing_invoice_starts_as_draft';
        END IF;
        RETURN NEW;
    END IF;
    IF OLD.number IS NOT NULL OR OLD.status = 'void' THEN
        IF TG_OP = 'DELETE'
           OR (to_jsonb(OLD) - '{status,paid_at,updated_at}'::text[])
              <> (to_jsonb(NEW) - '{status,paid_at,updated_at}'::text[])
           OR NOT (OLD.status = NEW.status
                   OR (OLD.status = 'open' AND NEW.status IN ('paid', 'void')))
           OR (OLD.status = NEW.status AND OLD.paid_at IS DISTINCT FROM NEW.paid_at) THEN
            RAISE EXCEPTION 'invoice % is final', coalesce(OLD.number, OLD.id::text)
                USING ERRCODE = 'check_violation', CONSTRAINT = 'billing_invoice_final';
        END IF;
        RETURN NEW;
    END IF;
    IF TG_OP = 'DELETE' THEN
        RETURN OLD;
    END IF;
    IF NEW.number IS NOT NULL THEN
        SELECT coalesce(sum(net_minor), 0), coalesce(sum(tax_minor), 0) INTO net, tax
          FROM billing_invoiceline WHERE invoice_id = NEW.id;
        IF (net, tax) <> (NEW.net_minor, NEW.tax_minor) OR NEW.status <> 'open' THEN
            RAISE EXCEPTION 'invoice % is not the sum of its lines', NEW.id
                USING ERRCODE = 'check_violation', CONSTRAINT = 'billing_invoice_sum';
        END IF;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER billing_invoice_guard BEFORE INSERT OR UPDATE OR DELETE ON billing_invoice
    FOR EACH ROW EXECUTE FUNCTION billing_invoice_guard();
ALTER TABLE billing_invoice ENABLE ALWAYS TRIGGER billing_invoice_guard;

-- The invoice is locked while its lines change, so that none slips in while it is finalised.
CREATE FUNCTION billing_invoiceline_guard() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public AS $$
DECLARE line billing_invoiceline; parent billing_invoice;
BEGIN
    IF TG_OP = 'DELETE' THEN line := OLD; ELSE line := NEW; END IF;
    SELECT * INTO parent FROM billing_invoice WHERE id = line.invoice_id FOR SHARE;
    IF TG_OP = 'DELETE' AND NOT FOUND THEN
        RETURN OLD;
    END IF;
    IF parent.status IS DISTINCT FROM 'draft'
       OR parent.organization_id <> line.organization_id OR parent.currency <> line.currency
       OR (TG_OP = 'UPDATE' AND OLD.invoice_id <> NEW.invoice_id) THEN
        RAISE EXCEPTION 'line of invoice % is refused: not a draft of this customer',
            line.invoice_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'billing_invoiceline_final';
    END IF;
    RETURN line;
END $$;
CREATE TRIGGER billing_invoiceline_guard BEFORE INSERT OR UPDATE OR DELETE ON billing_invoiceline
    FOR EACH ROW EXECUTE FUNCTION billing_invoiceline_guard();
ALTER TABLE billing_invoiceline ENABLE ALWAYS TRIGGER billing_invoiceline_guard;
"""
INVOICES_REVERSE = """
DROP TRIGGER billing_invoiceline_guard ON billing_invoiceline;
DROP FUNCTION billing_invoiceline_guard();
DROP TRIGGER billing_invoice_guard ON billing_invoice;
DROP FUNCTION billing_invoice_guard();
"""

KEPT = (
    "billing_invoice",
    "billing_invoiceline",
    "billing_invoicedocument",
    "billing_transaction",
    "billing_paymentattempt",
    "billing_billingperiod",
)
TRUNCATION = "".join(
    f"""
CREATE TRIGGER {table}_kept BEFORE TRUNCATE ON {table}
    FOR EACH STATEMENT EXECUTE FUNCTION billing_append_only();
ALTER TABLE {table} ENABLE ALWAYS TRIGGER {table}_kept;
"""
    for table in KEPT
)
TRUNCATION_REVERSE = "".join(f"DROP TRIGGER {table}_kept ON {table};" for table in KEPT)

# What may be sent to the vendor a second time must be what was sent the first time.
FROZEN = """
CREATE FUNCTION billing_paymentattempt_guard() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    IF (NEW.invoice_id, NEW.organization_id, NEW.number, NEW.method, NEW.amount_minor,
        NEW.currency, NEW.params, NEW.idempotency_key)
       IS DISTINCT FROM (OLD.invoice_id, OLD.organization_id, OLD.number, OLD.method,
        OLD.amount_minor, OLD.currency, OLD.params, OLD.idempotency_key)
       OR (OLD.payment_intent_id IS NOT NULL
           AND NEW.payment_intent_id IS DISTINCT FROM OLD.payment_intent_id)
       OR (OLD.status = 'succeeded' AND NEW.status <> 'succeeded') THEN
        RAISE EXCEPTION 'payment attempt % is frozen', OLD.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'billing_attempt_frozen';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER billing_paymentattempt_guard BEFORE UPDATE ON billing_paymentattempt
    FOR EACH ROW EXECUTE FUNCTION billing_paymentattempt_guard();
ALTER TABLE billing_paymentattempt ENABLE ALWAYS TRIGGER billing_paymentattempt_guard;
CREATE FUNCTION billing_transaction_guard() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    IF (NEW.organization_id, NEW.kind, NEW.amount_minor, NEW.currency, NEW.provider,
        NEW.provider_id, NEW.invoice_id)
       IS DISTINCT FROM (OLD.organization_id, OLD.kind, OLD.amount_minor, OLD.currency,
        OLD.provider, OLD.provider_id, OLD.invoice_id) THEN
        RAISE EXCEPTION 'transaction % is frozen', OLD.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'billing_transaction_frozen';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER billing_transaction_guard BEFORE UPDATE ON billing_transaction
    FOR EACH ROW EXECUTE FUNCTION billing_transaction_guard();
ALTER TABLE billing_transaction ENABLE ALWAYS TRIGGER billing_transaction_guard;
CREATE TRIGGER billing_transaction_stays BEFORE DELETE ON billing_transaction
    FOR EACH ROW EXECUTE FUNCTION billing_append_only();
ALTER TABLE billing_transaction ENABLE ALWAYS TRIGGER billing_transaction_stays;
CREATE TRIGGER billing_invoicedocument_stays BEFORE UPDATE OR DELETE ON billing_invoicedocument
    FOR EACH ROW EXECUTE FUNCTION billing_append_only();
ALTER TABLE billing_invoicedocument ENABLE ALWAYS TRIGGER billing_invoicedocument_stays;
"""
FROZEN_REVERSE = """
DROP TRIGGER billing_invoicedocument_stays ON billing_invoicedocument;
DROP TRIGGER billing_transaction_stays ON billing_transaction;
DROP TRIGGER billing_transaction_guard ON billing_transaction;
DROP FUNCTION billing_transaction_guard();
DROP TRIGGER billing_paymentattempt_guard ON billing_paymentattempt;
DROP FUNCTION billing_paymentattempt_guard();
"""

# Ranges over (subscription, instant) are ordered by subscription first, so two of them overlap
# only within one subscription: exclusion without the btree_gist extension.
PERIODS = """
CREATE TYPE billing_instant AS (subscription_id uuid, at timestamptz);
CREATE TYPE billing_span AS RANGE (subtype = billing_instant);
ALTER TABLE billing_billingperiod ADD CONSTRAINT billing_period_no_overlap EXCLUDE USING gist (
    billing_span(
        ROW(subscription_id, starts_at)::billing_instant,
        ROW(subscription_id, ends_at)::billing_instant
    ) WITH &&
);
"""
PERIODS_REVERSE = """
ALTER TABLE billing_billingperiod DROP CONSTRAINT billing_period_no_overlap;
DROP TYPE billing_span;
DROP TYPE billing_instant;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0002_database_rules"),
        ("billing", "0002_ledger_rules"),
    ]

    operations = [
        keep_timestamps(*STAMPED),
        migrations.RunSQL(ORDER_NUMBERS, "DROP SEQUENCE billing_order_numbers;"),
        migrations.RunSQL(INVOICES, INVOICES_REVERSE),
        migrations.RunSQL(FROZEN, FROZEN_REVERSE),
        migrations.RunSQL(TRUNCATION, TRUNCATION_REVERSE),
        migrations.RunSQL(PERIODS, PERIODS_REVERSE),
        *(isolate(table) for table in OWNED),
        migrations.RunSQL(PRIVILEGES, PRIVILEGES_REVERSE),
    ]
