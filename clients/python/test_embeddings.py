"""`/v1/embeddings` with the official SDK."""

import base64
import struct

import openai
import pytest

from gateway import Account

EMBEDDING_MODEL = "BAAI/bge-m3"


def test_texts_become_vectors(client: openai.OpenAI, account: Account):
    texts = ["A toll gate.", "A bridge.", "A toll gate."]
    answer = client.embeddings.create(model=EMBEDDING_MODEL, input=texts, encoding_format="float")
    assert [item.index for item in answer.data] == [0, 1, 2]
    one, other, same = (item.embedding for item in answer.data)
    assert one and len(one) == len(other)
    assert one == same and one != other
    assert answer.usage.prompt_tokens == answer.usage.total_tokens > 0
    (receipt,) = account.settled_receipts(1)
    assert (receipt["dialect"], receipt["outcome"]) == ("embeddings", "complete")
    assert account.balance()["spent"] > 0


def test_vectors_in_base64_are_the_same(client: openai.OpenAI):
    # The SDK asks for base64 by itself and turns it back into floats.
    by_default = client.embeddings.create(model=EMBEDDING_MODEL, input="A toll gate.").data[0].embedding
    raw = client.embeddings.create(model=EMBEDDING_MODEL, input="A toll gate.", encoding_format="base64")
    packed = base64.b64decode(raw.data[0].embedding)
    floats = struct.unpack(f"<{len(packed) // 4}f", packed)
    plain = client.embeddings.create(model=EMBEDDING_MODEL, input="A toll gate.", encoding_format="float")
    assert list(floats) == pytest.approx(by_default)
    assert list(floats) == pytest.approx(plain.data[0].embedding, rel=1e-6)


@pytest.mark.parametrize("wrong", [{"input": []}, {"input": ""}, {"input": 7}, {"encoding_format": "morse"}])
def test_a_wrong_request_costs_nothing(hasty: openai.OpenAI, account: Account, wrong: dict):
    with pytest.raises(openai.BadRequestError):
        hasty.embeddings.create(**({"model": EMBEDDING_MODEL, "input": "A toll gate."} | wrong))
    assert account.balance()["spent"] == 0
