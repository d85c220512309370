"""The webhooks of one replica: what sends what is to be sent, and what cleans up.

What is to be sent is written by the database, in the transaction that records the event (migration 0018).
"""

from __future__ import annotations

from services.notifier.webhooks.addresses import Rule
from services.notifier.webhooks.client import Client
from services.notifier.webhooks.deliveries import forget_old
from services.notifier.webhooks.resolving import Resolver
from services.notifier.webhooks.sender import AT_ONCE, Sender
from shared.runtime.service import Service
from shared.vault import Vault

_NAMES_AT_ONCE = 2 * AT_ONCE
"""For every attempt one, and as many that are still looked for though their attempts' time is up."""
_HOUR = 3600.0


class Webhooks:
    """What the HTTP side of webhooks needs; adds to the service what works behind it."""

    def __init__(self, service: Service) -> None:
        settings = service.settings
        self.rule = Rule.of(settings)
        self.resolver = Resolver(_NAMES_AT_ONCE)
        self.vault = Vault(settings.encryption_key)
        client = Client(self.rule, self.resolver, settings.webhook_timeout_seconds)
        sender = Sender(service.database, client, self.vault, settings)
        service.start_last(sender)
        service.every(_HOUR, "webhooks", lambda: forget_old(service.database))
        self.wake = sender.wake
