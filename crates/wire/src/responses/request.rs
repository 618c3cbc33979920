//! A Responses request: what it asks for in no dialect, and what only this dialect has.

use super::extras::Extras;
use super::hosted::{Dropped, HostedTools};
use super::input::read_input;
use super::metadata::check_metadata;
use super::parameters::{self, text, word};
use super::text::Text;
use super::tools::Tools;
use crate::object::Object;
use crate::parameters::refuse_ambiguous;
use crate::passing::{self, Door, passing};
use crate::pivot::{self, Choice, Settings};
use crate::request_error::RequestError;
use crate::target::Target;

const HERE: Door = Door {
    route: "/v1/responses",
    instead: &[
        ("function_call", "tool_choice"),
        ("functions", "tools"),
        ("max_completion_tokens", "max_output_tokens"),
        ("max_tokens", "max_output_tokens"),
        ("messages", "input"),
        ("reasoning_effort", "reasoning.effort"),
        ("response_format", "text.format"),
    ],
};

/// Fields that are read here or in the files beside.
const READ: [&str; 31] = [
    "background",
    "conversation",
    "frequency_penalty",
    "include",
    "input",
    "instructions",
    "max_output_tokens",
    "max_tool_calls",
    "metadata",
    "model",
    "parallel_tool_calls",
    "presence_penalty",
    "previous_response_id",
    "prompt",
    "prompt_cache_key",
    "provider",
    "reasoning",
    "safety_identifier",
    "service_tier",
    "session_id",
    "stop",
    "store",
    "stream",
    "temperature",
    "text",
    "tool_choice",
    "tools",
    "top_logprobs",
    "top_p",
    "truncation",
    "user",
];

/// Fields that say something to OpenAI's own service alone: they are taken, so that its clients work, and left out. The
/// only option of a stream, obfuscation, is what this gateway never does.
const LEFT_OUT: [&str; 4] =
    ["client_metadata", "prompt_cache_options", "prompt_cache_retention", "stream_options"];

/// A checked Responses request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResponsesRequest {
    /// What is asked for.
    pub ask: pivot::Request,
    /// What only this dialect has and the response object shows.
    pub extras: Extras,
    /// The id of the response to go on from, as the client wrote it.
    pub previous: Option<String>,
    /// The id of the conversation to go on with, as the client wrote it. Never together with `previous`.
    pub conversation: Option<String>,
    /// The ids of stored items that the input refers to, in order, each with the place in `ask.input` in front of which
    /// it stands.
    pub references: Vec<(usize, String)>,
    /// The `encrypted_content` of reasoning items, in order, each with the place of its item in `ask.input`. The item
    /// has no text when the client sent none beside it.
    pub sealed: Vec<(usize, String)>,
    /// Whether reasoning items are to carry `encrypted_content`.
    pub include_sealed: bool,
    /// The types of the hosted tools, and of their items, that were left out.
    pub dropped: Vec<String>,
}

impl ResponsesRequest {
    /// Reads a request body.
    ///
    /// # Errors
    /// The first thing that is wrong with it. Beside the codes of chat: `unsupported_tool`, `unsupported_item`,
    /// `mutually_exclusive_parameters`.
    pub fn parse(body: &[u8], hosted: HostedTools) -> Result<ResponsesRequest, RequestError> {
        let body = Object::body(body)?;
        refuse_ambiguous(body.fields())?;
        refuse_unsupported(&body)?;
        let mut dropped = Dropped::default();
        let mut extras = extras(&body)?;
        let input = read_input(&body, hosted, &mut dropped)?;
        let ask = pivot::Request {
            target: Target::read(&body)?,
            stream: body.boolean("stream")?.unwrap_or(false),
            instructions: text(&body, "instructions")?,
            input: input.items,
            settings: settings(&body, hosted, &mut dropped, &mut extras)?,
        };
        let request = ResponsesRequest {
            ask,
            extras,
            previous: word(&body, "previous_response_id")?,
            conversation: parameters::conversation(&body)?,
            references: input.references,
            sealed: input.sealed,
            include_sealed: parameters::include(&body)?,
            dropped: dropped.kinds,
        };
        request.agrees()?;
        Ok(request)
    }

