"""Where webhooks may lead, so that nobody calls from inside what is not open to them from outside: pure.

Whoever makes a webhook decides what the notifier calls (server-side request forgery). An address is looked at twice:
when the webhook is made, for a clear answer, and when it is connected to, which is what counts: a name may have led
elsewhere by then.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network

from yarl import URL

from shared.problems import Category, ProblemError
from shared.settings import Settings

LONGEST_URL = 2000
_PORTS = {"http": 80, "https": 443}
_FIRST_FREE_PORT = 1024
_GLOBAL_UNICAST = IPv6Network("2000::/3")
_SIX_TO_FOUR = IPv6Network("2002::/16")
_NAT64 = IPv6Network("64:ff9b::/96")
_NOT_OPEN = tuple(ip_network(text) for text in ("100.64.0.0/10", "192.0.0.0/24", "192.88.99.0/24"))
_PLATFORM = frozenset(
    ip_address(text)
    for text in (
        *("168.63.129.16", "100.100.100.200", "192.0.0.192"),
        *("fd00:ec2::254", "fd00:ec2::23", "fd20:ce::254", "fd00:42::42"),
    )
)
"""Where clouds tell a machine its secrets, beside 169.254.169.254 and all that is link-local."""

Address = IPv4Address | IPv6Address


class Forbidden(OSError):
    """A connection to an address that webhooks must not lead to."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What an installation allows beside https and public addresses."""

    allow_http: bool
    allow_private: bool

    @classmethod
    def of(cls, settings: Settings) -> Rule:
        """As configured."""
        return cls(settings.webhook_allow_http, settings.webhook_allow_private)

    def check_url(self, text: str) -> URL:
        """The URL, normalised. Raises a problem that says what about it is wrong."""
        try:
            url = URL(text)
            host, port = url.host, url.port
        except (ValueError, TypeError) as error:
            raise _refused(text, f"it is no URL ({error})") from error
        schemes = sorted(_PORTS) if self.allow_http else ["https"]
        if url.scheme not in schemes:
            raise _refused(text, f"it must begin with {' or '.join(f'{scheme}://' for scheme in schemes)}")
        if not host:
            raise _refused(text, "it names no host")
        if "@" in url.raw_authority:
            raise _refused(text, "it must carry no user or password; the signature says who calls")
        if "#" in text:
            raise _refused(text, "it must have no fragment (#), which is never sent")
        if port is None or not (port in _PORTS.values() or port >= _FIRST_FREE_PORT):
            raise _refused(text, f"its port must be 80, 443 or above {_FIRST_FREE_PORT - 1}")
        if len(str(url)) > LONGEST_URL:
            raise _refused(text, f"it has more than {LONGEST_URL} characters")
        return url

    def check_addresses(self, url: URL, addresses: Sequence[str]) -> None:
        """Raises a problem unless all that the URL's host leads to may be called."""
        for address in addresses:
            if not self.allows(address):
                raise _refused(str(url), f"{url.host} is not a public address, or a name of one that is not")

    def allows(self, text: str) -> bool:
        """Whether a connection to this IP address may be made."""
        address = ip_address(text.partition("%")[0])
        meant = _embedded(address)
        if meant is not None:
            return self.allows(str(meant)) and (self.allow_private or address not in _SIX_TO_FOUR)
        if address in _PLATFORM or _is_never_a_receiver(address):
            return False
        return self.allow_private or _is_public(address)


def _embedded(address: Address) -> IPv4Address | None:
    """The IPv4 address that an IPv6 one stands for: mapped, behind a NAT64, or reached by 6to4."""
    if isinstance(address, IPv4Address):
        return None
    if address in _NAT64:
        return IPv4Address(address.packed[-4:])
    return address.ipv4_mapped or address.sixtofour


def _is_never_a_receiver(address: Address) -> bool:
    if address.is_loopback:
        return False
    return address.is_multicast or address.is_unspecified or address.is_link_local or address.is_reserved


def _is_public(address: Address) -> bool:
    if isinstance(address, IPv6Address):
        return address in _GLOBAL_UNICAST and address.is_global
    return address.is_global and not any(address in network for network in _NOT_OPEN)


def _refused(url: str, why: str) -> ProblemError:
    return ProblemError(
        Category.DATA_VALIDATION,
        title="The webhook cannot have this URL",
        detail=f"url: {url[:200]!r}: {why}.",
        recovery=["Give the https:// address at which your receiver can be reached from the internet."],
        technical_details={"field": "url", "value": url[:200]},
    )


def unresolved(url: URL, why: str) -> ProblemError:
    """The problem of a name that leads nowhere."""
    return _refused(str(url), f"the name {url.host} cannot be resolved ({why})")
