"""Caddy and nginx with the examples of deploy/, as processes in front of other servers."""

from __future__ import annotations

import os
import re
import signal
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.deploy.upstream import Upstream
from tests.support.processes import ROOT
from tests.support.servers import free_port, wait_for_port

# Debian's Caddy, and the one that requirements-dev.txt installs.
DEBIAN_CADDY = "/usr/bin/caddy"
NEW_CADDY = str(Path(sys.prefix) / "bin" / "caddy")
CADDYFILES = {"Caddyfile-2.6": (DEBIAN_CADDY, (2, 6)), "Caddyfile": (NEW_CADDY, (2, 7))}
HOST = "numbers.example.com"
PROXIES = [*CADDYFILES, "nginx.conf"]
# In the files for Caddy. The name of the other site is a setting.
PLAIN_SITE = f"http://{{$PORTAL_HOST:{HOST}}} {{"


@dataclass(frozen=True)
class Proxy:
    """A running proxy. `scheme` is what it tells the portal, whatever a client says. On `plain_port` it takes http, and
    passes nothing on."""

    scheme: str
    host: str
    port: int
    plain_port: int
    upstream: Upstream
    dialer: Upstream
    tls: ssl.SSLContext | None = None

    def client(self) -> httpx.Client:
        url = f"{self.scheme}://127.0.0.1:{self.port}"
        return httpx.Client(base_url=url, headers={"Host": self.host}, verify=False, timeout=60)


def write_nginx_config(folder: Path, site: str) -> Path:
    """A whole configuration of nginx, with the site and a certificate that was made for it."""
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    make = f"openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 -subj /CN={HOST}"
    subprocess.run([*make.split(), "-keyout", key, "-out", certificate], capture_output=True, check=True)
    site = re.sub(r"/etc/letsencrypt/\S+/fullchain.pem", str(certificate), site)
    site = re.sub(r"/etc/letsencrypt/\S+/privkey.pem", str(key), site)
    if not Path("/proc/net/if_inet6").exists():
        site = re.sub(r"^ *listen \[::\].*\n", "", site, flags=re.MULTILINE)
    folders = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temporary = "".join(f"{name}_temp_path {folder}/{name};\n" for name in folders)
    # As root, because the folders of a test are closed to other users.
    user = "user root;\n" if os.geteuid() == 0 else ""
    config = folder / "nginx.conf"
    config.write_text(
        f"{user}pid {folder}/pid;\nerror_log {folder}/error.log;\nevents {{}}\nhttp {{\n"
        f"access_log off;\n{temporary}{site}\n}}\n"
    )
    return config


@contextmanager
def run_program(command: list[object], port: int, folder: Path, **environment: str) -> Iterator[None]:
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [str(part) for part in command],
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": str(folder), **environment},
            stdout=log,
            stderr=log,
        )
    try:
        wait_for_port(port, "The proxy")
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


@contextmanager
def run_caddy(name: str, upstream: Upstream, dialer: Upstream, folder: Path) -> Iterator[Proxy]:
    port, plain_port = free_port(), free_port()
    config = folder / "Caddyfile"
    # Without its control socket, whose port another Caddy may have.
    text = (ROOT / "deploy" / name).read_text().replace("\n{\n", "\n{\n\tadmin off\n", 1)
    text = text.replace(PLAIN_SITE, f"http://127.0.0.1:{plain_port} {{")
    config.write_text(text.replace("read_header 10s", "read_header 3s"))
    command = [CADDYFILES[name][0], "run", "--adapter", "caddyfile", "--config", config]
    environment = {
        "PORTAL_HOST": f"http://127.0.0.1:{port}",
        "PORTAL_UPSTREAM": f"127.0.0.1:{upstream.port}",
        "PORTAL_DIALER_UPSTREAM": f"127.0.0.1:{dialer.port}",
    }
    with run_program(command, port, folder, **environment):
        yield Proxy("http", f"127.0.0.1:{port}", port, plain_port, upstream, dialer)


@contextmanager
def run_nginx(upstream: Upstream, dialer: Upstream, folder: Path) -> Iterator[Proxy]:
    port, plain_port = free_port(), free_port()
    site = (ROOT / "deploy" / "nginx.conf").read_text().replace("header_timeout 10s", "header_timeout 3s")
    site = re.sub(r"(listen (\[::\]:)?)443 ", rf"\g<1>{port} ", site)
    site = re.sub(r"(listen (\[::\]:)?)80;", rf"\g<1>{plain_port};", site)
    site = site.replace("127.0.0.1:8000", f"127.0.0.1:{upstream.port}")
    config = write_nginx_config(folder, site.replace("127.0.0.1:8001", f"127.0.0.1:{dialer.port}"))
    tls = ssl.create_default_context()
    tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
    with run_program(["/usr/sbin/nginx", "-c", config, "-g", "daemon off;"], port, folder):
        yield Proxy("https", HOST, port, plain_port, upstream, dialer, tls)
