"""`/v1/responses` with the official SDK: answers, streams, reasoning, structure, tools, counting, errors."""

import json

import openai
import pydantic
import pytest

from conftest import MODEL, REAL_MODEL
from gateway import Account, text_of

WEATHER = {
    "type": "function",
    "name": "get_weather",
    "description": "The weather in a city",
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
        "additionalProperties": False,
    },
    "strict": True,
}
# What an answer's object has at least, whatever was asked.
REQUIRED = {"id", "object", "created_at", "status", "error", "incomplete_details", "model", "output", "usage", "store"}


class Toll(pydantic.BaseModel):
    bridge: str
    cents: int


def user(text: str) -> dict:
    return {"role": "user", "content": text}


@pytest.mark.parametrize("model", [MODEL, REAL_MODEL])
def test_a_string_is_answered_and_billed(client: openai.OpenAI, account: Account, model: str):
    raw = client.responses.with_raw_response.create(
        model=model, input="What does a toll gate do?", instructions="Answer briefly.", max_output_tokens=64
    )
    response = raw.parse()
    assert REQUIRED <= json.loads(raw.text).keys()
    assert response.object == "response" and response.id.startswith("resp_")
    assert response.status in ("completed", "incomplete")
    assert response.output_text
    assert response.usage.total_tokens == response.usage.input_tokens + response.usage.output_tokens

    receipt = account.settled_generation(raw.headers["x-tollgate-call-id"])
    assert receipt["outcome"] == "complete"
    assert receipt["tokens_prompt"] == response.usage.input_tokens
    assert receipt["tokens_completion"] == response.usage.output_tokens
    (stored,) = account.receipts()
    assert stored["dialect"] == "responses"


def test_items_reach_the_model_as_messages(client: openai.OpenAI, account: Account):
    client.responses.create(
        model=MODEL,
        instructions=f"You are {account.id}.",
        input=[
            {"type": "message", "role": "developer", "content": "Be brief."},
            user("Hello"),
            {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Good day."}]},
            {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "And now?"}]},
        ],
        max_output_tokens=16,
    )
    (seen,) = account.gateway.model_saw(account.id)
    texts = [text_of(message) for message in seen["messages"]]
    assert texts[0].startswith(f"You are {account.id}.")
    assert texts[-3:] == ["Hello", "Good day.", "And now?"]
    assert [message["role"] for message in seen["messages"][-3:]] == ["user", "assistant", "user"]


def test_a_stream_is_what_is_stored(client: openai.OpenAI):
    text, numbers = "", []
    with client.responses.stream(
        model=MODEL, input="[[sim tokens=24]] Tell me of tolls.", max_output_tokens=24
    ) as stream:
        for event in stream:
            numbers.append(event.sequence_number)
            text += event.delta if event.type == "response.output_text.delta" else ""
            if event.type == "response.output_text.done":
                assert event.text == text
        final = stream.get_final_response()
    assert text and final.output_text == text
    assert numbers == list(range(len(numbers)))
    stored = client.responses.retrieve(final.id)
    assert stored.output_text == text
    assert (stored.id, stored.status, stored.usage) == (final.id, final.status, final.usage)
    assert [item.id for item in stored.output] == [item.id for item in final.output]


def test_the_real_model_streams(client: openai.OpenAI):
    with client.responses.stream(model=REAL_MODEL, input="Say hello.", max_output_tokens=24, temperature=0) as stream:
        text = "".join(event.delta for event in stream if event.type == "response.output_text.delta")
    assert text and stream.get_final_response().output_text == text


def test_reasoning_is_an_item_of_its_own(client: openai.OpenAI):
    with client.responses.stream(
        model=MODEL, input="[[sim reasoning=6 tokens=8]] Think.", max_output_tokens=64
    ) as stream:
        kinds = {event.type for event in stream}
        final = stream.get_final_response()
    assert [item.type for item in final.output] == ["reasoning", "message"]
    assert any(kind.startswith("response.reasoning") for kind in kinds)
    assert final.usage.output_tokens_details.reasoning_tokens == 6


def test_an_answer_that_was_cut_says_so(client: openai.OpenAI):
    response = client.responses.create(model=MODEL, input="[[sim tokens=40]] Tell me of tolls.", max_output_tokens=8)
    assert response.status == "incomplete"
    assert response.incomplete_details.reason == "max_output_tokens"


@pytest.mark.parametrize("model", [MODEL, REAL_MODEL])
def test_structured_output(client: openai.OpenAI, model: str):
    response = client.responses.parse(
        model=model, input="What does the bridge cost?", text_format=Toll, max_output_tokens=200, temperature=0
    )
    assert isinstance(response.output_parsed, Toll)


