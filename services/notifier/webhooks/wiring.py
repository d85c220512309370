"""The webhooks of one replica: what hears events, what sends them on, what cleans up."""

from __future__ import annotations

from uuid import UUID

from services.notifier.webhooks.addresses import Rule
from services.notifier.webhooks.client import Client
from services.notifier.webhooks.deliveries import forget_old
from services.notifier.webhooks.fanout import record_deliveries
from services.notifier.webhooks.owners import Owners
from services.notifier.webhooks.resolving import Resolver
from services.notifier.webhooks.sender import AT_ONCE, Sender
from shared.bus.topology import WEBHOOKS
from shared.delivery.inbox import handled_once, patient
from shared.events.envelope import Envelope
from shared.events.payloads import Payload
from shared.runtime.service import Service
from shared.vault import Vault

_NAMES_AT_ONCE = 2 * AT_ONCE
"""For every attempt one, and as many that are still looked for though their attempts' time is up."""
_MOST_AT_ONCE = 100
"""Events that are looked at together."""
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
        record = handled_once(service.database, WEBHOOKS.queue, Payload, record_deliveries)

        owners = Owners(service.database)

        async def on_event(envelope: Envelope) -> None:
            if envelope.userid is not None and await owners.has_webhooks(UUID(envelope.userid)):
                await record(envelope)
                sender.wake()

        service.bus.subscribe(WEBHOOKS, patient(on_event), prefetch=_MOST_AT_ONCE)
        service.start_last(sender)
        service.every(_HOUR, "webhooks", lambda: forget_old(service.database))
        self.wake = sender.wake
