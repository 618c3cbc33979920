"""`/v1/completions` with the official SDK: through a chat, at a server that completes texts, and at Hugging Face."""

import openai
import pytest

from conftest import REAL_MODEL
from gateway import Account

# The real model again, completed as it is; and a base model of the simulator.
REAL_TEXT_MODEL = "smollm2-135m-text"
BASE_MODEL = "openai-community/gpt2"


def test_a_prompt_is_sent_to_a_chat_where_nobody_completes(client: openai.OpenAI, account: Account):
    answer = client.completions.create(model=REAL_MODEL, prompt="The capital of France is", max_tokens=8, temperature=0)
    assert answer.object == "text_completion"
    assert answer.choices[0].text and answer.choices[0].finish_reason in ("stop", "length")
    assert answer.usage.completion_tokens <= 8
    (receipt,) = account.settled_receipts(1)
    assert (receipt["dialect"], receipt["outcome"]) == ("completions", "complete")
    assert account.balance()["spent"] > 0


@pytest.mark.parametrize("model", [REAL_MODEL, REAL_TEXT_MODEL, BASE_MODEL])
def test_a_completion_streams_what_it_says_whole(client: openai.OpenAI, model: str):
    asked = {"model": model, "prompt": "The capital of France is", "max_tokens": 8, "temperature": 0, "seed": 1}
    whole = client.completions.create(**asked)
    chunks = list(client.completions.create(**asked, stream=True))
    text = "".join(chunk.choices[0].text for chunk in chunks if chunk.choices)
    assert text == whole.choices[0].text


def test_the_real_model_goes_on_from_a_text_and_repeats_it(client: openai.OpenAI, account: Account):
    asked = {"model": REAL_TEXT_MODEL, "prompt": "The capital of France is", "max_tokens": 8, "temperature": 0}
    answer = client.completions.create(**asked)
    # A chat template around the prompt would make it an answer; this is the next word.
    assert "Paris" in answer.choices[0].text, answer
    (receipt,) = account.settled_receipts(1)
    assert receipt["usage_source"] == "reported"
    # Its own tokens, without a template around them.
    assert answer.usage.prompt_tokens == receipt["usage"]["input_tokens"] < 8


def test_several_prompts_as_texts_and_as_tokens_are_one_call(client: openai.OpenAI, account: Account):
    asked = {"model": REAL_TEXT_MODEL, "max_tokens": 4, "temperature": 0}
    answer = client.completions.create(prompt=["One, two, three,", "A, B, C,"], **asked)
    assert [choice.index for choice in answer.choices] == [0, 1]
    assert all(choice.text for choice in answer.choices)
    tokens = client.completions.create(prompt=[[504, 3575, 282, 4649, 314]], **asked)
    assert tokens.choices[0].text and tokens.usage.prompt_tokens >= 5
    assert len(account.settled_receipts(2)) == 2


def test_a_base_model_has_choices_probabilities_and_its_prompt(client: openai.OpenAI, account: Account):
    answer = client.completions.create(
        model=BASE_MODEL, prompt=["Once upon", "In the end"], n=2, echo=True, logprobs=1, max_tokens=6
    )
    assert [choice.index for choice in answer.choices] == [0, 1, 2, 3]
    starts = ["Once upon", "Once upon", "In the end", "In the end"]
    assert all(choice.text.startswith(start) for choice, start in zip(answer.choices, starts, strict=True))
    assert all(choice.logprobs.token_logprobs for choice in answer.choices)
    (receipt,) = account.settled_receipts(1)
    assert (receipt["dialect"], receipt["outcome"]) == ("completions", "complete")
    assert answer.usage.completion_tokens == receipt["usage"]["output_tokens"] <= 4 * 6
    # Who only wants the prompt scored pays for no output.
    scored = client.completions.create(model=BASE_MODEL, prompt="Once upon", echo=True, logprobs=1, max_tokens=0)
    assert scored.choices[0].text == "Once upon" and scored.usage.completion_tokens == 0


def test_what_a_chat_cannot_do_is_refused_and_a_base_model_does_not_chat(hasty: openai.OpenAI, account: Account):
    for more in ({"suffix": "."}, {"echo": True}, {"n": 2}, {"prompt": ["a", "b"]}, {"prompt": [1, 2]}):
        with pytest.raises(openai.BadRequestError) as refused:
            hasty.completions.create(**({"model": REAL_MODEL, "prompt": "a"} | more))
        assert refused.value.param in more
    with pytest.raises(openai.BadRequestError, match="/v1/completions"):
        hasty.chat.completions.create(model=BASE_MODEL, messages=[{"role": "user", "content": "Hi"}])
    assert account.balance()["spent"] == 0
