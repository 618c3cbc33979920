"""Streams an answer, then shows what the call cost and what is left."""

import os
import sys

from openai import OpenAI

MODEL = "meta-llama/Llama-3.1-8B-Instruct"

url = os.environ.get("TOLLGATE_URL", "http://localhost:8000")
client = OpenAI(base_url=f"{url}/v1", api_key=os.environ["TOLLGATE_KEY"])
question = " ".join(sys.argv[1:]) or "What is a toll gate?"

reply = client.chat.completions.with_raw_response.create(
    model=MODEL,
    messages=[{"role": "user", "content": question}],
    max_tokens=300,
    stream=True,
)
for chunk in reply.parse():
    for choice in chunk.choices:
        print(choice.delta.content or "", end="", flush=True)
print()

call_id = reply.headers["x-tollgate-call-id"]
receipt = client.get(f"/generation?id={call_id}", cast_to=dict)["data"]
credits = client.get("/credits", cast_to=dict)["data"]
print(f"\n{call_id}: {receipt['tokens_prompt']} tokens in, {receipt['tokens_completion']} out")
print(f"served by {receipt['provider_name']}/{receipt['inference_provider']}: {receipt['route']}")
print(f"cost ${receipt['total_cost']:.9f}, ${credits['available']:.9f} left")
