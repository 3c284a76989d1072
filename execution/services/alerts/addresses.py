"""Where a host name really leads, and whether alerts may go there. Names are looked up once and that answer is used."""

import ipaddress
import socket

from django.conf import settings

IP = ipaddress.IPv4Address | ipaddress.IPv6Address
_TRANSLATED = tuple(map(ipaddress.IPv6Network, ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32", "::/96")))
"""IPv6 that a router or the kernel turns into IPv4: where it ends is not seen from here."""


class NotAllowed(Exception):
    """Nothing may be sent there; the text says why."""


def resolve(host: str, port: int) -> str:
    """The address to connect to. Raises NotAllowed, also when only one of the name's addresses is not public."""
    host = host.lower().rstrip(".")
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as e:
        raise NotAllowed(f"The name {host} leads nowhere.") from e
    addresses = [str(entry[4][0]) for entry in found]
    if host not in {allowed.lower() for allowed in settings.ENV["ALERT_WEBHOOK_HOSTS"]}:
        for address in addresses:
            if not is_public(address):
                raise NotAllowed(f"{host} leads to an address that is not public. ALERT_WEBHOOK_HOSTS can allow it.")
    return addresses[0]


def is_public(address: str) -> bool:
    """Whether an address is one of the internet's: not private, link-local, loopback, multicast or reserved."""
    try:
        ip: IP = ipaddress.ip_address(address)
    except ValueError:
        return False  # with a zone: link-local
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is not None:
            return is_public(str(ip.ipv4_mapped))
        if any(ip in network for network in _TRANSLATED) or ip.is_site_local:
            return False
    return ip.is_global and not (ip.is_multicast or ip.is_reserved or ip.is_unspecified)
