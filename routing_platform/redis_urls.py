"""One REDIS_URL, in the three spellings that Celery, the cache and redis-py want."""

from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from django.core.exceptions import ImproperlyConfigured

SCHEMES = ("redis", "rediss", "unix")


def checked(url: str) -> str:
    """The URL. Raises ImproperlyConfigured for a spelling that only some of the three understand."""
    if urlsplit(url).scheme not in SCHEMES:
        raise ImproperlyConfigured(
            "REDIS_URL must look like redis://host:6379/0, rediss://… or unix:///path/to.sock?db=0"
        )
    return url


def with_database(url: str, number: int) -> str:
    """The same server, database `number` higher than the one in the URL: the cache must not share the broker's keys."""
    parts = urlsplit(url)
    if parts.scheme == "unix":
        query = dict(parse_qsl(parts.query))
        query["db"] = str(int(query.get("db", "0")) + number)
        return f"unix://{parts.path}?{urlencode(query)}"
    base = int(parts.path.strip("/") or 0)
    return urlunsplit(parts._replace(path=f"/{base + number}"))


def for_celery(url: str) -> str:
    """The broker URL: kombu spells a unix socket `redis+socket://` and its database `virtual_host`."""
    parts = urlsplit(url)
    if parts.scheme != "unix":
        return url
    query = dict(parse_qsl(parts.query))
    return f"redis+socket://{parts.path}?{urlencode({'virtual_host': query.get('db', '0')})}"
