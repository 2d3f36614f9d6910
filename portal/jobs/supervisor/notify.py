"""Messages to systemd, as described in sd_notify(3). Without systemd, nothing is sent."""

from __future__ import annotations

import os
import socket
from contextlib import suppress


def notify(*messages: str) -> None:
    """Send messages such as "READY=1". A systemd that does not listen is no error."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    if address.startswith("@"):  # a name in Linux's abstract namespace
        address = f"\0{address[1:]}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as client:
        client.setblocking(False)
        with suppress(OSError):
            client.sendto("\n".join(messages).encode(), address)
