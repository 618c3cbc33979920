"""Errors arrive as the SDK's own exception classes, with the status, the code and the parameter that is at fault."""

import time

import httpx2
import openai
import pytest

from conftest import MODEL
from gateway import Account, fetch

QUESTION = [{"role": "user", "content": "Hello"}]


def asking(text: str) -> list:
    return [{"role": "user", "content": text}]


def test_a_wrong_key(client: openai.OpenAI):
    with pytest.raises(openai.AuthenticationError) as caught:
        client.with_options(api_key="tg-not-a-key").chat.completions.create(model=MODEL, messages=QUESTION)
    assert caught.value.status_code == 401
    assert caught.value.code == "invalid_api_key"


def test_a_revoked_key(client: openai.OpenAI, account: Account):
    second = account.gateway.admin("POST", f"/admin/accounts/{account.id}/keys", {"name": "second"})
    renewed = client.with_options(api_key=second["secret"])
    assert renewed.chat.completions.create(model=MODEL, messages=QUESTION, max_tokens=4).choices
    account.gateway.admin("DELETE", f"/admin/keys/{second['id']}")
    with pytest.raises(openai.AuthenticationError):
        renewed.chat.completions.create(model=MODEL, messages=QUESTION, max_tokens=4)


@pytest.mark.parametrize(
    "wrong, param",
    [
        ({"max_tokens": -1}, "max_tokens"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": "many"}, "max_tokens"),
        ({"max_tokens": 1.5}, "max_tokens"),
        ({"n": 0}, "n"),
        ({"n": -2}, "n"),
        ({"messages": "hello"}, "messages"),
    ],
)
def test_a_wrong_parameter_is_named(client: openai.OpenAI, account: Account, wrong: dict, param: str):
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(**({"model": MODEL, "messages": QUESTION} | wrong))
    assert caught.value.param == param
    assert caught.value.type == "invalid_request_error"
    assert account.balance()["spent"] == 0


def test_an_unknown_provider_is_a_bad_request_that_lists_the_known_ones(client: openai.OpenAI):
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(model=MODEL, messages=QUESTION, extra_body={"provider": "nobody"})
    assert caught.value.param == "provider"
    assert "huggingface" in caught.value.message and "local" in caught.value.message


def test_an_unknown_model_is_not_found_and_close_ones_are_named(client: openai.OpenAI):
    with pytest.raises(openai.NotFoundError) as caught:
        client.chat.completions.create(model="meta-llama/Llama-3.1-8B-Instrct", messages=QUESTION)
    assert caught.value.code == "model_not_found"
    assert MODEL in caught.value.message
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("nobody/nothing")


@pytest.mark.grant("0.000001")
def test_no_credit_is_refused_once_and_not_tried_again(account: Account):
    sent = []
    counting = httpx2.Client(event_hooks={"request": [sent.append]})
    client = openai.OpenAI(base_url=f"{account.gateway.url}/v1", api_key=account.key, http_client=counting)
    with pytest.raises(openai.APIStatusError) as caught:
        client.chat.completions.create(model=MODEL, messages=QUESTION, max_tokens=4000)
    assert caught.value.status_code == 402
    assert caught.value.code == "insufficient_credits"
    assert caught.value.response.headers["x-should-retry"] == "false"
    assert len(sent) == 1
    assert account.balance()["spent"] == 0


@pytest.mark.parametrize(
    "script, expected",
    [
        ("status=429 retry_after=30", openai.RateLimitError),
        ("status=500", openai.InternalServerError),
        ("status=502 body=html", openai.InternalServerError),
        ("status=503 body=empty", openai.InternalServerError),
        ("ok_error", openai.InternalServerError),
        # Our own credential is at fault, so it is no 401 of the client's.
        ("status=401", openai.InternalServerError),
    ],
)
def test_upstream_errors(hasty: openai.OpenAI, account: Account, script: str, expected: type):
    with pytest.raises(expected) as caught:
        hasty.chat.completions.create(model=MODEL, messages=asking(f"[[sim {script}]]"), max_tokens=8)
    assert "hf_simulated_token" not in str(caught.value)
    assert caught.value.response.headers["x-tollgate-call-id"]
    assert account.settled_balance()["spent"] == 0


def test_the_sdk_waits_as_long_as_the_provider_asks(client: openai.OpenAI, account: Account):
    """Longer than the gateway waits itself, and this provider alone will do: so waiting is left to the client."""
    script = f"[[sim status=429 retry_after=6 times=1 id={account.id}]]"
    start = time.monotonic()
    answer = client.chat.completions.create(model=f"{MODEL}:groq", messages=asking(script), max_tokens=8)
    assert answer.choices[0].message.content
    assert time.monotonic() - start >= 6
    outcomes = [receipt["outcome"] for receipt in account.settled_receipts(2)]
    assert outcomes == ["complete", "upstream_error"]


def test_what_the_gateway_has_retried_is_not_retried_again(account: Account):
    sent = []
    counting = httpx2.Client(event_hooks={"request": [sent.append]})
    client = openai.OpenAI(base_url=f"{account.gateway.url}/v1", api_key=account.key, http_client=counting)
    with pytest.raises(openai.InternalServerError) as caught:
        client.chat.completions.create(model=MODEL, messages=asking("[[sim status=503]]"), max_tokens=8)
    assert caught.value.response.headers["x-should-retry"] == "false"
    assert len(sent) == 1
    (receipt,) = account.settled_receipts(1)
    assert receipt["attempts"] == 3


def test_a_transient_fault_is_mended_by_the_gateway(hasty: openai.OpenAI, account: Account):
    script = f"[[sim status=503 times=2 id={account.id}]]"
    answer = hasty.chat.completions.create(model=MODEL, messages=asking(script), max_tokens=8)
    assert answer.choices[0].message.content
    (receipt,) = account.settled_receipts(1)
    assert (receipt["outcome"], receipt["attempts"]) == ("complete", 3)


def test_a_client_that_waits_no_longer(hasty: openai.OpenAI, account: Account):
    with pytest.raises(openai.APITimeoutError):
        hasty.with_options(timeout=0.5).chat.completions.create(
            model=MODEL, messages=asking("[[sim first_token_ms=2000]]"), max_tokens=8
        )
    (receipt,) = account.settled_receipts(1)
    assert receipt["outcome"] == "client_gone"


def test_the_account_as_its_owner_sees_it(client: openai.OpenAI, account: Account):
    client.chat.completions.create(model=MODEL, messages=QUESTION, max_tokens=8)
    credits = fetch("GET", f"{account.gateway.url}/v1/credits", account.key)["data"]
    balance = account.balance()
    assert credits["total_credits"] == balance["granted"]
    assert credits["total_usage"] == balance["spent"] > 0
    key = fetch("GET", f"{account.gateway.url}/v1/key", account.key)["data"]
    assert key["usage"] == balance["spent"]
