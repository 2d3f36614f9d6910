"""The examples for Caddy and nginx: each is accepted by its program, and passes on what it should."""

from __future__ import annotations

import hashlib
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator

import httpx
import pytest
from django.urls import get_resolver

from tests.deploy.proxies import (
    CADDYFILES,
    DEBIAN_CADDY,
    HOST,
    NEW_CADDY,
    PROXIES,
    Proxy,
    run_caddy,
    run_nginx,
    run_program,
    write_nginx_config,
)
from tests.deploy.upstream import STRICT_TRANSPORT_SECURITY, SlowRequest, run_upstream
from tests.support.processes import ROOT
from tests.support.servers import free_port


def caddy_version(program: str) -> tuple[int, int]:
    answer = subprocess.run([program, "version"], capture_output=True, text=True, check=True)
    major, minor = re.match(r"v?(\d+)\.(\d+)", answer.stdout).groups()
    return int(major), int(minor)


def adapt(program: str, name: str) -> subprocess.CompletedProcess:
    command = [program, "adapt", "--adapter", "caddyfile", "--config", ROOT / "deploy" / name]
    return subprocess.run(command, capture_output=True, text=True)


@pytest.mark.parametrize("name", CADDYFILES)
def test_caddyfile_is_for_its_version(name):
    program, version = CADDYFILES[name]
    if name == "Caddyfile":
        assert caddy_version(program) >= version
    else:
        assert caddy_version(program) == version
    answer = adapt(program, name)
    assert answer.returncode == 0, answer.stderr


@pytest.mark.parametrize(("name", "program"), [("Caddyfile", DEBIAN_CADDY), ("Caddyfile-2.6", NEW_CADDY)])
def test_caddyfile_of_the_other_version_is_refused(name, program):
    assert "unrecognized subdirective" in adapt(program, name).stderr


@pytest.mark.parametrize("name", CADDYFILES)
def test_caddyfile_serves_the_host_of_the_example_by_default(name):
    config = adapt(CADDYFILES[name][0], name).stdout
    assert f'"host":["{HOST}"]' in config
    assert '"dial":"127.0.0.1:8000"' in config
    assert '"dial":"127.0.0.1:8001"' in config


