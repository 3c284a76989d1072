"""Every committed change of policy, however it is made, changes the policy version in the same transaction."""

from django.conf import settings
from django.db import migrations

TABLES = [
    "policies_exchange",
    "policies_routingsettings",
    "policies_strategypolicy",
    "policies_failoverchain",
    "policies_failoverstep",
    "policies_tradingpermission",
    "policies_tradingpermission_exchanges",
    "policies_ordersizelimit",
    "policies_tradingstate",
    "policies_exchangecredential",
]
WATCHED_COLUMNS = {
    # Logging in or using a token must not make every process reload its policy.
    "auth_user": "is_active, username, is_staff",
    "policies_apitoken": "user_id, name, digest, scopes, allowed_ips, expires_at, revoked_at",
}

# A sequence, not version + 1: a truncated table (tests, a restore) must never repeat an old number.
FUNCTION = """
CREATE SEQUENCE policies_version_seq;
CREATE FUNCTION policies_bump_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO policies_policyversion (id, version, changed_at)
    VALUES (1, nextval('policies_version_seq'), clock_timestamp())
    ON CONFLICT (id) DO UPDATE SET version = nextval('policies_version_seq'), changed_at = clock_timestamp();
    RETURN NULL;
END $$;
"""


def _trigger(table: str, update: str = "UPDATE") -> str:
    return (
        f"CREATE TRIGGER {table}_version AFTER INSERT OR {update} OR DELETE ON {table} "
        "FOR EACH STATEMENT EXECUTE FUNCTION policies_bump_version();"
    )


class Migration(migrations.Migration):
    dependencies = [("policies", "0001_initial"), migrations.swappable_dependency(settings.AUTH_USER_MODEL)]

    operations = [
        migrations.RunSQL(
            FUNCTION, "DROP FUNCTION policies_bump_version() CASCADE; DROP SEQUENCE policies_version_seq;"
        ),
        *[migrations.RunSQL(_trigger(table), migrations.RunSQL.noop) for table in TABLES],
        *[
            migrations.RunSQL(_trigger(table, f"UPDATE OF {columns}"), migrations.RunSQL.noop)
            for table, columns in WATCHED_COLUMNS.items()
        ],
    ]
