"""The server answers its own page and nobody else."""

from __future__ import annotations

import json
import socket
import threading
from urllib.parse import urlsplit

import pytest

httpx = pytest.importorskip("httpx")
pytest.importorskip("starlette")

from backstory.studio import server  # noqa: E402


@pytest.fixture
def client(served):
    parts = urlsplit(served.address)
    token = parts.query.removeprefix("token=")
    with httpx.Client(base_url=f"http://{parts.netloc}", headers={"X-Token": token}, timeout=30) as opened:
        yield opened


def send(client, **message):
    return client.post("/do", json=message)


def test_a_message_changes_the_state(client):
    assert send(client, do="preset", name="xor").status_code == 204
    assert client.get("/state").json()["setup"]["preset"] == "xor"


def test_the_stream_begins_with_the_whole_state_and_goes_on_with_changes(client):
    with client.stream("GET", "/events") as stream:
        lines = (line for line in stream.iter_lines() if line.startswith("data: "))
        whole = json.loads(next(lines).removeprefix("data: "))
        assert whole["values"]["loss"] == client.get("/state").json()["values"]["loss"]
        send(client, do="select", quantity="w5")
        while "story" not in (changed := json.loads(next(lines).removeprefix("data: "))):
            pass
        assert changed["story"]["quantity"] == "w5"


def test_two_tabs_see_the_same(client):
    with client.stream("GET", "/events") as one, client.stream("GET", "/events") as two:
        send(client, do="select", quantity="w1")
        for stream in (one, two):
            assert any('"quantity": "w1"' in line for line in stream.iter_lines())


@pytest.mark.parametrize("path", ["/", "/state", "/events"])
@pytest.mark.parametrize("token", [b"", b"wrong", "é".encode()])
def test_without_the_token_nothing_is_told(client, path, token):
    answer = client.get(path, headers={"X-Token": token})
    assert answer.status_code == 403
    assert "The token is missing or wrong" in answer.text


def test_without_the_token_nothing_is_done(client, served):
    before = served.session.state()["setup"]
    answer = client.post("/do", json={"do": "preset", "name": "xor"}, headers={"X-Token": ""})
    assert answer.status_code == 403
    assert served.session.state()["setup"] == before


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1:1", "localhost", ""])
@pytest.mark.parametrize("path", ["/", "/state", "/assets/studio.js"])
def test_another_host_is_refused(client, host, path):
    assert client.get(path, headers={"Host": host}).status_code in (403, 404)


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "https://127.0.0.1", "http://127.0.0.1:1"])
def test_another_pages_requests_are_refused(client, origin):
    answer = client.post("/do", json={"do": "reset"}, headers={"Origin": origin})
    assert answer.status_code == 403
    assert "another page" in answer.text


@pytest.mark.parametrize(
    "name",
    [
        "../session.py",
        "..%2fsession.py",
        "%2e%2e/session.py",
        "....//session.py",
        "/etc/passwd",
        "studio.js/../../session.py",
        "studio.js%00",
        "",
    ],
)
def test_a_path_outside_the_assets_is_refused(client, name):
    parts = urlsplit(str(client.base_url))
    with socket.create_connection((parts.hostname, parts.port)) as raw:
        raw.sendall(f"GET /assets/{name} HTTP/1.1\r\nHost: {parts.netloc}\r\nConnection: close\r\n\r\n".encode())
        answer = b"".join(iter(lambda: raw.recv(65536), b""))
    assert answer.startswith((b"HTTP/1.1 404", b"HTTP/1.1 400"))
    assert b"Session" not in answer


def test_a_body_of_100_mb_is_refused_before_it_is_read(client, served):
    def pieces():
        for _ in range(100):
            yield b"x" * (1 << 20)

    try:
        answer = client.post("/do", content=pieces(), headers={"Content-Type": "application/json"})
        assert answer.status_code == 413
        assert "at most 16 MB" in answer.text
    except httpx.WriteError:
        pass  # the server had closed before all was sent
    assert client.get("/state").status_code == 200


@pytest.mark.parametrize(
    "body", [b"{", b"[1, 2]", b'"play"', b"null", b"[" * 100_000, b"\xff\xfe", b"{}", b'{"do": 3}']
)
def test_what_is_no_message_is_refused_and_changes_nothing(client, served, body):
    before = served.session.state()["setup"]
    answer = client.post("/do", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code in (204, 400)
    assert served.session.state()["setup"] == before
    assert answer.status_code == 400 or served.session.state()["notice"]


def test_a_form_cannot_send_a_message(client):
    assert client.post("/do", data={"do": "reset"}).status_code == 415


def test_of_a_thousand_messages_a_second_only_some_are_taken(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(server.time, "monotonic", lambda: now[0])
    allowance = server.Allowance()
    taken = 0
    for _ in range(10_000):
        now[0] += 0.001
        taken += allowance.take()
    assert taken == pytest.approx(server.MOST_AT_ONCE + 10 * server.MOST_A_SECOND, abs=2)


def test_a_message_too_many_is_refused_and_a_later_one_taken(client, monkeypatch):
    monkeypatch.setattr(server.Allowance, "take", lambda self: False)
    refused = send(client, do="preset", name="xor")
    assert refused.status_code == 429
    assert "At most 100 messages a second" in refused.text
    assert client.get("/state").json()["setup"]["preset"] == "mazur"
    monkeypatch.undo()
    assert send(client, do="preset", name="xor").status_code == 204


def test_numbers_that_are_not_finite_are_sent_as_text(client, served):
    served.session._put(notice=float("nan"))
    assert client.get("/state").json()["notice"] == "nan"


def test_every_answer_forbids_foreign_content(client):
    for path in ("/", "/state", "/assets/studio.js"):
        headers = client.get(path).headers
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"


def test_messages_from_many_tabs_are_taken_one_at_a_time(client, served):
    threads = [threading.Thread(target=send, args=(client,), kwargs={"do": "step"}) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    served.waits_for(lambda state: state["training"]["step"] == 20)
