"""A TCP proxy that delays each packet by as many milliseconds as a file says.

python -m tests.torture.proxy PORT TARGET_PORT FILE
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress
from pathlib import Path


async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, file: Path) -> None:
    with suppress(OSError):
        while data := await reader.read(65536):
            delay = float(file.read_text() or 0) / 1000
            if delay:
                await asyncio.sleep(delay)
            writer.write(data)
            await writer.drain()
    with suppress(OSError):
        writer.close()


async def serve(port: int, target: int, file: Path) -> None:
    async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there = await asyncio.open_connection("127.0.0.1", target)
        except OSError:
            writer.close()
            return
        await asyncio.gather(copy(reader, there[1], file), copy(there[0], writer, file))

    async with await asyncio.start_server(connect, "127.0.0.1", port) as server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])))