def test_nginx_accepts_its_example(tmp_path):
    config = write_nginx_config(tmp_path, (ROOT / "deploy" / "nginx.conf").read_text())
    answer = subprocess.run(["/usr/sbin/nginx", "-t", "-c", config], capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr


@pytest.mark.parametrize(
    ("version", "is_spoken"), [("-tls1", False), ("-tls1_1", False), ("-tls1_2", True), ("-tls1_3", True)]
)
def test_nginx_speaks_present_versions_of_tls_only(version, is_spoken, tmp_path):
    # Seclevel 0: otherwise OpenSSL itself refuses the former versions, on both sides.
    site = (ROOT / "deploy" / "nginx.conf").read_text()
    site = "ssl_ciphers DEFAULT@SECLEVEL=0;\nssl_protocols TLSv1 TLSv1.1 TLSv1.2 TLSv1.3;\n" + site
    port, plain_port = free_port(), free_port()
    site = re.sub(r"(listen (\[::\]:)?)443 ", rf"\g<1>{port} ", site)
    config = write_nginx_config(tmp_path, re.sub(r"(listen (\[::\]:)?)80;", rf"\g<1>{plain_port};", site))
    ask = ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", version, "-cipher", "DEFAULT:@SECLEVEL=0"]
    with run_program(["/usr/sbin/nginx", "-c", config, "-g", "daemon off;"], port, tmp_path):
        answer = subprocess.run(ask, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert (answer.returncode == 0) == is_spoken, answer.stderr


@pytest.fixture(params=PROXIES, scope="module")
def proxy(request, tmp_path_factory) -> Iterator[Proxy]:
    folder = tmp_path_factory.mktemp("proxy")
    with run_upstream() as upstream, run_upstream() as dialer:
        run = run_nginx(upstream, dialer, folder) if request.param == "nginx.conf" else None
        with run or run_caddy(request.param, upstream, dialer, folder) as running:
            yield running
    shutil.rmtree(folder, ignore_errors=True)


def test_it_passes_host_and_the_true_scheme(proxy):
    forged = {"X-Forwarded-Proto": "gopher", "X-Forwarded-For": "203.0.113.7"}
    with proxy.client() as client:
        assert client.get("/who?a=1", headers=forged).status_code == 200
    seen = proxy.upstream.headers["/who?a=1"]
    assert (seen["host"], seen["x-forwarded-proto"]) == (proxy.host, proxy.scheme)
    assert seen["x-forwarded-for"] == "127.0.0.1"


@pytest.mark.parametrize(
    "path", ["/healthz", "/readyz", "/metrics", "/healthz/", "/metrics/x", "//readyz", "/%68ealthz", "/a/../metrics"]
)
def test_it_hides_what_is_for_the_machine_only(proxy, path):
    before = len(proxy.upstream.arrived)
    with proxy.client() as client:
        assert client.get(client.base_url.copy_with(raw_path=path.encode())).status_code == 404
    assert len(proxy.upstream.arrived) == before


def test_every_answer_says_once_that_the_host_is_for_https_only(proxy):
    with proxy.client() as client:
        answers = {
            200: client.get("/who"),
            404: client.get("/healthz"),
            413: client.post("/sign-in/", content=b"x" * 3_000_000),
        }
    for status, answer in answers.items():
        assert answer.status_code == status
        assert answer.headers.get_list("Strict-Transport-Security") == [STRICT_TRANSPORT_SECURITY]


def test_plain_http_leads_people_to_https_and_refuses_programs(proxy):
    before = len(proxy.upstream.arrived), len(proxy.dialer.arrived)
    host = HOST if proxy.tls else "127.0.0.1"
    with httpx.Client(base_url=f"http://127.0.0.1:{proxy.plain_port}", headers={"Host": host}) as client:
        page = client.get("/number-management/?status=tagged")
        refusals = [client.post("/api/v1/match", content=b"{}"), client.get("/api/v1/numbers")]
    assert page.status_code == 301
    assert page.headers["Location"] == f"https://{host}/number-management/?status=tagged"
    for answer in refusals:
        assert answer.status_code == 403
        assert "https" in answer.text
    assert (len(proxy.upstream.arrived), len(proxy.dialer.arrived)) == before


def test_it_passes_a_page_whose_name_begins_alike(proxy):
    with proxy.client() as client:
        assert client.get("/metrics-of-a-campaign").status_code == 200


def test_it_passes_a_slow_body_only_once_it_is_complete(proxy):
    size = 1_000_000
    slow = SlowRequest(proxy.port, "/slow", host=proxy.host, size=size, tls=proxy.tls)
    slow.send(size // 2)
    with proxy.client() as client:
        for number in range(10):
            assert client.post(f"/fast/{number}", content=b"x").status_code == 200
    assert "/slow" not in proxy.upstream.arrived, "the portal is asked while the body is not complete"
    slow.send(size - size // 2)
    assert slow.read_status() == 200
    assert proxy.upstream.arrived[-1] == "/slow"


def test_it_passes_a_large_upload_unchanged(proxy):
    body = bytes(range(256)) * 4 * 30_000
    with proxy.client() as client:
        answer = client.post("/number-management/phone-numbers/import/", content=body)
        assert answer.text == hashlib.sha256(body).hexdigest()


def list_upload_paths() -> list[str]:
    """A path of each address that takes files."""
    found = ["/api/v1/imports", "/api/v1/label-photos"]
    for pattern in get_resolver().url_patterns:
        for one in getattr(pattern, "url_patterns", [pattern]):
            if hasattr(getattr(one, "callback", None), "may_upload"):
                found.append("/" + re.sub("<int:[a-z]+>", "17", re.sub("<str:[a-z]+>", "word", str(one.pattern))))
    return found


@pytest.mark.parametrize("path", list_upload_paths())
def test_it_passes_files_to_each_address_that_takes_them(proxy, path):
    with proxy.client() as client:
        assert client.post(path, content=b"x" * 3_000_000).status_code == 200
    assert proxy.upstream.arrived[-1] == path


@pytest.mark.parametrize("path", ["/sign-in/", "/api/v1/match", "/number-management/phone-numbers/imports/"])
def test_it_refuses_a_large_body_at_other_addresses(proxy, path):
    before = len(proxy.upstream.arrived), len(proxy.dialer.arrived)
    with proxy.client() as client:
        assert client.post(path, content=b"x" * 3_000_000).status_code == 413
    assert (len(proxy.upstream.arrived), len(proxy.dialer.arrived)) == before


def test_it_passes_the_dialers_requests_to_their_own_processes(proxy):
    before = len(proxy.upstream.arrived)
    with proxy.client() as client:
        assert client.post("/api/v1/match", content=b"{}").status_code == 200
    seen = proxy.dialer.headers["/api/v1/match"]
    assert (seen["host"], seen["x-forwarded-proto"]) == (proxy.host, proxy.scheme)
    assert seen["x-forwarded-for"] == "127.0.0.1"
    assert len(proxy.upstream.arrived) == before


def test_it_passes_a_slow_request_of_a_dialer_only_once_it_is_complete(proxy):
    slow = SlowRequest(proxy.port, "/api/v1/match", host=proxy.host, size=1000, tls=proxy.tls)
    before = len(proxy.dialer.arrived)
    slow.send(500)
    with proxy.client() as client:
        assert client.post("/fast", content=b"x").status_code == 200
    assert len(proxy.dialer.arrived) == before, "the portal is asked while the body is not complete"
    slow.send(500)
    assert slow.read_status() == 200


def test_it_gives_up_on_a_client_that_does_not_finish_the_head(proxy):
    """The example's 10 seconds; the test shortens them."""
    connection = socket.create_connection(("127.0.0.1", proxy.port), timeout=60)
    with proxy.tls.wrap_socket(connection, server_hostname=proxy.host) if proxy.tls else connection as client:
        client.sendall(f"GET /slow-head HTTP/1.1\r\nHost: {proxy.host}\r\n".encode())
        assert not client.recv(4096).startswith(b"HTTP/1.1 200")
    assert "/slow-head" not in proxy.upstream.arrived


@pytest.mark.parametrize("name", PROXIES)
def test_it_has_a_limit_for_the_time_of_a_body_and_of_a_response(name):
    text = (ROOT / "deploy" / name).read_text()
    for wanted in ("client_body_timeout", "send_timeout") if name == "nginx.conf" else ("read_body", "write"):
        assert re.search(rf"^\s+{wanted} \d+[sm];?$", text, re.MULTILINE)
