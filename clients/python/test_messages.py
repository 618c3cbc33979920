"""`/v1/messages` with Anthropic's official SDK: answers, streams, tools, counting, errors, models."""

import anthropic
import pytest

from conftest import MODEL, REAL_MODEL
from gateway import Account

WEATHER = {
    "name": "get_weather",
    "description": "The weather in a city",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}
QUESTION = [{"role": "user", "content": "What does a toll gate do?"}]


def user(text: str) -> list:
    return [{"role": "user", "content": text}]


@pytest.mark.parametrize("model", [MODEL, REAL_MODEL])
def test_an_answer_is_given_and_billed(claude: anthropic.Anthropic, account: Account, model: str):
    raw = claude.messages.with_raw_response.create(
        model=model, max_tokens=64, system="Answer briefly.", messages=QUESTION
    )
    message = raw.parse()
    assert (message.type, message.role) == ("message", "assistant")
    (block,) = message.content
    assert block.type == "text" and block.text
    assert message.stop_reason in ("end_turn", "max_tokens")

    receipt = account.settled_generation(raw.headers["x-tollgate-call-id"])
    # Anthropic counts what was read from a cache beside the input.
    assert receipt["tokens_prompt"] == message.usage.input_tokens + message.usage.cache_read_input_tokens
    assert receipt["tokens_completion"] == message.usage.output_tokens
    (stored,) = account.receipts()
    assert (stored["dialect"], stored["outcome"]) == ("messages", "complete")


