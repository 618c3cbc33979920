"""`/v1/responses` with the official SDK: answers, history on any model, streams, tools, stored state, background."""

import json

import openai
import pydantic
import pytest

from conftest import MODEL, REAL_MODEL
from gateway import Account, wait_for

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
    assert REQUIRED <= json.loads(raw.text()).keys()
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


def text_of(message: dict) -> str:
    content = message["content"]
    return content if isinstance(content, str) else "".join(part["text"] for part in content)


def test_a_second_turn_has_the_first_before_it(client: openai.OpenAI, account: Account):
    first = client.responses.create(
        model=MODEL, instructions="Be polite.", input=f"My name is {account.id}.", max_output_tokens=32
    )
    second = client.responses.create(
        model=MODEL, input="What is my name?", previous_response_id=first.id, max_output_tokens=32
    )
    assert second.previous_response_id == first.id
    seen = account.gateway.model_saw(account.id)[-1]["messages"]
    # Instructions are of one call and are not inherited.
    assert [message["role"] for message in seen] == ["user", "assistant", "user"]
    assert [text_of(message) for message in seen] == [
        f"My name is {account.id}.",
        first.output_text,
        "What is my name?",
    ]
    # History goes on at another provider, and a turn may have two children.
    other = client.responses.create(
        model=REAL_MODEL, input="And what is yours?", previous_response_id=first.id, max_output_tokens=8
    )
    assert other.previous_response_id == first.id and other.output_text


def test_a_stream_is_what_is_stored(client: openai.OpenAI):
    text, numbers = "", []
    with client.responses.stream(model=MODEL, input="[[sim tokens=24]] Tell me of tolls.", max_output_tokens=24) as stream:
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
    with client.responses.stream(model=MODEL, input="[[sim reasoning=6 tokens=8]] Think.", max_output_tokens=64) as stream:
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


def test_what_is_stored_can_be_read_and_deleted(hasty: openai.OpenAI):
    response = hasty.responses.create(
        model=MODEL, input=[user("One"), user("Two"), user("Three")], metadata={"topic": "tolls"}, max_output_tokens=16
    )
    read = hasty.responses.retrieve(response.id)
    assert read.output == response.output and read.metadata == {"topic": "tolls"}

    items = hasty.responses.input_items.list(response.id, limit=2, order="asc")
    assert [item.content[0].text for item in items.data] == ["One", "Two"]
    # The SDK walks the pages by itself.
    assert [item.content[0].text for item in items] == ["One", "Two", "Three"]
    assert [item.content[0].text for item in hasty.responses.input_items.list(response.id)] == ["Three", "Two", "One"]

    hasty.responses.delete(response.id)
    for use in (hasty.responses.retrieve, hasty.responses.input_items.list, hasty.responses.delete):
        with pytest.raises(openai.NotFoundError):
            use(response.id)
    with pytest.raises((openai.NotFoundError, openai.BadRequestError)) as caught:
        hasty.responses.create(model=MODEL, input="And?", previous_response_id=response.id)
    assert caught.value.code == "previous_response_not_found"


def test_what_is_not_stored_is_not_there(hasty: openai.OpenAI):
    response = hasty.responses.create(model=MODEL, input="Forget this.", store=False, max_output_tokens=16)
    assert response.store is False
    with pytest.raises(openai.NotFoundError):
        hasty.responses.retrieve(response.id)


def test_another_account_sees_nothing(hasty: openai.OpenAI, account: Account):
    response = hasty.responses.create(model=MODEL, input="A secret of mine.", max_output_tokens=16)
    stranger = hasty.with_options(api_key=account.gateway.account("a stranger").key)
    for use in (stranger.responses.retrieve, stranger.responses.input_items.list, stranger.responses.delete):
        with pytest.raises(openai.NotFoundError):
            use(response.id)
    assert hasty.responses.retrieve(response.id).id == response.id


