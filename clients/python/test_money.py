"""Exact money, with a real model: what the answer says, what the receipt says and what was taken are one number."""

import concurrent.futures
import json
import urllib.request
from decimal import ROUND_CEILING, Decimal

import openai
import pytest

from conftest import MODEL, REAL_MODEL
from gateway import Account, exact

# As in the gateway's configuration: dollars per million tokens.
INPUT_RATE, OUTPUT_RATE = Decimal("0.10"), Decimal("0.40")
NANO = Decimal("0.000000001")
QUESTION = [{"role": "user", "content": "Name three colours."}]


def price(prompt_tokens: int, completion_tokens: int) -> Decimal:
    """One division, rounded up once to the nano-dollar."""
    exact_cost = (prompt_tokens * INPUT_RATE + completion_tokens * OUTPUT_RATE) / 1_000_000
    return exact_cost.quantize(NANO, rounding=ROUND_CEILING)


def post(account: Account, **more) -> tuple[str, bytes]:
    body = {"model": REAL_MODEL, "messages": QUESTION, "max_tokens": 24, "temperature": 0} | more
    headers = {"Authorization": f"Bearer {account.key}", "Content-Type": "application/json"}
    url = f"{account.gateway.url}/v1/chat/completions"
    with urllib.request.urlopen(urllib.request.Request(url, json.dumps(body).encode(), headers), timeout=50) as reply:
        return reply.headers["x-tollgate-call-id"], reply.read()


def test_a_real_answer_costs_what_its_tokens_cost(account: Account):
    call_id, body = post(account)
    answer = exact(body)
    assert answer["choices"][0]["message"]["content"]
    usage = answer["usage"]
    cost = price(usage["prompt_tokens"], usage["completion_tokens"])
    assert cost > 0
    assert Decimal(usage["cost"]) == cost
    assert Decimal(account.generation(call_id)["total_cost"]) == cost
    assert account.balance()["spent"] == cost


def test_a_real_stream_costs_what_its_tokens_cost(account: Account):
    call_id, body = post(account, stream=True, stream_options={"include_usage": True})
    events = [line.removeprefix(b"data: ") for line in body.split(b"\n") if line.startswith(b"data: ")]
    assert events[-1] == b"[DONE]"
    *chunks, last = [exact(event) for event in events[:-1]]
    text = "".join(choice["delta"].get("content") or "" for chunk in chunks for choice in chunk["choices"])
    assert text
    cost = price(last["usage"]["prompt_tokens"], last["usage"]["completion_tokens"])
    assert Decimal(last["usage"]["cost"]) == cost
    assert Decimal(account.generation(call_id)["total_cost"]) == cost
    assert account.balance()["spent"] == cost


def test_a_real_model_by_the_sdk(client: openai.OpenAI):
    stream = client.chat.completions.create(
        model=REAL_MODEL, messages=QUESTION, max_tokens=16, stream=True, extra_body={"provider": "local"}
    )
    assert "".join(chunk.choices[0].delta.content or "" for chunk in stream)


@pytest.mark.grant("0.01")
def test_a_poor_account_gets_the_answer_it_can_pay(client: openai.OpenAI, account: Account):
    """Without max_tokens the gateway writes one that the balance affords, and says so."""
    raw = client.chat.completions.with_raw_response.create(model=MODEL, messages=QUESTION)
    assert raw.parse().choices
    assert account.settled_balance()["available"] >= 0


@pytest.mark.grant("0.001")
def test_parallel_calls_never_spend_more_than_was_granted(account: Account):
    def call(_: int) -> int:
        with openai.OpenAI(base_url=f"{account.gateway.url}/v1", api_key=account.key, max_retries=0) as client:
            try:
                client.chat.completions.create(model=REAL_MODEL, messages=QUESTION, max_tokens=1000, stop=["e"])
                return 200
            except openai.APIStatusError as error:
                return error.status_code

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        statuses = list(pool.map(call, range(16)))
    assert set(statuses) <= {200, 402}
    assert 402 in statuses and 200 in statuses
    balance = account.settled_balance()
    assert balance["spent"] <= balance["granted"]