def test_every_parameter_is_taken(claude: anthropic.Anthropic, account: Account):
    cached = {"cache_control": {"type": "ephemeral"}}
    pixel = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
    message = claude.messages.create(
        model=MODEL,
        max_tokens=40,
        system=[{"type": "text", "text": f"You are {account.id}."}, {"type": "text", "text": "Be brief.", **cached}],
        messages=[
            {"role": "user", "content": "Hello"},
            {"role": "assistant", "content": [{"type": "text", "text": "Good day."}]},
            {
                "role": "user",
                "content": [
                    {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": pixel}},
                    {"type": "text", "text": '[[sim text="one two three"]] Count.', **cached},
                ],
            },
        ],
        stop_sequences=["three"],
        metadata={"user_id": "someone"},
        # Not arguments of this SDK any more, and still part of the protocol.
        extra_body={"top_p": 0.9, "top_k": 5, "temperature": 0.5},
    )
    assert message.content[0].text.strip() == "one two"
    assert message.stop_reason in ("stop_sequence", "end_turn")
    (seen,) = account.gateway.model_saw(account.id)
    assert [chat["role"] for chat in seen["messages"]][-3:] == ["user", "assistant", "user"]
    assert [part["type"] for part in seen["messages"][-1]["content"]] == ["image_url", "text"]
    assert (seen["top_p"], seen["temperature"], seen["max_tokens"]) == (0.9, 0.5, 40)
    assert seen["messages"][-1]["content"][0]["image_url"]["url"] == f"data:image/png;base64,{pixel}"


@pytest.mark.parametrize("model", [MODEL, REAL_MODEL])
def test_a_stream_tells_its_final_message(claude: anthropic.Anthropic, model: str):
    with claude.messages.stream(model=model, max_tokens=24, messages=QUESTION) as stream:
        text = "".join(stream.text_stream)
        final = stream.get_final_message()
    assert text and final.content[0].text == text
    assert final.usage.input_tokens > 0 and final.usage.output_tokens > 0
    assert final.stop_reason in ("end_turn", "max_tokens")


def test_the_events_of_a_stream_come_in_order(claude: anthropic.Anthropic):
    stream = claude.messages.create(model=MODEL, max_tokens=24, messages=QUESTION, stream=True)
    kinds = [event.type for event in stream]
    assert kinds[0] == "message_start" and kinds[-2:] == ["message_delta", "message_stop"]
    within = [kind for kind in kinds[1:-2] if kind != "ping"]
    assert within[0] == "content_block_start" and within[-1] == "content_block_stop"
    assert within[1:-1] and set(within[1:-1]) == {"content_block_delta"}


def test_reasoning_is_a_block_of_its_own(claude: anthropic.Anthropic):
    with claude.messages.stream(
        model=MODEL,
        max_tokens=2000,
        thinking={"type": "enabled", "budget_tokens": 1024},
        messages=user("[[sim reasoning=6 tokens=8]] Think."),
    ) as stream:
        thoughts = "".join(event.thinking for event in stream if event.type == "thinking")
        final = stream.get_final_message()
    assert [block.type for block in final.content] == ["thinking", "text"]
    assert thoughts and final.content[0].thinking == thoughts


def test_a_tool_is_called_and_its_result_answered(claude: anthropic.Anthropic):
    messages: list = user("What is the weather in Paris?")
    with claude.messages.stream(model=MODEL, max_tokens=64, tools=[WEATHER], messages=messages) as stream:
        asked = stream.get_final_message()
    assert asked.stop_reason == "tool_use"
    (call,) = asked.content
    assert (call.type, call.name) == ("tool_use", "get_weather") and "city" in call.input

    messages.append({"role": "assistant", "content": asked.content})
    result = {"type": "tool_result", "tool_use_id": call.id, "content": [{"type": "text", "text": "17 degrees, dry"}]}
    messages.append({"role": "user", "content": [result]})
    answered = claude.messages.create(model=MODEL, max_tokens=64, tools=[WEATHER], messages=messages)
    assert "17 degrees, dry" in answered.content[0].text
    assert answered.stop_reason in ("end_turn", "max_tokens")


def test_tokens_are_counted_for_nothing(claude: anthropic.Anthropic, account: Account):
    short = claude.messages.count_tokens(model=MODEL, messages=QUESTION)
    long = claude.messages.count_tokens(model=MODEL, messages=QUESTION, system="Answer briefly.", tools=[WEATHER])
    assert 0 < short.input_tokens < long.input_tokens
    assert account.balance()["spent"] == 0


def test_both_spellings_of_the_credential(account: Account):
    for credential in ({"Authorization": f"Bearer {account.key}"}, {"x-api-key": account.key}):
        omitted = {name: anthropic.Omit() for name in ("Authorization", "x-api-key")}
        with anthropic.Anthropic(base_url=account.gateway.url, api_key="unused", max_retries=0) as client:
            headers = omitted | credential
            answer = client.messages.create(model=MODEL, max_tokens=8, messages=QUESTION, extra_headers=headers)
            assert answer.content
            assert client.models.list(extra_headers=headers).data


def test_models_are_listed(claude: anthropic.Anthropic):
    models = {model.id: model for model in claude.models.list(limit=1000)}
    assert {MODEL, REAL_MODEL} <= models.keys()
    assert models[MODEL].type == "model" and models[MODEL].display_name


def test_a_wrong_key(claude: anthropic.Anthropic):
    with pytest.raises(anthropic.AuthenticationError) as caught:
        claude.with_options(api_key="tg-not-a-key").messages.create(model=MODEL, max_tokens=8, messages=QUESTION)
    assert caught.value.type == "authentication_error"


def test_an_unknown_model(claude: anthropic.Anthropic):
    with pytest.raises(anthropic.NotFoundError) as caught:
        claude.messages.create(model="nobody/nothing", max_tokens=8, messages=QUESTION)
    assert caught.value.type == "not_found_error"


@pytest.mark.grant("0.000001")
def test_an_empty_account(claude: anthropic.Anthropic):
    with pytest.raises(anthropic.APIStatusError) as caught:
        claude.messages.create(model=MODEL, max_tokens=2000, messages=user("Words. " * 200))
    assert caught.value.status_code == 402
    assert caught.value.type == "billing_error"


@pytest.mark.parametrize(
    "wrong", [{"max_tokens": 0}, {"messages": []}, {"messages": "hello"}, {"tools": [{"name": "nothing more"}]}]
)
def test_a_wrong_request_costs_nothing(claude: anthropic.Anthropic, account: Account, wrong: dict):
    with pytest.raises(anthropic.BadRequestError) as caught:
        claude.messages.create(**({"model": MODEL, "max_tokens": 8, "messages": QUESTION} | wrong))
    assert caught.value.type == "invalid_request_error"
    assert caught.value.request_id
    assert account.balance()["spent"] == 0


def test_a_stream_that_breaks_never_looks_whole(claude: anthropic.Anthropic, account: Account):
    with pytest.raises(anthropic.APIError):
        with claude.messages.stream(
            model=MODEL, max_tokens=40, messages=user("[[sim cut_after=3]] Tell me of tolls.")
        ) as stream:
            stream.until_done()
    (receipt,) = account.settled_receipts(1)
    assert receipt["outcome"] == "cut"
