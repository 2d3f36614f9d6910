#!/usr/bin/python3
"""`portal ARGUMENTS`: run manage.py with the user, the umask and the settings of the units. For root.

Installed as /usr/local/bin/portal. It uses the standard library only.
"""

from __future__ import annotations

import os
import re
import sys

USER = "portal"
FOLDER = "/opt/portal"
SETTINGS = "/etc/portal/portal.env"
# What only these commands get, and never the units: the address of the owner of PostgreSQL's tables.
OWNER_SETTINGS = "/etc/portal/owner.env"
OWNER_COMMANDS = ("migrate", "restore", "erase_person", "erase_account")
UMASK = 0o027
# What a command on a terminal needs of the caller's environment. Everything else is that of the units.
KEPT = ("PATH", "TERM", "LANG", "COLUMNS", "LINES", "EDITOR")


def read_settings(text: str) -> dict[str, str]:
    """Read NAME=VALUE lines as systemd reads an EnvironmentFile. A value is on one line."""
    found = {}
    for line in text.splitlines():
        name, separator, value = line.strip().partition("=")
        if separator and not name.startswith(("#", ";")):
            found[name.strip()] = unquote(value.strip())
    return found


def unquote(value: str) -> str:
    quote = value[:1]
    if len(value) > 1 and quote in "'\"" and value.endswith(quote):
        return value[1:-1] if quote == "'" else re.sub(r'\\(["\\`$])', r"\1", value[1:-1])
    return re.sub(r"\\(.)", r"\1", value)


def get_files(arguments: list[str], owner_settings: str = OWNER_SETTINGS) -> list[str]:
    """The files with the settings of a command."""
    is_owner = bool(arguments) and arguments[0] in OWNER_COMMANDS and os.path.exists(owner_settings)
    return [SETTINGS, owner_settings] if is_owner else [SETTINGS]


def become(user: str) -> dict[str, str]:
    """Take the user's groups and id. Return HOME, USER and LOGNAME."""
    import pwd

    entry = pwd.getpwnam(user)
    os.initgroups(user, entry.pw_gid)
    os.setgid(entry.pw_gid)
    os.setuid(entry.pw_uid)
    return {"HOME": entry.pw_dir, "USER": user, "LOGNAME": user}


def main() -> None:
    if os.geteuid() != 0:
        sys.exit("portal: run this as root; it continues as the user portal.")
    settings = {}
    for path in get_files(sys.argv[1:]):
        with open(path, encoding="utf-8") as file:
            settings |= read_settings(file.read())
    environment = {name: os.environ[name] for name in KEPT if name in os.environ}
    environment |= become(USER) | settings
    os.umask(UMASK)
    os.chdir(FOLDER)
    python = f"{FOLDER}/.venv/bin/python"
    os.execve(python, [python, "manage.py", *sys.argv[1:]], environment)


if __name__ == "__main__":
    main()