def test_a_tool_is_called_and_its_result_answered(client: openai.OpenAI):
    asked = client.responses.create(
        model=MODEL, input="What is the weather in Paris?", tools=[WEATHER], max_output_tokens=64
    )
    (call,) = asked.output
    assert (call.type, call.name, call.status) == ("function_call", "get_weather", "completed")
    assert call.id != call.call_id and "city" in json.loads(call.arguments)

    result = {"type": "function_call_output", "call_id": call.call_id, "output": "17 degrees, dry"}
    answered = client.responses.create(
        model=MODEL, input=[result], previous_response_id=asked.id, tools=[WEATHER], max_output_tokens=64
    )
    assert "17 degrees, dry" in answered.output_text


def test_a_hosted_tool_that_is_left_out_is_told(client: openai.OpenAI):
    # Coding agents offer it with every request and work without it.
    tools = [WEATHER, {"type": "web_search"}]
    asked = {"model": MODEL, "input": "What is the weather in Paris?", "max_output_tokens": 64}
    raw = client.responses.with_raw_response.create(**asked, tools=tools)
    assert raw.headers["x-tollgate-dropped-tools"] == "web_search"
    assert [call.name for call in raw.parse().output] == ["get_weather"]
    assert "x-tollgate-dropped-tools" not in client.responses.with_raw_response.create(**asked, tools=[WEATHER]).headers


def test_a_tool_call_without_state(client: openai.OpenAI):
    question = user("What is the weather in Paris?")
    with client.responses.stream(
        model=MODEL, input=[question], tools=[WEATHER], store=False, max_output_tokens=64
    ) as stream:
        arguments = "".join(event.delta for event in stream if event.type == "response.function_call_arguments.delta")
        asked = stream.get_final_response()
    (call,) = asked.output
    assert call.arguments == arguments
    replayed = [item.model_dump(exclude={"parsed_arguments"}, exclude_none=True) for item in asked.output]
    result = {"type": "function_call_output", "call_id": call.call_id, "output": "17 degrees, dry"}
    answered = client.responses.create(
        model=MODEL, input=[question, *replayed, result], tools=[WEATHER], store=False, max_output_tokens=64
    )
    assert "17 degrees, dry" in answered.output_text


def test_input_is_counted(client: openai.OpenAI):
    short = client.responses.input_tokens.count(model=MODEL, input="Hello")
    long = client.responses.input_tokens.count(model=MODEL, input="Hello, what does a toll gate do all day long?")
    assert short.object == "response.input_tokens"
    assert 0 < short.input_tokens < long.input_tokens


@pytest.mark.parametrize(
    "wrong, param",
    [
        ({"input": 7}, "input"),
        ({"max_output_tokens": -1}, "max_output_tokens"),
        ({"background": True, "store": False}, ("background", "store")),
        ({"tools": [{"type": "code_interpreter", "container": {"type": "auto"}}]}, "tools"),
    ],
)
def test_a_wrong_parameter_is_named(hasty: openai.OpenAI, account: Account, wrong: dict, param):
    with pytest.raises(openai.BadRequestError) as caught:
        hasty.responses.create(**({"model": MODEL, "input": "Hello"} | wrong))
    assert caught.value.type == "invalid_request_error"
    assert caught.value.param.startswith(param)
    assert account.balance()["spent"] == 0


@pytest.mark.parametrize(
    "missing, code",
    [
        ({"model": "nobody/nothing"}, "model_not_found"),
        ({"previous_response_id": f"resp_{0:032x}"}, "previous_response_not_found"),
        ({"conversation": f"conv_{0:032x}"}, "conversation_not_found"),
    ],
)
def test_what_does_not_exist_is_not_found(hasty: openai.OpenAI, account: Account, missing: dict, code: str):
    with pytest.raises(openai.NotFoundError) as caught:
        hasty.responses.create(**({"model": MODEL, "input": "Hello"} | missing))
    assert caught.value.code == code
    assert account.balance()["spent"] == 0


def test_a_stream_that_breaks_has_failed(hasty: openai.OpenAI, account: Account):
    stream = hasty.responses.create(
        model=MODEL, input="[[sim cut_after=3]] Tell me of tolls.", max_output_tokens=40, stream=True
    )
    *_, last = list(stream)
    assert last.type == "response.failed"
    assert last.response.status == "failed" and last.response.error.message
    (receipt,) = account.settled_receipts(1)
    assert receipt["outcome"] == "cut"
