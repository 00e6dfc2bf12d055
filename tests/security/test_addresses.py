"""FAULT-S7: what is sent goes to a host that was named, at an address that was checked, or it is said why not."""

from __future__ import annotations

import contextlib
import ipaddress
import json
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cvo_ml.config.addresses import AllowedHosts
from cvo_ml.config.loader import load_config
from cvo_ml.config.monitoring import MonitoringPolicy
from cvo_ml.core.errors import CvoError, UsageError
from cvo_ml.core.secrets import Secret
from cvo_ml.core.store import write_run
from cvo_ml.core.workspace import Workspace
from cvo_ml.crm import http
from cvo_ml.crm.http import HttpClient, NotAnswered, Patience, Target, target_of
from cvo_ml.monitoring.health import Health
from cvo_ml.workflows.monitor import MonitorRequest, MonitorResult, monitor
from tests.builders import null_scores

pytest.importorskip("httpx", reason="httpx is not installed: install the extra crm")
KEY = "canary-path-9c1e7d55a2"
PATIENCE = Patience(connect=1, silence=1, call=1.5, most_bytes=10_000)
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


class Receiver:
    """A server on this machine that does with each connection what it is told, and keeps what it was sent."""

    def __init__(self, speak: Callable[[socket.socket], None]) -> None:
        self.got: list[bytes] = []
        self._speak, self._listening = speak, socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            with connection, contextlib.suppress(OSError):
                connection.settimeout(5)
                self.got.append(self._request(connection))
                self._speak(connection)

    def _request(self, connection: socket.socket) -> bytes:
        seen = b""
        while b"\r\n\r\n" not in seen:
            seen += connection.recv(65536)
        head, _, body = seen.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0] or 0)
        while len(body) < length:
            body += connection.recv(65536)
        return head + b"\r\n\r\n" + body

    def close(self) -> None:
        self._listening.close()


Serve = Callable[[bytes | Callable[[socket.socket], None]], Receiver]


@pytest.fixture
def serve() -> Iterator[Serve]:
    running: list[Receiver] = []

    def start(answer: bytes | Callable[[socket.socket], None]) -> Receiver:
        speak = answer if callable(answer) else lambda connection: connection.sendall(answer)
        running.append(Receiver(speak))
        return running[-1]

    yield start
    for server in running:
        server.close()


def target(port: int, host: str = "127.0.0.1", scheme: str = "http") -> Target:
    allowed = AllowedHosts(internal=(f"{host}:{port}",))
    return target_of(Secret(f"{scheme}://{host}:{port}/{KEY}"), allowed, "--webhook", "webhooks")


def byte_by_byte(connection: socket.socket) -> None:
    for sign in b"HTTP/1.1 200 OK\r\nX-Long: " + b"a" * 1000:
        connection.sendall(bytes([sign]))
        time.sleep(0.05)


class TestTheAddress:
    @pytest.mark.parametrize(
        "address",
        [
            "", "https://", "https:///x", "http:///x", "ftp://hooks.example.com/x", "file:///etc/passwd", "//x", "x",
            "hooks.example.com", "https://hooks.example.com:0/", "https://hooks.example.com:99999/",
            "https://hooks.example.com:x/", "https://hooks.example.com:443:443/", "https://other.example/",
            "https://hooks.example.com.other.example/", "https://hooks.example.com@other.example/",
            "https://me:canary@hooks.example.com/", "https://hooks.example.com\\@other.example/",
            "https://hooks.example.com/a b", "https://hooks.example.com/\r\nX-Injected: 1", "https://hooks.example.com/\n",
            "https://hooks.example.com/\x00", "https://hooks.example.com#@other.example/", "https://hööks.example/",
            "https://hooks。example.com/", "https://[::1/", "https://[::1]/", "https://2130706433/", "https://127.1/",
            "https://0x7f.0.0.1/", "http://hooks.example.com/", "http://127.0.0.1/", "https://hooks.example.com:8443/",
            "https://hooks.example.com./", "HTTPS://hooks.example.com/", "javascript:alert(1)", "https://%31/",
        ],
    )  # fmt: skip
    def test_an_odd_one_is_refused_in_one_sentence(self, address: str) -> None:
        """Some were tracebacks of urllib, others were called."""
        with pytest.raises(UsageError) as refused:
            target_of(Secret(address), AllowedHosts(hosts=("hooks.example.com",)), "--webhook", "webhooks")
        assert str(refused.value).startswith("--webhook: ")
        assert "\n" not in str(refused.value)
        assert "canary" not in str(refused.value)

    @pytest.mark.parametrize(
        ("address", "shown"),
        [
            ("https://hooks.example.com", "hooks.example.com"),
            ("https://hooks.example.com/services/T0/B0?x=%20&y=1", "hooks.example.com"),
            ("https://hooks.example.com:443/x", "hooks.example.com"),
            ("https://Inside.Example:8443/x", "inside.example:8443"),
            ("http://localhost:9000/x", "localhost:9000"),
        ],
    )
    def test_one_of_an_allowed_host_is_taken_and_shown_without_its_path(self, address: str, shown: str) -> None:
        allowed = AllowedHosts(hosts=("hooks.example.com",), internal=("localhost:9000", "inside.example:8443"))
        found = target_of(Secret(address), allowed, "--webhook", "webhooks")
        assert found.shown == shown
        assert "services" not in repr(found)

    @pytest.mark.parametrize("host", ["https://x", "x/y", "", "a b", "-x", "x:", "ü.de", "x" * 300])
    def test_a_host_that_is_none_is_no_configuration(self, host: str) -> None:
        with pytest.raises(ValueError, match=r"is no host|at least"):
            AllowedHosts(hosts=(host,))


