"""Streams with the official SDK: text, usage, tools, errors in the middle, and a client that leaves."""

import json
import time

import openai
import pytest

from conftest import MODEL
from gateway import Account
from test_chat import WEATHER


def asking(text: str) -> list:
    return [{"role": "user", "content": text}]


def test_a_stream_tells_the_same_as_a_whole_answer(client: openai.OpenAI):
    question = asking("[[sim tokens=24]] Tell me of tolls.")
    whole = client.chat.completions.create(model=MODEL, messages=question, max_tokens=24, seed=1)
    stream = client.chat.completions.create(model=MODEL, messages=question, max_tokens=24, seed=1, stream=True)
    chunks = list(stream)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == whole.choices[0].message.content
    assert chunks[-1].choices[0].finish_reason == whole.choices[0].finish_reason
    assert len({chunk.id for chunk in chunks}) == 1


def test_usage_is_shown_to_those_who_ask(client: openai.OpenAI, account: Account):
    stream = client.chat.completions.create(
        model=MODEL,
        messages=asking("[[sim tokens=8]] Hello"),
        max_tokens=8,
        stream=True,
        stream_options={"include_usage": True},
    )
    *events, last = list(stream)
    assert last.choices == []
    assert last.usage.completion_tokens == 8
    assert all(event.usage is None for event in events)
    assert all(event.choices for event in events)
    # Both are read as floats here; test_money.py compares to the last digit.
    assert last.usage.cost == pytest.approx(float(account.settled_balance()["spent"]))


def test_usage_is_billed_and_not_shown_to_those_who_do_not_ask(client: openai.OpenAI, account: Account):
    stream = client.chat.completions.create(
        model=MODEL, messages=asking("[[sim tokens=8]] Hello"), max_tokens=8, stream=True
    )
    chunks = list(stream)
    assert all(chunk.choices and chunk.usage is None for chunk in chunks)
    (receipt,) = account.settled_receipts(1)
    assert receipt["outcome"] == "complete"
    assert account.balance()["spent"] > 0


def test_events_come_as_they_are_made(client: openai.OpenAI):
    stream = client.chat.completions.create(
        model=MODEL, messages=asking("[[sim tokens=10 gap_ms=100]] Slowly"), max_tokens=10, stream=True
    )
    start = time.monotonic()
    arrivals = [time.monotonic() - start for chunk in stream if chunk.choices and chunk.choices[0].delta.content]
    # Ten events take about a second; buffered, they would all arrive at its end.
    assert len(arrivals) >= 5
    assert arrivals[-1] - arrivals[0] > 0.4


def test_a_tool_call_in_pieces(client: openai.OpenAI):
    stream = client.chat.completions.create(
        model=MODEL,
        messages=asking("What is the weather in Paris?"),
        tools=[WEATHER],
        max_tokens=64,
        stream=True,
    )
    names, arguments, reasons = [], "", []
    for chunk in stream:
        for choice in chunk.choices:
            for call in choice.delta.tool_calls or []:
                names += [call.function.name] if call.function.name else []
                arguments += call.function.arguments or ""
            reasons += [choice.finish_reason] if choice.finish_reason else []
    assert names == ["get_weather"]
    assert "city" in json.loads(arguments)
    assert reasons == ["tool_calls"]


def test_the_stream_helper_of_the_sdk(client: openai.OpenAI):
    with client.chat.completions.stream(
        model=MODEL, messages=asking("[[sim tokens=8]] Hello"), max_tokens=8
    ) as stream:
        stream.until_done()
        final = stream.get_final_completion()
    assert final.choices[0].message.content


@pytest.mark.parametrize(
    "fault, outcome",
    [("error_after=3", "upstream_error"), ("cut_after=3", "cut"), ("no_done tokens=6 finish=none", "cut")],
)
def test_a_broken_answer_never_looks_whole(hasty: openai.OpenAI, account: Account, fault: str, outcome: str):
    stream = hasty.chat.completions.create(
        model=MODEL, messages=asking(f"[[sim {fault}]] Tell me of tolls."), max_tokens=40, stream=True
    )
    received = []
    with pytest.raises(openai.APIError) as caught:
        for chunk in stream:
            received.append(chunk)
    assert received, "some of the answer came before it broke"
    assert caught.value.message
    (receipt,) = account.settled_receipts(1)
    assert receipt["outcome"] == outcome


def test_a_client_that_leaves_pays_for_what_was_made(client: openai.OpenAI, account: Account):
    stream = client.chat.completions.create(
        model=MODEL, messages=asking("[[sim tokens=60 gap_ms=25]] A long story"), max_tokens=60, stream=True
    )
    call_id = stream.response.headers["x-tollgate-call-id"]
    for _, _ in zip(range(3), stream):
        pass
    assert account.balance()["held"] > 0
    stream.close()

    balance = account.settled_balance()
    assert balance["held"] == 0
    account.settled_receipts(1)
    receipt = account.generation(call_id)
    assert receipt["outcome"] == "client_gone"
    assert receipt["rule"] in ("drained", "relayed")
    assert receipt["total_cost"] == balance["spent"] > 0
