"""No SDK at all: the bytes on the wire, with Python's own HTTP client."""

import http.client
import json
import urllib.parse

import pytest

from conftest import MODEL
from gateway import Account


def post(account: Account, body: bytes, content_type: str = "application/json") -> http.client.HTTPResponse:
    address = urllib.parse.urlsplit(account.gateway.url)
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=30)
    headers = {"Authorization": f"Bearer {account.key}", "Content-Type": content_type}
    connection.request("POST", "/v1/chat/completions", body, headers)
    return connection.getresponse()


def question(text: str = "[[sim tokens=8]] Hello", **more) -> bytes:
    messages = [{"role": "user", "content": text}]
    return json.dumps({"model": MODEL, "messages": messages, "max_tokens": 8} | more).encode()


def test_the_bytes_of_a_stream(account: Account):
    reply = post(account, question(stream=True))
    assert reply.status == 200
    assert reply.getheader("content-type", "").startswith("text/event-stream")
    assert "no-cache" in reply.getheader("cache-control", "")
    assert reply.getheader("x-accel-buffering") == "no"
    assert reply.getheader("content-encoding") is None
    events = reply.read().split(b"\n\n")
    assert events[-1] == b""
    assert events[-2] == b"data: [DONE]"
    for event in events[:-2]:
        if not event.startswith(b":"):
            assert event.startswith(b"data: {")
            assert json.loads(event[len(b"data: ") :])["object"] == "chat.completion.chunk"


def test_a_slow_answer_is_kept_alive_by_comments(account: Account):
    reply = post(account, question("[[sim first_token_ms=1500 tokens=4]]", stream=True))
    assert reply.status == 200
    first = reply.fp.readline()  # the length of a chunk
    assert int(first, 16) > 0
    assert reply.fp.readline().startswith(b":")
    reply.close()


@pytest.mark.parametrize(
    "body, content_type, statuses",
    [
        (b"", "application/json", {400}),
        (b"not json", "application/json", {400}),
        (b'{"model":', "application/json", {400}),
        (b'{"model":"\xff\xfe"}', "application/json", {400}),
        (b"[" * 100_000, "application/json", {400}),
        (b'{"model":"a","model":"b","messages":[]}', "application/json", {400}),
        (question(), "text/plain", {400, 415}),
    ],
    ids=["empty", "not json", "cut", "not utf-8", "deep", "key twice", "content type"],
)
def test_bodies_that_are_no_requests(account: Account, body: bytes, content_type: str, statuses: set):
    reply = post(account, body, content_type)
    error = json.loads(reply.read())["error"]
    assert reply.status in statuses
    assert set(error) == {"message", "type", "param", "code"}
    assert error["type"] == "invalid_request_error"
    assert account.balance()["spent"] == 0


def test_every_reply_names_its_call(account: Account):
    for body in (question(), b"not json"):
        reply = post(account, body)
        reply.read()
        assert reply.getheader("x-tollgate-call-id")
