"""Hugging Face's own Python client against the gateway."""

import pytest
from huggingface_hub import InferenceClient
from huggingface_hub.errors import HfHubHTTPError

from conftest import MODEL
from gateway import Account

QUESTION = [{"role": "user", "content": "[[sim tokens=12]] What does a toll gate do?"}]


@pytest.fixture
def hub(account: Account) -> InferenceClient:
    return InferenceClient(base_url=f"{account.gateway.url}/v1", api_key=account.key)


def test_a_whole_answer(hub: InferenceClient):
    answer = hub.chat_completion(QUESTION, model=MODEL, max_tokens=12)
    assert answer.choices[0].message.content
    assert answer.usage.completion_tokens == 12


def test_a_stream(hub: InferenceClient):
    whole = hub.chat_completion(QUESTION, model=MODEL, max_tokens=12, seed=1)
    chunks = list(hub.chat_completion(QUESTION, model=MODEL, max_tokens=12, seed=1, stream=True))
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == whole.choices[0].message.content


def test_the_openai_shaped_surface(hub: InferenceClient):
    answer = hub.chat.completions.create(messages=QUESTION, model=MODEL, max_tokens=12)
    assert answer.choices[0].message.content


def test_an_error(hub: InferenceClient):
    with pytest.raises(HfHubHTTPError) as caught:
        hub.chat_completion(QUESTION, model="nobody/nothing", max_tokens=12)
    assert caught.value.response.status_code == 404
