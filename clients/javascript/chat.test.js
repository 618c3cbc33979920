// Chat completions: whole, streamed, with a schema, with a tool, and refused.

import assert from "node:assert/strict";
import { test } from "node:test";

import { NotFoundError } from "openai";
import { zodResponseFormat } from "openai/helpers/zod";
import { z } from "zod";

import { client, MODEL } from "./gateway.js";

const asking = (text) => [{ role: "user", content: text }];
const Toll = z.object({ bridge: z.string(), cents: z.number().int() });

test("a whole answer", async () => {
  const answer = await client.chat.completions.create({
    model: MODEL,
    messages: asking("[[sim tokens=12]] What does a toll gate do?"),
    max_tokens: 12,
  });
  assert.ok(answer.choices[0].message.content);
  assert.equal(answer.usage.completion_tokens, 12);
});

test("a stream tells the same as a whole answer", async () => {
  const asked = { model: MODEL, messages: asking("[[sim tokens=24]] Tell me of tolls."), max_tokens: 24 };
  const whole = await client.chat.completions.create(asked);
  const stream = client.chat.completions.stream(asked);
  let text = "";
  stream.on("content", (delta) => (text += delta));
  const final = await stream.finalChatCompletion();
  assert.equal(text, whole.choices[0].message.content);
  assert.equal(final.choices[0].message.content, text);
});

test("structured output", async () => {
  const answer = await client.chat.completions.parse({
    model: MODEL,
    messages: asking("What does the bridge cost?"),
    response_format: zodResponseFormat(Toll, "toll"),
    max_tokens: 200,
  });
  assert.ok(Number.isInteger(answer.choices[0].message.parsed.cents));
});

test("a tool is called and its result answered", async () => {
  const asked = [];
  const runner = client.chat.completions.runTools({
    model: MODEL,
    messages: asking("What is the weather in Paris?"),
    max_tokens: 64,
    stream: true,
    tools: [
      {
        type: "function",
        function: {
          name: "get_weather",
          description: "The weather in a city",
          parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
          parse: JSON.parse,
          function: ({ city }) => {
            asked.push(city);
            return "17 degrees, dry";
          },
        },
      },
    ],
  });
  assert.match(await runner.finalContent(), /17 degrees, dry/);
  assert.equal(asked.length, 1);
});

test("an error has its own class", async () => {
  const refused = client.chat.completions.create({ model: "nobody/nothing", messages: asking("Hello") });
  await assert.rejects(refused, (error) => error instanceof NotFoundError && error.code === "model_not_found");
});
