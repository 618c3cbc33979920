// The SDK as shipped, pointed at the gateway under test; `test_javascript.py` says where that is.

import OpenAI from "openai";

export const MODEL = process.env.TOLLGATE_MODEL;
export const client = new OpenAI({ baseURL: `${process.env.TOLLGATE_URL}/v1`, apiKey: process.env.TOLLGATE_KEY });
