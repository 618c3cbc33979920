"""What is kept: turns, conversations and named sessions, on any model and any dialect; and work in the background."""

import anthropic
import openai
import pytest

from conftest import MODEL, REAL_MODEL
from gateway import Account, text_of, wait_for


def user(text: str) -> dict:
    return {"role": "user", "content": text}


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
    with pytest.raises(openai.NotFoundError) as caught:
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
    with pytest.raises(openai.NotFoundError):
        stranger.responses.create(model=MODEL, input="Tell me.", previous_response_id=response.id)
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


def test_a_named_session_is_shared_by_all_dialects(
    client: openai.OpenAI, claude: anthropic.Anthropic, account: Account
):
    name = f"talk-of-{account.id}"
    told = f"My name is {account.id}."
    first = client.chat.completions.create(
        model=MODEL, messages=[user(told)], max_tokens=16, extra_body={"session_id": name}
    )
    second = claude.messages.create(
        model=MODEL, messages=[user("And yours?")], max_tokens=16, extra_headers={"x-tollgate-session-id": name}
    )
    client.responses.create(
        model=MODEL, input="What is my name?", max_output_tokens=16, extra_query={"session_id": name}
    )
    seen = account.gateway.model_saw(told)[-1]["messages"]
    assert [message["role"] for message in seen] == ["user", "assistant", "user", "assistant", "user"]
    said = [told, first.choices[0].message.content, "And yours?", second.content[0].text, "What is my name?"]
    assert [text_of(message) for message in seen] == said


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
        model=MODEL, input="[[sim tokens=100 gap_ms=50]] Take your time.", background=True, max_output_tokens=100
    )
    assert client.responses.cancel(queued.id).status == "cancelled"
    assert client.responses.cancel(queued.id).status == "cancelled"
    assert client.responses.retrieve(queued.id).status == "cancelled"
    # The provider bills the whole answer, so the gateway reads it to its end before it settles.
    (receipt,) = account.settled_receipts(1)
    assert receipt["outcome"] == "client_gone"
    assert client.responses.retrieve(queued.id).status == "cancelled"


def test_a_stream_in_the_background_is_taken_up_again(client: openai.OpenAI):
    stream = client.responses.create(
        model=MODEL,
        input="[[sim tokens=20 gap_ms=20]] Tell me of tolls.",
        background=True,
        stream=True,
        max_output_tokens=20,
    )
    seen = [event for _, event in zip(range(5), stream)]
    stream.close()
    response_id = seen[0].response.id
    rest = list(client.responses.retrieve(response_id, stream=True, starting_after=seen[-1].sequence_number))
    numbers = [event.sequence_number for event in seen + rest]
    assert numbers == list(range(len(numbers)))
    assert rest[-1].type == "response.completed"
    text = "".join(event.delta for event in seen + rest if event.type == "response.output_text.delta")
    assert rest[-1].response.output_text == text