class TestTheName:
    @pytest.mark.parametrize(
        ("address", "public", "internal", "loopback_http"),
        [
            ("93.184.216.34", True, True, False), ("2606:2800:220:1::1", True, True, False),
            ("127.0.0.1", False, True, True), ("::1", False, True, True), ("::ffff:127.0.0.1", False, True, True),
            ("10.0.0.1", False, True, False), ("192.168.1.1", False, True, False), ("fc00::1", False, True, False),
            ("169.254.169.254", False, False, False), ("::ffff:169.254.169.254", False, False, False),
            ("64:ff9b::a9fe:a9fe", False, False, False), ("2002:a9fe:a9fe::1", False, False, False),
            ("fe80::1", False, False, False), ("fd00:ec2::254", False, False, False), ("0.0.0.0", False, False, False),
            ("::", False, False, False), ("100.64.0.1", False, False, False), ("100.100.100.200", False, False, False),
            ("224.0.0.1", False, False, False), ("255.255.255.255", False, False, False),
        ],
    )  # fmt: skip
    def test_it_must_not_lead_inside_unless_that_is_declared(
        self, address: str, public: bool, internal: bool, loopback_http: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The webhook went to whatever the name stood for, the metadata service of a cloud among it."""
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [(0, 0, 0, "", (address, 443))])
        for scheme, is_internal, may in (
            ("https", False, public), ("https", True, internal), ("http", True, loopback_http),
        ):  # fmt: skip
            asked = Target(scheme, "h.example", 443, Secret("/"), is_internal)
            if may:
                assert http.resolved_addresses(asked) == [ipaddress.ip_address(address)]
            else:
                with pytest.raises(UsageError, match="leads to"):
                    http.resolved_addresses(asked)

    def test_one_bad_address_among_good_ones_is_refused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        found = [(0, 0, 0, "", ("93.184.216.34", 443)), (0, 0, 0, "", ("169.254.169.254", 443))]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
        with pytest.raises(UsageError, match="a reserved address"):
            http.resolved_addresses(Target("https", "h.example", 443, Secret("/"), False))

    def test_the_connection_goes_to_the_address_that_was_checked(
        self, serve: Serve, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A name that answers another address the second time gets no second time."""
        server, asked, real = serve(OK), list[str](), socket.getaddrinfo

        def once(host: str, *arguments: object, **named: object) -> object:
            asked.append(host)
            return real("127.0.0.1" if host == "h.example" else host, *arguments, **named)  # type: ignore[arg-type]

        monkeypatch.setattr(socket, "getaddrinfo", once)
        assert HttpClient(PATIENCE).post_json(target(server.port, "h.example"), {}).is_success
        assert asked.count("h.example") == 1
        assert f"Host: h.example:{server.port}".encode() in server.got[0]

    def test_a_proxy_of_the_environment_is_not_used(self, serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
        proxy, server = serve(OK), serve(OK)
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "https_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        assert HttpClient(PATIENCE).post_json(target(server.port), {"a": 1}).is_success
        assert (len(proxy.got), len(server.got)) == (0, 1)


class TestTheAnswer:
    def test_what_is_sent_is_what_was_given(self, serve: Serve) -> None:
        server = serve(OK)
        answer = HttpClient(PATIENCE).post_json(target(server.port), {"a": "ü"}, {"Authorization": Secret("Bearer x")})
        assert (answer.status, answer.json("h")) == (200, {})
        head, _, body = server.got[0].partition(b"\r\n\r\n")
        assert head.startswith(f"POST /{KEY} HTTP/1.1".encode())
        assert b"authorization: bearer x" in head.lower()
        assert json.loads(body) == {"a": "ü"}

    @pytest.mark.parametrize("header", [("X-Key", "a\r\nX-Injected: 1"), ("X Key", "a"), ("X-Key\n", "a"), ("X", "ü")])
    def test_a_header_cannot_bring_another(self, header: tuple[str, str], serve: Serve) -> None:
        server = serve(OK)
        with pytest.raises(UsageError, match="signs that no header may"):
            HttpClient(PATIENCE).post_json(target(server.port), {}, {header[0]: Secret(header[1])})
        assert server.got == []

    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    def test_a_redirect_is_not_followed(self, status: int, serve: Serve) -> None:
        """urllib followed it with a GET to any host, and called the alarm delivered."""
        other = serve(OK)
        first = serve(f"HTTP/1.1 {status} R\r\nLocation: http://127.0.0.1:{other.port}/{KEY}\r\n\r\n".encode())
        answer = HttpClient(PATIENCE).post_json(target(first.port), {}, read=False)
        assert (answer.is_success, answer.points_to) == (False, f"127.0.0.1:{other.port}")
        assert (len(first.got), other.got) == (1, [])

    @pytest.mark.parametrize(
        ("speak", "words"),
        [
            (byte_by_byte, "did not answer in time"),
            (lambda connection: time.sleep(3), "did not answer in time"),
            (lambda connection: None, "ended the connection"),
            (b"nonsense\r\n\r\n", "ended the connection"),
            (b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n{", "ended the connection"),
            (b"HTTP/1.1 200 OK\r\nContent-Length: 90000\r\n\r\n" + b"x" * 90000, "longer than 10,000 bytes"),
            (b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 90000, "longer than 10,000 bytes"),
        ],
    )  # fmt: skip
    def test_one_that_is_none_is_said_in_time(
        self, speak: bytes | Callable[[socket.socket], None], words: str, serve: Serve
    ) -> None:
        """A header sent byte by byte held the command for ever; a body of any size was read."""
        began = time.monotonic()
        with pytest.raises(NotAnswered, match=words) as failed:
            HttpClient(PATIENCE).post_json(target(serve(speak).port), {})
        assert time.monotonic() - began < 4
        assert KEY not in str(failed.value)
        assert failed.value.exit_code == 5

    def test_a_page_for_people_is_no_answer_of_an_interface(self, serve: Serve) -> None:
        page = b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: 6\r\n\r\n<html>"
        answer = HttpClient(PATIENCE).post_json(target(serve(page).port), {})
        with pytest.raises(NotAnswered, match="answered 200 with text/html where JSON was due"):
            answer.json("h")

    def test_an_answer_is_not_unpacked(self, serve: Serve) -> None:
        """A few packed bytes would become a gigabyte."""
        packed = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\n\x1f\x8b000"
        assert HttpClient(PATIENCE).post_json(target(serve(packed).port), {}).body == b"\x1f\x8b000"

    def test_nobody_there_is_said(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        with pytest.raises(NotAnswered, match=f"127.0.0.1:{port}: cannot be reached"):
            HttpClient(PATIENCE).post_json(target(port), {})

    def test_a_host_that_speaks_no_tls_is_said(self, serve: Serve) -> None:
        server = serve(lambda connection: connection.sendall(b"hello"))
        with pytest.raises(NotAnswered, match=r"TLS|did not answer|ended the connection"):
            HttpClient(PATIENCE).post_json(target(server.port, scheme="https"), {})


def test_nothing_else_speaks_http() -> None:
    """import-linter does not see what a function imports by its name."""
    root = Path(__file__).resolve().parents[2]
    asks = r"(?m:^\s*(?:import|from) requests\b)|\brequests\.(?:get|post|put|patch|delete|head|request|Session)\("
    speaks = re.compile(
        rf"urllib\.request(?! import url2pathname)|http\.client|{asks}|[\"' ](?:httpx|httpcore|urllib3)\b"
    )
    found = {
        str(path.relative_to(root))
        for folder in ("cvo_ml", "training")
        for path in (root / folder).rglob("*.py")
        if speaks.search(path.read_text(encoding="utf-8"))
    }
    assert found == {"cvo_ml/crm/http.py"}


def told(tmp_path: Path, port: int, webhook: str, alarms: bool = True) -> MonitorResult:
    """What ``monitor`` finds about a run that has an alarm, and what became of it."""
    place = Workspace(tmp_path / "out", tmp_path / "mlruns")
    health = Health(customers=2, orders=9, days_since_last_order=400 if alarms else 1).to_json()
    manifest = {"shop": "s", "models": {}, "health": health, "customers": {"known": 2, "scored": 2, "ineligible": {}}}
    write_run(place.scores, null_scores(["c-1", "c-2"]), manifest)
    policy = tmp_path / "monitoring.yaml"
    policy.write_text(f'webhooks: {{internal: ["127.0.0.1:{port}"]}}\n')
    assert load_config(policy, MonitoringPolicy).webhooks.internal
    return monitor(MonitorRequest(policy=policy, webhook=Secret(webhook)), place)


class TestTheAlarm:
    def test_it_arrives_and_says_nothing_about_customers(self, serve: Serve, tmp_path: Path) -> None:
        server = serve(OK)
        result = told(tmp_path, server.port, f"http://127.0.0.1:{server.port}/{KEY}")
        body = json.loads(server.got[0].partition(b"\r\n\r\n")[2])
        assert (body["shop"], body["run"], body["alarms"][0]["code"]) == ("s", result.run, "stale_input")
        assert b"c-1" not in server.got[0]
        assert result.to_json()["delivery"] == {
            "delivered": True, "to": f"127.0.0.1:{server.port}", "why": "", "is_refused": False,
        }  # fmt: skip
        assert failure_of(result).exit_code == 4

    @pytest.mark.parametrize(
        ("answer", "words"),
        [
            (b"HTTP/1.1 301 Moved\r\nLocation: https://o.example/x\r\n\r\n", "answered 301 and points to o.example"),
            (b"HTTP/1.1 307 Moved\r\nLocation: /x\r\n\r\n", "answered 307"),
            (b"HTTP/1.1 500 Broken\r\n\r\n", "answered 500"),
            (b"", "ended the connection"),
        ],
    )  # fmt: skip
    def test_one_that_was_not_taken_is_not_lost(self, answer: bytes, words: str, serve: Serve, tmp_path: Path) -> None:
        port = serve(answer).port
        result = told(tmp_path, port, f"http://127.0.0.1:{port}/{KEY}")
        assert [alarm.code for alarm in result.alarms] == ["stale_input"]
        assert result.delivery is not None
        assert not result.delivery.delivered
        failed = failure_of(result)
        assert words in str(failed)
        assert failed.exit_code == 5
        assert KEY not in str(failed) + json.dumps(result.to_json())

    def test_what_answers_a_page_of_two_hundred_has_taken_it(self, serve: Serve, tmp_path: Path) -> None:
        """Whatever it says: delivered is a 2xx to the POST itself, and its body is not read."""
        endless = serve(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n" + b"<html>" * 100_000)
        result = told(tmp_path, endless.port, f"http://127.0.0.1:{endless.port}/{KEY}")
        assert result.delivery is not None
        assert result.delivery.delivered

    @pytest.mark.parametrize("alarms", [True, False])
    @pytest.mark.parametrize(
        "webhook", ["ftp://127.0.0.1/x", f"https://other.example/{KEY}", f"http://u:{KEY}@127.0.0.1:9/x", "http:///x"]
    )
    def test_an_odd_address_is_a_wrong_use_and_the_alarm_stands(
        self, webhook: str, alarms: bool, tmp_path: Path
    ) -> None:
        result = told(tmp_path, 9, webhook, alarms)
        assert len(result.alarms) == alarms
        failed = failure_of(result)
        assert failed.exit_code == 2
        assert KEY not in str(failed) + json.dumps(result.to_json())

    def test_where_there_is_none_nothing_is_sent(self, serve: Serve, tmp_path: Path) -> None:
        server = serve(OK)
        result = told(tmp_path, server.port, f"http://127.0.0.1:{server.port}/{KEY}", alarms=False)
        assert (result.failure(), server.got) == (None, [])


def failure_of(result: MonitorResult) -> CvoError:
    failed = result.failure()
    assert failed is not None
    return failed
