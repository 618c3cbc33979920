"""Whole answers with the official SDK: text, parameters, formats, tools, models, the provider's name."""

import json

import openai
import pytest

from conftest import MODEL
from gateway import Account

QUESTION = [{"role": "user", "content": "What does a toll gate do?"}]
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather in a city",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


def test_an_answer_has_text_usage_and_a_receipt(client: openai.OpenAI, account: Account):
    raw = client.chat.completions.with_raw_response.create(model=MODEL, messages=QUESTION, max_tokens=32)
    answer = raw.parse()
    assert answer.object == "chat.completion"
    assert answer.choices[0].message.role == "assistant"
    assert answer.choices[0].message.content
    assert answer.usage.prompt_tokens > 0 and answer.usage.completion_tokens > 0

    receipt = account.generation(raw.headers["x-tollgate-call-id"])
    assert receipt["outcome"] == "complete"
    assert receipt["usage_source"] == "reported"
    assert receipt["tokens_prompt"] == answer.usage.prompt_tokens
    assert receipt["tokens_completion"] == answer.usage.completion_tokens
    assert account.balance()["spent"] > 0


def test_every_parameter_is_taken(client: openai.OpenAI):
    answer = client.chat.completions.create(
        model=MODEL,
        messages=[
            {"role": "system", "content": "Answer in one word."},
            {"role": "user", "content": [{"type": "text", "text": "Which colour is this?"}]},
        ],
        max_tokens=20,
        temperature=0.2,
        top_p=0.9,
        n=2,
        seed=7,
        stop=["\n"],
        presence_penalty=0.1,
        frequency_penalty=0.1,
        user="someone",
        extra_body={"a_field_of_tomorrow": {"kept": True}},
    )
    assert len(answer.choices) == 2


def test_a_tool_is_called_and_its_result_answered(client: openai.OpenAI):
    messages: list = [{"role": "user", "content": "What is the weather in Paris?"}]
    first = client.chat.completions.create(model=MODEL, messages=messages, tools=[WEATHER], max_tokens=64)
    assert first.choices[0].finish_reason == "tool_calls"
    call = first.choices[0].message.tool_calls[0]
    assert call.function.name == "get_weather"
    assert "city" in json.loads(call.function.arguments)

    messages.append(first.choices[0].message)
    messages.append({"role": "tool", "tool_call_id": call.id, "content": '{"celsius": 21}'})
    second = client.chat.completions.create(model=MODEL, messages=messages, tools=[WEATHER], max_tokens=64)
    assert second.choices[0].finish_reason in ("stop", "length")
    assert second.choices[0].message.content


def test_an_answer_in_a_schema(client: openai.OpenAI):
    schema = {
        "type": "object",
        "properties": {"city": {"type": "string"}, "people": {"type": "integer"}},
        "required": ["city", "people"],
        "additionalProperties": False,
    }
    answer = client.chat.completions.create(
        model=MODEL,
        messages=QUESTION,
        max_tokens=256,
        response_format={"type": "json_schema", "json_schema": {"name": "city", "schema": schema, "strict": True}},
    )
    value = json.loads(answer.choices[0].message.content)
    assert isinstance(value["city"], str) and isinstance(value["people"], int)


@pytest.mark.parametrize("name", ["huggingface", "hug"])
def test_the_provider_by_name(client: openai.OpenAI, name: str):
    answer = client.chat.completions.create(
        model=MODEL, messages=QUESTION, max_tokens=16, extra_body={"provider": name}
    )
    assert answer.choices[0].message.content


def test_models_are_listed_and_found_by_ids_with_a_slash(client: openai.OpenAI):
    listed = {model.id for model in client.models.list()}
    assert {MODEL, "smollm2-135m"} <= listed
    found = client.models.retrieve(MODEL)
    assert (found.id, found.object) == (MODEL, "model")


def test_two_accounts_pay_for_their_own_calls(client: openai.OpenAI, account: Account):
    other = account.gateway.account("the other")
    client.chat.completions.create(model=MODEL, messages=QUESTION, max_tokens=16)
    assert account.balance()["spent"] > 0
    assert other.balance()["spent"] == 0
