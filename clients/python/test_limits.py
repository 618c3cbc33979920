"""The SDK as shipped against limits: it waits out a rate by itself, and does not try again what waiting does not mend."""

import time
import urllib.request

import openai
import pytest

from conftest import MODEL
from gateway import ADMIN_KEY, Account

QUESTION = [{"role": "user", "content": "Name a colour of the rainbow."}]


def put_on(account: Account, name: str, plan: dict) -> None:
    """Makes a plan and puts the account on it."""
    account.gateway.admin("PUT", f"/admin/plans/{name}", plan)
    account.gateway.admin("PATCH", f"/admin/accounts/{account.id}", {"plan": name})


def ask(client: openai.OpenAI, **more):
    return client.chat.completions.create(**({"model": MODEL, "messages": QUESTION, "max_tokens": 4} | more))


def statuses(account: Account, count: int) -> list[int]:
    """Of the account's calls, the first one first: each try of the SDK is one."""
    return [receipt["status"] for receipt in reversed(account.settled_receipts(count))]


def turned_away(account: Account) -> int:
    """Calls that ran into a rate, at the whole gateway. They leave no receipt."""
    gateway = account.gateway
    request = urllib.request.Request(f"{gateway.admin_url}/metrics", headers={"Authorization": f"Bearer {ADMIN_KEY}"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    name = 'tollgate_refusals_total{code="rate_limit_exceeded"} '
    return sum(int(line.removeprefix(name)) for line in lines if line.startswith(name))


def test_a_rate_is_waited_out(client: openai.OpenAI, account: Account):
    put_on(account, "slow", {"limits": {"requests_per_minute": 40, "requests_burst": 1}})
    assert ask(client).choices
    before = turned_away(account)
    began = time.monotonic()
    assert ask(client).choices
    waited = time.monotonic() - began
    # One of forty a minute takes a second and a half. Without being told, the SDK comes back after less than one.
    assert 1.0 < waited < 4, waited
    assert statuses(account, 2) == [200, 200]
    assert turned_away(account) == before + 1, "one try too early, and one in time"


@pytest.mark.parametrize(
    "name, plan, status, code",
    [
        ("used-up", {"limits": {"requests_per_day": 1}}, 429, "quota_exceeded"),
        ("tokens-used-up", {"key": {"tokens_total": 30}}, 429, "quota_exceeded"),
        ("capped", {"key": {"spend_per_month": "0.000005"}}, 402, "spend_cap_reached"),
        ("other-models", {"models": ["nobody/*"]}, 403, "model_not_allowed"),
    ],
)
def test_what_waiting_does_not_mend_is_tried_once(
    client: openai.OpenAI, account: Account, name: str, plan: dict, status: int, code: str
):
    assert ask(client, max_tokens=16).choices
    put_on(account, name, plan)
    began = len(account.settled_receipts(1))
    # The second call at the latest meets the limit: a new plan counts what was used before it.
    with pytest.raises(openai.APIStatusError) as caught:
        ask(client, max_tokens=64)
    assert (caught.value.status_code, caught.value.code) == (status, code)
    assert statuses(account, began + 1)[began:] == [status]


def test_credit_that_does_not_cover_a_call_is_tried_once(client: openai.OpenAI, account: Account):
    with pytest.raises(openai.APIStatusError) as caught:
        ask(client, n=100, max_tokens=100_000)
    assert (caught.value.status_code, caught.value.code) == (402, "insufficient_credits")
    assert statuses(account, 1) == [402]


def test_where_the_rates_stand_is_read_as_from_openai(client: openai.OpenAI, account: Account):
    put_on(account, "told", {"limits": {"requests_per_minute": 60, "requests_burst": 5, "tokens_per_minute": 1000}})
    raw = client.chat.completions.with_raw_response.create(model=MODEL, messages=QUESTION, max_tokens=4)
    told = {name: raw.headers[f"x-ratelimit-{name}"] for name in ("limit-requests", "remaining-requests", "limit-tokens")}
    assert told == {"limit-requests": "5", "remaining-requests": "4", "limit-tokens": "1000"}
    assert raw.headers["x-ratelimit-reset-requests"].endswith("s")
