"""Second net under `execution.services.ledger`: the database refuses illegal moves and changed history.

The legal moves are written out here, not imported: a migration must mean the same for ever. A test compares them with
`execution.domain.orders.TRANSITIONS`.
"""

from django.db import migrations

LEGAL_MOVES = {
    "queued": ["cancelled", "expired", "not_placed", "submitting"],
    "submitting": [
        "cancelled",
        "expired",
        "filled",
        "not_placed",
        "open",
        "partially_filled",
        "rejected",
        "unknown",
    ],
    "unknown": [
        "cancelled",
        "expired",
        "filled",
        "needs_attention",
        "not_placed",
        "open",
        "partially_filled",
        "rejected",
    ],
    "needs_attention": ["cancelled", "expired", "filled", "not_placed", "open", "partially_filled", "rejected"],
    "open": ["cancelled", "expired", "filled", "partially_filled", "rejected"],
    "partially_filled": ["cancelled", "expired", "filled"],
    "cancelled": ["filled"],
    "expired": ["filled"],
}

_pairs = ", ".join(f"('{old}', '{new}')" for old, allowed in LEGAL_MOVES.items() for new in allowed)

ORDER_GUARD = f"""
CREATE FUNCTION execution_check_order_move() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (OLD.status, NEW.status) NOT IN ({_pairs}) THEN
        RAISE EXCEPTION 'illegal order move % -> %', OLD.status, NEW.status USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER execution_order_move BEFORE UPDATE OF status ON execution_order
FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status) EXECUTE FUNCTION execution_check_order_move();

CREATE FUNCTION execution_check_fill_growth() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'filled amount of order % may not shrink', OLD.id USING ERRCODE = 'check_violation';
END $$;
CREATE TRIGGER execution_order_fill_growth BEFORE UPDATE OF filled_amount ON execution_order
FOR EACH ROW WHEN (NEW.filled_amount < OLD.filled_amount) EXECUTE FUNCTION execution_check_fill_growth();
"""
ORDER_GUARD_DROP = (
    "DROP FUNCTION execution_check_order_move() CASCADE; DROP FUNCTION execution_check_fill_growth() CASCADE;"
)

HISTORY_GUARD = """
CREATE FUNCTION execution_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'check_violation';
END $$;
CREATE TRIGGER execution_orderevent_append_only BEFORE UPDATE OR DELETE ON execution_orderevent
FOR EACH ROW EXECUTE FUNCTION execution_refuse_change();
CREATE TRIGGER execution_fill_append_only BEFORE UPDATE OR DELETE ON execution_fill
FOR EACH ROW EXECUTE FUNCTION execution_refuse_change();
"""


class Migration(migrations.Migration):
    dependencies = [("execution", "0001_initial")]

    operations = [
        migrations.RunSQL(ORDER_GUARD, ORDER_GUARD_DROP),
        migrations.RunSQL(HISTORY_GUARD, "DROP FUNCTION execution_refuse_change() CASCADE;"),
    ]
