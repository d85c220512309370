"""Where webhooks may lead."""

from __future__ import annotations

import pytest

from services.notifier.webhooks.addresses import Rule
from shared.problems import ProblemError

STRICT = Rule(allow_http=False, allow_private=False)
LOCAL = Rule(allow_http=True, allow_private=True)

PUBLIC = (
    "93.184.216.34",
    "8.8.8.8",
    "2606:4700:4700::1111",
    "::ffff:8.8.8.8",
    "64:ff9b::808:808",
    "2001:4860:4860::8888",
)
PRIVATE = (
    *("127.0.0.1", "127.8.9.10", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1", "192.0.2.1"),
    *("::1", "fd12:3456::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::1", "2001:db8::1"),
    *("192.0.0.8", "192.88.99.1", "2002:808:808::1"),
)
NEVER = (
    *("0.0.0.0", "169.254.169.254", "169.254.0.1", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255"),
    *("168.63.129.16", "100.100.100.200", "fd00:ec2::254", "::", "fe80::1", "fe80::1%eth0", "ff02::1", "::7f00:1"),
    *("::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "::ffff:0.0.0.0", "64:ff9b:1::1", "2002:a9fe:a9fe::1"),
    *("192.0.0.192", "fd00:ec2::23", "fd20:ce::254", "fd00:42::42"),
)


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_may_be_called(address: str) -> None:
    assert STRICT.allows(address)
    assert LOCAL.allows(address)


@pytest.mark.parametrize("address", PRIVATE)
def test_private_ones_only_where_the_installation_says_so(address: str) -> None:
    assert not STRICT.allows(address)
    assert LOCAL.allows(address)


@pytest.mark.parametrize("address", NEVER)
def test_metadata_link_local_multicast_and_nowhere_never(address: str) -> None:
    assert not STRICT.allows(address)
    assert not LOCAL.allows(address)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("https://example.org/hook?x=1&y=%26%2B", "https://example.org/hook?x=1&y=%26%2B"),
        ("https://example.org/a b", "https://example.org/a%20b"),
        ("https://@example.org/", "https://example.org/"),
        ("https://EXAMPLE.org:443/a", "https://example.org/a"),
        ("https://example.org:8443/", "https://example.org:8443/"),
        ("https://bücher.example/", "https://xn--bcher-kva.example/"),
        ("https://[2606:4700::1111]/", "https://[2606:4700::1111]/"),
    ],
)
def test_a_url_is_kept_normalised(given: str, kept: str) -> None:
    assert str(STRICT.check_url(given)) == kept


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://example.org/", "must begin with https://"),
        ("ftp://example.org/", "must begin with https://"),
        ("file:///etc/passwd", "must begin with https://"),
        ("gopher://example.org:70/", "must begin with https://"),
        ("//example.org/", "must begin with https://"),
        ("example.org", "must begin with https://"),
        ("https:///path", ""),
        ("https://", ""),
        ("https://user@example.org/", "no user or password"),
        ("https://user:secret@example.org/", "no user or password"),
        ("https://:secret@example.org/", "no user or password"),
        ("https://example.org/#part", "no fragment"),
        ("https://example.org:22/", "its port"),
        ("https://example.org:25/", "its port"),
        ("https://example.org:0/", "its port"),
        ("https://example.org:99999/", ""),
        ("https://example.org:x/", ""),
        ("https://[::1/", ""),
        ("https://xn--a.example/", "it is no URL"),
        (f"https://example.org/{'x' * 2000}", "more than 2000"),
    ],
)
def test_what_no_webhook_may_have_is_refused_by_its_fault(url: str, why: str) -> None:
    with pytest.raises(ProblemError) as raised:
        STRICT.check_url(url)
    assert why in raised.value.problem.detail
    assert raised.value.problem.status == 422


def test_plain_http_where_the_installation_allows_it() -> None:
    assert str(LOCAL.check_url("http://127.0.0.1:9000/")) == "http://127.0.0.1:9000/"


def test_one_address_of_several_that_is_not_public_is_enough_to_refuse() -> None:
    url = STRICT.check_url("https://example.org/")
    STRICT.check_addresses(url, ["8.8.8.8", "2606:4700:4700::1111"])
    with pytest.raises(ProblemError, match="not a public address"):
        STRICT.check_addresses(url, ["8.8.8.8", "10.0.0.1"])
