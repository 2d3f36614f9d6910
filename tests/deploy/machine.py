"""An empty machine inside this one: mounts, processes and a network of its own.

Its disk shows this machine's programs, and forgets everything that is written. Needs root.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

# Only a test that fails waits this long.
COMMAND_TIMEOUT = 300
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# What an earlier portal or PostgreSQL of this machine left is hidden.
HIDDEN = (
    "/opt /etc/portal /var/lib/portal /etc/caddy /var/lib/caddy /etc/postgresql /var/lib/postgresql /run /tmp /dev/shm"
)
START = f"""
set -e
mount -t tmpfs tmpfs "$1"
mkdir "$1/upper" "$1/work" "$1/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" "$1/root"
cd "$1/root"
mount -t proc proc proc
mount --rbind /dev dev
mkdir -p source opt etc/portal var/lib/portal
mount --bind "$2" source
for folder in {HIDDEN}; do [ ! -d ".$folder" ] || mount -t tmpfs tmpfs ".$folder"; done
for folder in /opt/wheels /opt/pypi /opt/pypi-more; do
  [ ! -d "$folder" ] || {{ mkdir ".$folder"; mount --rbind "$folder" ".$folder"; }}
done
rmdir etc/portal 2>/dev/null || umount etc/portal && rmdir etc/portal
umount var/lib/portal && rmdir var/lib/portal
chmod 1777 tmp dev/shm
mkdir -p run/postgresql && chown postgres:postgres run/postgresql var/lib/postgresql etc/postgresql
chown caddy:caddy var/lib/caddy
sed -i '/^portal:/d' etc/passwd etc/group etc/shadow etc/gshadow
ip link set lo up
echo ready
exec chroot . /bin/bash -c 'trap "exit 0" TERM; while :; do sleep 3600 & wait $!; done'
"""


@dataclass(frozen=True)
class Machine:
    """`run` runs a command as root in it. `root` is its disk, seen from outside."""

    pid: int

    @property
    def root(self) -> Path:
        return Path(f"/proc/{self.pid}/root")

    def enter(self, *, online: bool = False) -> list[str]:
        """The beginning of a command that runs in the machine. `online` gives it the network of this one."""
        namespaces = ["--mount", "--pid", *([] if online else ["--net"])]
        return ["nsenter", f"--target={self.pid}", *namespaces, "--root", "--wd"]

    def run(self, *command: object, online: bool = False, **environment: str) -> str:
        """Run the command, and return what it wrote. It must succeed."""
        assert _has_own_disk(self.pid)
        pip = {name: value for name, value in os.environ.items() if name.startswith("PIP_") or "proxy" in name.lower()}
        done = subprocess.run(
            [*self.enter(online=online), *map(str, command)],
            env={"PATH": PATH, "HOME": "/root", "LANG": "C.UTF-8"} | pip | environment,
            capture_output=True,
            text=True,
            timeout=COMMAND_TIMEOUT,
        )
        assert done.returncode == 0, f"{command} failed:\n{done.stdout}\n{done.stderr}"
        return done.stdout + done.stderr


@contextmanager
def empty_machine(folder: Path, source: Path) -> Iterator[Machine]:
    """Yield a machine that has the repository `source` as /source."""
    command = ["unshare", "--mount", "--pid", "--net", "--fork", "--kill-child", "--propagation=private"]
    with (folder / "machine.log").open("w") as log:
        holder = subprocess.Popen([*command, "bash", "-c", START, "machine", folder, source], stdout=log, stderr=log)
    try:
        yield Machine(_wait_until_ready(holder, folder / "machine.log"))
    finally:
        holder.send_signal(signal.SIGKILL)
        holder.wait()


def _wait_until_ready(holder: subprocess.Popen, log: Path) -> int:
    """Return the process id of the machine's first process."""
    children = Path(f"/proc/{holder.pid}/task/{holder.pid}/children")
    while holder.poll() is None:
        started = children.read_text().split() if children.exists() else []
        if started and "ready" in log.read_text() and _has_own_disk(int(started[0])):
            return int(started[0])
        time.sleep(0.05)
    raise AssertionError(f"The machine did not start:\n{log.read_text()}")


def _has_own_disk(pid: int) -> bool:
    """Whether the process is inside the machine. Before, its commands would change this machine."""
    root, ours = os.stat(f"/proc/{pid}/root"), os.stat("/")
    return (root.st_dev, root.st_ino) != (ours.st_dev, ours.st_ino)
