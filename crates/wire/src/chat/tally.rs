//! What was counted of one answer while it passed.

use domain::Usage;
use domain::outcome::Report;

use super::answer::{Choice, Delta, Shape, ToolCall};
use super::echo::Echo;
use super::usage::Reading;
use crate::json;

/// Characters of an upstream's id or model name that are kept.
const NAME_BYTES_MAX: usize = 256;

/// What was counted of one answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Bytes of generated text: content, refusal, reasoning, names and arguments of tool calls.
    pub relayed_bytes: u64,
    /// The upstream's last valid usage, within bounds.
    pub reported: Option<Usage>,
    /// `relayed_bytes` when the output of `reported` was first told: text beyond it may not be in that count.
    pub reported_bytes: u64,
    /// A usage was negative, fractional, out of bounds, inconsistent, or smaller than an earlier one.
    pub usage_suspect: bool,
    /// The last finish reason that was given.
    pub finish_reason: Option<String>,
    /// The upstream's id of the answer.
    pub upstream_id: Option<String>,
    /// The model that the upstream says it is.
    pub model: Option<String>,
    /// Events, or 1 for a whole answer.
    pub events: u64,
    /// Vectors, which are an answer without tokens.
    pub vectors: u64,
    /// What is still to be repeated of the prompts before what is generated.
    pub(crate) echo: Echo,
}

impl Tally {
    /// The upstream's usage, and whether text came after it.
    #[must_use]
    pub fn report(&self) -> Option<Report> {
        let stale = self.relayed_bytes > self.reported_bytes;
        self.reported.map(|usage| Report { usage, stale })
    }

    /// Whether what came is an answer also where it has no tokens: vectors, or a prompt that was wanted back.
    #[must_use]
    pub fn answers_without_tokens(&self) -> bool {
        self.vectors > 0 || self.echo.has_begun()
    }

    /// Notes the upstream's names of the answer, unless they are known already.
    pub(crate) fn note_names(&mut self, id: Option<&str>, model: Option<&str>) {
        if self.upstream_id.is_none() {
            self.upstream_id = id.and_then(name);
        }
        if self.model.is_none() {
            self.model = model.and_then(name);
        }
    }

    /// Counts what the choice of that index adds. Returns its finish reason when it has one.
    pub(super) fn note_choice<'a>(
        &mut self,
        shape: Shape,
        index: usize,
        choice: &Choice<'a>,
    ) -> Option<&'a str> {
        self.relayed_bytes += match shape {
            Shape::Chat => {
                [&choice.delta, &choice.message].into_iter().flatten().map(generated_bytes).sum::<u64>()
            }
            Shape::Text => choice.text.map_or(0, |text| self.echo.generated(index, text.get())),
        };
        let reason = choice.finish_reason.map(|raw| raw.get()).filter(|raw| *raw != "\"\"")?;
        let text = json::string(reason).unwrap_or_default();
        self.finish_reason = Some(text.chars().take(NAME_BYTES_MAX).collect());
        Some(reason)
    }

    /// Takes a usage, after the text of its chunk was counted. The last one counts, unless it takes back output that
    /// an earlier one showed. One that only repeats the output of an earlier one knows nothing of the text since.
    pub(crate) fn note_usage(&mut self, reading: Reading) {
        self.usage_suspect |= reading.suspect;
        let Some(usage) = reading.usage else { return };
        match self.reported {
            Some(earlier) if earlier.output > usage.output => self.usage_suspect = true,
            Some(earlier) if earlier.output == usage.output => self.reported = Some(usage),
            _ => {
                self.reported = Some(usage);
                self.reported_bytes = self.relayed_bytes;
            }
        }
    }
}

fn name(raw: &str) -> Option<String> {
    json::string(raw)
        .filter(|text| !text.is_empty() && text.len() <= NAME_BYTES_MAX)
        .map(|text| text.into_owned())
}

fn generated_bytes(delta: &Delta<'_>) -> u64 {
    let len = |raw: Option<&serde_json::value::RawValue>| raw.map_or(0, |raw| json::text_len(raw.get()));
    // Some upstreams send the same reasoning under two names.
    let reasoning = len(delta.reasoning)
        .max(len(delta.reasoning_content))
        .max(len(delta.reasoning_text))
        .max(len(delta.thinking));
    let tools = delta.tool_calls.map_or(0, |calls| tool_calls_bytes(calls.get()));
    let function = delta.function_call.map_or(0, |call| function_bytes(call.get()));
    len(delta.content) + len(delta.refusal) + reasoning + tools + function
}

/// Bytes of names and arguments; of anything unexpected, the bytes as written.
fn tool_calls_bytes(raw: &str) -> u64 {
    match serde_json::from_str::<Option<Vec<ToolCall<'_>>>>(raw) {
        Ok(calls) => {
            let functions = calls.iter().flatten().filter_map(|call| call.function);
            functions.map(|function| function_bytes(function.get())).sum()
        }
        Err(_) => raw.len() as u64,
    }
}

fn function_bytes(raw: &str) -> u64 {
    let Ok(fields) = json::fields(raw, 1_000) else { return json::text_len(raw) };
    let counted = fields.iter().filter(|field| matches!(field.key.as_ref(), "name" | "arguments"));
    counted.map(|field| json::text_len(field.value)).sum()
}
