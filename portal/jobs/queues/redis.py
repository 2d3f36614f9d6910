"""The queue in Redis. Imported only if Q_BROKER_URL is set, since it needs the package `redis`."""

from __future__ import annotations

from django_q.brokers.redis_broker import Redis

from portal.jobs.canary import get_own_queue


class RedisQueue(Redis):
    def dequeue(self) -> list[tuple[None, bytes]] | None:
        """Take the next task: a canary of this cluster first, then the tasks that all clusters share, oldest first."""
        found = self.connection.blpop([RedisQueue(get_own_queue()).list_key, self.list_key], 1)
        return [(None, found[1])] if found else None
