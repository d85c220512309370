"""Declares ``shared.bus.topology`` on a broker; every declaration is idempotent."""

from __future__ import annotations

from collections.abc import Sequence

import aio_pika

from shared.bus import topology


async def declare(channel: aio_pika.abc.AbstractChannel, retry_delays: Sequence[int]) -> None:
    """Declare all exchanges, queues and bindings. Raises the client's errors (a changed argument: 406)."""
    retry_exchanges = [topology.retry_exchange(delay) for delay in sorted(set(retry_delays))]
    for exchange in (*topology.EXCHANGES, *retry_exchanges):
        await channel.declare_exchange(exchange.name, exchange.kind, durable=True)
    for queue in topology.all_queues(list(retry_delays)):
        await _declare_queue(channel, queue)


async def declare_log(connection: aio_pika.abc.AbstractConnection) -> bool:
    """Declare the event log; False while its node has not got it back (a stream returns seconds after the node)."""
    channel = await connection.channel()
    try:
        await _declare_queue(channel, topology.log_queue())
    except aio_pika.exceptions.ChannelNotFoundEntity:
        return False
    else:
        await channel.close()
        return True


async def _declare_queue(channel: aio_pika.abc.AbstractChannel, queue: topology.Queue) -> None:
    declared = await channel.declare_queue(queue.name, durable=True, arguments=queue.arguments)
    for exchange_name, routing_key in queue.bindings:
        await declared.bind(exchange_name, routing_key)