    /// Refuses what contradicts itself.
    fn agrees(&self) -> Result<(), RequestError> {
        if self.previous.is_some() && self.conversation.is_some() {
            let message = "give either 'previous_response_id' or 'conversation', not both";
            return Err(RequestError::new("mutually_exclusive_parameters", "previous_response_id", message));
        }
        if self.extras.background && !self.extras.store {
            let message = "'background' needs 'store': a response that is not stored could not be fetched";
            return Err(RequestError::new("invalid_value", "background", message));
        }
        let goes_on = [&self.previous, &self.conversation, &self.ask.target.session_id];
        if self.ask.input.is_empty() && self.references.is_empty() && goes_on.into_iter().all(Option::is_none)
        {
            return Err(RequestError::missing("input"));
        }
        Ok(())
    }
}

fn refuse_unsupported(body: &Object<'_>) -> Result<(), RequestError> {
    if body.raw("prompt").is_some() {
        let message =
            "'prompt' is not supported: templates are not kept here, send 'instructions' and 'input'";
        return Err(RequestError::new("unsupported_parameter", "prompt", message));
    }
    parameters::top_logprobs(body)
}

/// What the response object shows of fields that nothing else looks at.
fn extras(body: &Object<'_>) -> Result<Extras, RequestError> {
    let metadata = body.raw("metadata");
    metadata.map(check_metadata).transpose()?;
    Ok(Extras {
        metadata: metadata.map(str::to_owned),
        safety_identifier: word(body, "safety_identifier")?,
        prompt_cache_key: word(body, "prompt_cache_key")?,
        max_tool_calls: parameters::max_tool_calls(body)?,
        parallel_tool_calls: body.boolean("parallel_tool_calls")?,
        truncate: parameters::truncation(body)?,
        store: body.boolean("store")?.unwrap_or(true),
        background: body.boolean("background")?.unwrap_or(false),
        ..Extras::default()
    })
}

/// How the answer is to be made, and what the response object shows of that.
fn settings(
    body: &Object<'_>,
    hosted: HostedTools,
    dropped: &mut Dropped,
    extras: &mut Extras,
) -> Result<Settings, RequestError> {
    let mut tools = Tools::read(body, hosted, dropped)?;
    let choice = tools.choose(body, dropped)?;
    extras.tools = body.raw("tools").map(str::to_owned);
    extras.tool_choice = body.raw("tool_choice").map(str::to_owned);
    extras.namespaced = tools.namespaced;
    let told = Text::read(body)?;
    extras.verbosity = told.verbosity;
    let mut effort = None;
    if let Some(reasoning) = body.object("reasoning")? {
        effort = text(&reasoning, "effort")?;
        extras.summary = text(&reasoning, "summary")?.filter(|summary| summary != "none");
    }
    if tools.tools.is_empty() && choice == Some(Choice::Required) {
        return Err(RequestError::new("invalid_value", "tool_choice", "'required' needs 'tools'"));
    }
    // Without tools, upstreams refuse both.
    let has_tools = !tools.tools.is_empty();
    Ok(Settings {
        output_tokens: passing::output_limit(body, "max_output_tokens")?,
        tools: tools.tools,
        choice: choice.filter(|_| has_tools),
        parallel_calls: extras.parallel_tool_calls.filter(|_| has_tools),
        format: told.format,
        effort,
        stop: passing::stop(body, "stop")?,
        passing: passed(body)?,
    })
}

/// What a chat request has under the same name, and what the upstream may know.
fn passed(body: &Object<'_>) -> Result<Vec<(String, String)>, RequestError> {
    let mut fields = Vec::new();
    for key in ["temperature", "top_p", "presence_penalty", "frequency_penalty"] {
        fields.extend(passing::number(body, key)?);
    }
    for key in ["user", "service_tier"] {
        body.text(key)?;
        fields.extend(body.raw(key).map(|raw| (key.to_owned(), raw.to_owned())));
    }
    for field in body.fields() {
        let key = field.key.as_ref();
        if !READ.contains(&key) && !LEFT_OUT.contains(&key) {
            fields.extend(passing(field, &HERE)?);
        }
    }
    Ok(fields)
}
