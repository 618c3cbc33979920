//! A faithful local simulator of the Hugging Face Inference router.
//!
//! It serves `GET /v1/models`, `GET /v1/models/{org}/{model}` and `POST /v1/chat/completions` the way
//! `router.huggingface.co` does: model suffixes, token classes, the router's and the providers' error bodies, and one
//! dialect per kind of provider, streamed or whole. Faults are scripted. It never reaches the network.
//!
//! Embeddings are made where the router has them: `POST /hf-inference/models/{org}/{model}/pipeline/feature-extraction`,
//! `/together/v1/embeddings`, `/scaleway/v1/embeddings` and `/deepinfra/v1/openai/embeddings`. There is no
//! `/v1/embeddings`. A vector depends on the seed, the model and the text; directives stand in the last text.
//!
//! Prompts are completed where the router has it: `POST /hf-inference/models/{org}/{model}/v1/completions`,
//! `/together/v1/completions`, `/featherless-ai/v1/completions`, `/novita/v3/openai/completions` and
//! `/deepinfra/v1/openai/completions`, by the base models under the catalogue's `sim.completions`. There is no
//! `/v1/completions`. A text depends on the seed, the model, the prompt and the suffix; directives stand in the last
//! prompt, and those about reasoning, roles, tools and `none_filler` change nothing.
//!
//! It is also the part of the Hub that has tokenizers: `GET /{org}/{model}/resolve/main/{file}` serves one small
//! tokenizer with a chat template for every model, but for those whose [`Traits`] say otherwise.
//!
//! ```
//! use hf_sim::{HfSim, Match, Script, SimConfig};
//!
//! let sim = HfSim::start(SimConfig::default())?;
//! sim.script(Match::provider("groq").times(2), Script { status: Some(429), ..Script::default() });
//! assert!(sim.base_url().starts_with("http://127.0.0.1:"));
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! # Answers
//!
//! An answer depends on the seed, the Hub id, and the messages; not on the provider, the suffix, or whether it is
//! streamed. So the same question has the same answer everywhere, a replay can be verified against what was already
//! sent, and a conversation that ends in the beginning of an answer is continued. `vary` turns this off. An answer is
//! prose of 16 to 48 tokens, unless the request asks for tools (the first one, or the one that `tool_choice` names, is
//! called with arguments that fit its schema), for JSON (a value that fits the schema), or ends in a tool result
//! (which the answer quotes). The routing model `katanemo/Arch-Router-1.5B` picks a route from the routing prompt.
//!
//! A token is one emitted piece: a word with its leading blank, at most eight characters where text was given. Prompt
//! tokens are the bytes of all text, divided by four and rounded up, plus 3 per message and 300 per image; a prompt
//! that is given as tokens has as many, and one that is given back is no output. A chat of 1024 tokens and more is
//! remembered; what a later one at the same provider shares with it is reported as cached. Tokens are billed as they
//! are sent, so a call that breaks off costs what was sent.
//!
//! # Tokens and organisations
//!
//! | what the caller sends | answer |
//! |---|---|
//! | `Authorization: Bearer hf_…` | served |
//! | `hf_noinference…` | 403 `{"error":"This authentication method does not have sufficient permissions …"}` |
//! | `hf_broke…` | 402 `{"error":"You have depleted your monthly included credits. …"}` |
//! | nothing, or anything else | 401 `{"error":"Invalid username or password."}` |
//! | `X-HF-Bill-To: org-unknown…` | 403 |
//!
//! # Scripts
//!
//! The same words in three places: the fields of [`Script`] and [`Match`], the JSON of `POST /_sim/scripts`
//! (`{"provider":"groq","times":2,"status":429}`), and directives inside the last user message, which travel through
//! a gateway unchanged and script that very request:
//!
//! ```text
//! Tell me a story [[sim tokens=40 split=random]] [[sim status=503 body=html times=1]]
//! ```
//!
//! Several directives are laid over each other, later ones on top; each has its own condition. A word without a value
//! is a flag; a value with blanks is a JSON string in quotes. A word that is not in this table is answered by 400 with
//! code `bad_directive`, so that a typo cannot pass for a success.
//!
//! | condition | the script applies only |
//! |---|---|
//! | `provider=groq` | when this provider serves |
//! | `model=org/name` | for this model, as asked for or without its suffix |
//! | `times=2` | to the first two requests; those of a directive are counted by `id`, or else by the message's text |
//! | `id=abc` | (the name under which `times` counts) |
//! | `path=/v1/models` | to this path (scripts only; without it, to calls of models) |
//!
//! | refuse | effect |
//! |---|---|
//! | `status=429` | this status, 200 to 599, with an error body in the provider's own shape |
//! | `body=…` | another shape: `json` (nested), `flat`, `string`, `detail`, `reason`, `html`, `empty`, `cold` (with `estimated_time`), `huge` (4 MiB), `dialect` |
//! | `message=…` `code=1113` | the words in the body |
//! | `retry_after=2` | `Retry-After`, verbatim; without it there is none |
//! | `ratelimit` | `x-ratelimit-*` headers that say nothing is left |
//! | `ok_error` | HTTP 200 with an error body; `status` still chooses the words |
//!
//! | delay and break | effect |
//! |---|---|
//! | `headers_ms=500` | wait before the status line |
//! | `first_token_ms=3000` | wait between the headers and the first byte |
//! | `gap_ms=20` | wait between two events |
//! | `hang=headers` `hang=body` | never answer; or send the headers and nothing more |
//! | `held=abc` | answer once `abc` is released |
//! | `hangup` | break the connection instead of answering |
//! | `stall_after=3` | go silent after three events; a whole answer goes silent half-way |
//! | `cut_after=3` | break the connection after three events; a whole answer breaks half-way |
//! | `no_done` | end without `data: [DONE]` |
//! | `error_after=3` | an error inside the stream after three events; `status`, `message` and `code` choose its words |
//! | `error=…` | its shape: `string`, `object`, `dialect` |
//!
//! | the answer | effect |
//! |---|---|
//! | `tokens=40` | its length, before `max_tokens` cuts it |
//! | `text="…"` | the answer, verbatim |
//! | `reasoning=8` | tokens of reasoning before it; 0 for none |
//! | `cap=16` | the output limit when the request names none |
//! | `finish=content_filter` | the finish reason; `none` never sends one |
//! | `dialect=…` | `groq` `together` `fireworks` `deepseek` (`zai`) `featherless` `cerebras` `tgi` `vllm` `sglang` `llamacpp` `transformers` |
//! | `role=…` | `delta.role` on `every` chunk, on the `first`, on `none` |
//! | `tool=…` | `none` (text all the same), `whole`, `fragments`, `no_id`, `no_index`, `parallel` (two calls), `empty_args`, `bad_args`, `leak` (template markers in the content), `xml` (markup in the reasoning) |
//! | `call=name` | a call of this tool instead of the first one, offered or not; with `text`, the text answers the tool's result |
//! | `arguments="{…}"` | the arguments of the call, verbatim |
//! | `none_filler` | the content `None`, in two pieces, beside a tool call or alone |
//! | `vary` | another answer at every call |
//! | `usage=…` | `none`; its place, asked for or not: `separate`, `finish`, `choice`; its form: `flat_cached`, `null`, `float`, `string`; lies: `lying_negative`, `lying_huge`, `inconsistent`, `growing` (on every chunk), `twice` |
//!
//! | the bytes | effect |
//! |---|---|
//! | `split=byte` `split=random` | one byte per write; or seeded random pieces across events and code points |
//! | `crlf` | lines end in CR LF |
//! | `comments` | `: keep-alive` before every event |
//! | `garbage=…` | in the middle: `json` (broken), `utf8` (broken), `line` (2 MiB), `blank`, `fields` (`event:`, `id:`, `retry:`); at the end: `after_done`, `done_twice`. `json` and `utf8` break a whole answer too |
//!
//! # Control over HTTP
//!
//! | call | effect |
//! |---|---|
//! | `POST /_sim/scripts` | adds a script, one flat JSON object of the words above |
//! | `DELETE /_sim/scripts` | forgets all scripts, how often directives were used, and what was released |
//! | `POST /_sim/release` `{"name"}` | lets go what is `held` by this name, now and later |
//! | `POST /_sim/status` `{"model","provider","status"}` | marks a pair `live` or `error` |
//! | `GET /_sim/requests` | `{open, usage, requests}`: what came in and how it ended |

mod answer;
mod auth;
mod catalogue;
mod completion;
mod config;
mod dialect;
mod dice;
mod directive;
mod faults;
mod lock;
mod playback;
mod policy;
mod prompt;
mod prompt_cache;
mod provided;
mod record;
mod refusal;
mod reply;
mod request;
mod routes;
mod rules;
mod script;
mod scripted;
mod server;
mod sim;
mod state;
mod texts;
mod usage;
mod vocabulary;

pub use catalogue::{Catalogue, CatalogueError, Completer, Embedder, Retired, Status, Traits};
pub use config::{Latency, SimConfig, UnmappedError};
pub use record::RecordedRequest;
pub use script::{Match, Script};
pub use sim::HfSim;
pub use usage::Usage;
pub use vocabulary::DialectName;
pub use vocabulary::{ErrorBody, Garbage, Hang, RoleFault, Split, StreamError, ToolFault, UsageFault};
