"""The processes of the portal, by what they do."""

from __future__ import annotations

from pathlib import Path

CLUSTER_ROLES = ("main", "sentinel", "worker", "monitor", "pusher")


def read_stat(pid: int) -> list[str]:
    """State, parent, process group, and so on. Empty if there is no such process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def list_descendants(pid: int) -> list[int]:
    """All processes below this one, its children first."""
    parents = {int(path.name): read_stat(int(path.name)) for path in Path("/proc").iterdir() if path.name.isdecimal()}
    found, level = [], [pid]
    while level:
        level = [child for child, stat in parents.items() if stat[1:2] and int(stat[1]) in level and stat[0] != "Z"]
        found += level
    return found


def list_cluster(supervisor: int, role: str) -> list[int]:
    """The processes with this role below a supervisor; portal.jobs.supervisor names them."""
    return [pid for pid in list_descendants(supervisor) if _read_name(pid) == f"tasks: {role}"]


def _read_name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""