def test_a_conversation_keeps_its_items(client: openai.OpenAI, account: Account):
    conversation = client.conversations.create(items=[user(f"My name is {account.id}.")], metadata={"topic": "names"})
    assert conversation.object == "conversation"
    first = client.responses.create(
        model=MODEL, input="Good morning.", conversation=conversation.id, max_output_tokens=16
    )
    assert first.conversation.id == conversation.id
    client.responses.create(model=MODEL, input="What is my name?", conversation=conversation.id, max_output_tokens=16)
    seen = account.gateway.model_saw(account.id)[-1]["messages"]
    assert [message["role"] for message in seen] == ["user", "user", "assistant", "user"]
    assert text_of(seen[2]) == first.output_text

    items = list(client.conversations.items.list(conversation.id, order="asc"))
    assert [item.role for item in items] == ["user", "user", "assistant", "user", "assistant"]
    added = client.conversations.items.create(conversation.id, items=[user("One more thing.")])
    (last,) = added.data
    assert client.conversations.items.retrieve(last.id, conversation_id=conversation.id).id == last.id
    client.conversations.items.delete(last.id, conversation_id=conversation.id)
    assert last.id not in [item.id for item in client.conversations.items.list(conversation.id)]

    assert client.conversations.retrieve(conversation.id).metadata == {"topic": "names"}
    assert client.conversations.update(conversation.id, metadata={"topic": "none"}).metadata == {"topic": "none"}
    assert client.conversations.delete(conversation.id).deleted
    with pytest.raises(openai.NotFoundError):
        client.conversations.retrieve(conversation.id)


def test_work_in_the_background_is_polled(client: openai.OpenAI):
    queued = client.responses.create(
        model=MODEL, input="[[sim tokens=12 gap_ms=20]] Take your time.", background=True, max_output_tokens=12
    )
    assert queued.status in ("queued", "in_progress") and queued.background is True
    done = wait_for(
        lambda: client.responses.retrieve(queued.id),
        lambda response: response.status not in ("queued", "in_progress"),
        "the response is not done",
    )
    assert done.status == "completed" and done.output_text


def test_work_in_the_background_is_cancelled(client: openai.OpenAI, account: Account):
    queued = client.responses.create(
        model=MODEL, input="[[sim tokens=400 gap_ms=50]] Take for ever.", background=True, max_output_tokens=400
    )
    assert client.responses.cancel(queued.id).status == "cancelled"
    assert client.responses.cancel(queued.id).status == "cancelled"
    assert client.responses.retrieve(queued.id).status == "cancelled"
    assert account.settled_balance()["held"] == 0


def test_a_stream_in_the_background_is_taken_up_again(client: openai.OpenAI):
    stream = client.responses.create(
        model=MODEL,
        input="[[sim tokens=20 gap_ms=20]] Tell me of tolls.",
        background=True,
        stream=True,
        max_output_tokens=20,
    )
    seen = [event for event, _ in zip(stream, range(5))]
    stream.close()
    response_id = seen[0].response.id
    rest = list(client.responses.retrieve(response_id, stream=True, starting_after=seen[-1].sequence_number))
    numbers = [event.sequence_number for event in seen + rest]
    assert numbers == list(range(len(numbers)))
    assert rest[-1].type == "response.completed"
    text = "".join(event.delta for event in seen + rest if event.type == "response.output_text.delta")
    assert rest[-1].response.output_text == text


def test_input_is_counted(client: openai.OpenAI):
    short = client.responses.input_tokens.count(model=MODEL, input="Hello")
    long = client.responses.input_tokens.count(model=MODEL, input="Hello, what does a toll gate do all day long?")
    assert short.object == "response.input_tokens"
    assert 0 < short.input_tokens < long.input_tokens


@pytest.mark.parametrize(
    "wrong, kind",
    [
        ({"model": "nobody/nothing"}, openai.NotFoundError),
        ({"input": 7}, openai.BadRequestError),
        ({"previous_response_id": "resp_" + "0" * 32}, (openai.NotFoundError, openai.BadRequestError)),
        ({"max_output_tokens": -1}, openai.BadRequestError),
        ({"background": True, "store": False}, openai.BadRequestError),
        ({"tools": [{"type": "code_interpreter", "container": {"type": "auto"}}]}, openai.BadRequestError),
    ],
)
def test_a_wrong_request_costs_nothing(hasty: openai.OpenAI, account: Account, wrong: dict, kind):
    with pytest.raises(kind) as caught:
        hasty.responses.create(**({"model": MODEL, "input": "Hello"} | wrong))
    assert caught.value.message and caught.value.type
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
