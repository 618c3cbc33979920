// Responses: whole, a second turn, streamed, with a schema, with a tool, and deleted.

import assert from "node:assert/strict";
import { test } from "node:test";

import { NotFoundError } from "openai";
import { zodTextFormat } from "openai/helpers/zod";
import { z } from "zod";

import { client, MODEL } from "./gateway.js";

const Toll = z.object({ bridge: z.string(), cents: z.number().int() });
const WEATHER = {
  type: "function",
  name: "get_weather",
  description: "The weather in a city",
  parameters: {
    type: "object",
    properties: { city: { type: "string" } },
    required: ["city"],
    additionalProperties: false,
  },
  strict: true,
};

test("a second turn follows the first", async () => {
  const first = await client.responses.create({ model: MODEL, input: "My name is Ada.", max_output_tokens: 32 });
  assert.equal(first.status, "completed");
  assert.ok(first.output_text);
  const second = await client.responses.create({
    model: MODEL,
    input: "What is my name?",
    previous_response_id: first.id,
    max_output_tokens: 64,
  });
  assert.equal(second.previous_response_id, first.id);
  assert.ok(second.usage.input_tokens > first.usage.input_tokens, "the first turn is part of the second one's input");
});

test("a stream is what is stored", async () => {
  const stream = client.responses.stream({
    model: MODEL,
    input: "[[sim tokens=24 reasoning=4]] Tell me of tolls.",
    max_output_tokens: 40,
  });
  let text = "";
  stream.on("response.output_text.delta", (event) => (text += event.delta));
  const final = await stream.finalResponse();
  assert.ok(text);
  assert.equal(final.output_text, text);
  assert.deepEqual(final.output.map((item) => item.type), ["reasoning", "message"]);
  const stored = await client.responses.retrieve(final.id);
  assert.equal(stored.output_text, text);
});

test("structured output", async () => {
  const response = await client.responses.parse({
    model: MODEL,
    input: "What does the bridge cost?",
    text: { format: zodTextFormat(Toll, "toll") },
    max_output_tokens: 200,
  });
  assert.ok(Number.isInteger(response.output_parsed.cents));
});

test("a tool is called and its result answered", async () => {
  const stream = client.responses.stream({
    model: MODEL,
    input: "What is the weather in Paris?",
    tools: [WEATHER],
    max_output_tokens: 64,
  });
  let pieces = "";
  stream.on("response.function_call_arguments.delta", (event) => (pieces += event.delta));
  const asked = await stream.finalResponse();
  const [call] = asked.output;
  assert.equal(call.type, "function_call");
  assert.equal(call.arguments, pieces);
  assert.ok("city" in JSON.parse(call.arguments));

  const answered = await client.responses.create({
    model: MODEL,
    previous_response_id: asked.id,
    input: [{ type: "function_call_output", call_id: call.call_id, output: "17 degrees, dry" }],
    tools: [WEATHER],
    max_output_tokens: 64,
  });
  assert.match(answered.output_text, /17 degrees, dry/);
});

test("what is deleted is gone", async () => {
  const response = await client.responses.create({ model: MODEL, input: "Forget this.", max_output_tokens: 16 });
  await client.responses.delete(response.id);
  await assert.rejects(client.responses.retrieve(response.id), NotFoundError);
});
