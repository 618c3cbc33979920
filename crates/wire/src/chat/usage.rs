//! Usage objects: reading an upstream's, which is not to be trusted, and writing ours.

use domain::{Money, Usage, UsageSource};
use serde::Deserialize;
use serde_json::value::RawValue;

/// What an upstream's usage object says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reading {
    /// The numbers within bounds; `None` when the tokens of prompt or answer are not given.
    pub(super) usage: Option<Usage>,
    /// Something in it cannot be true.
    pub(super) suspect: bool,
}

/// The spellings of the field.
#[derive(Default, Deserialize)]
struct Spelled<'a> {
    #[serde(borrow)]
    prompt_tokens: Option<&'a RawValue>,
    #[serde(borrow)]
    completion_tokens: Option<&'a RawValue>,
    #[serde(borrow)]
    total_tokens: Option<&'a RawValue>,
    #[serde(borrow)]
    prompt_tokens_details: Option<&'a RawValue>,
    #[serde(borrow)]
    completion_tokens_details: Option<&'a RawValue>,
    /// Featherless, Moonshot, and inside `prompt_tokens_details`.
    #[serde(borrow)]
    cached_tokens: Option<&'a RawValue>,
    /// DeepSeek.
    #[serde(borrow)]
    prompt_cache_hit_tokens: Option<&'a RawValue>,
    /// SGLang, and inside `completion_tokens_details`.
    #[serde(borrow)]
    reasoning_tokens: Option<&'a RawValue>,
}

/// Reads a usage object.
pub(super) fn read(raw: &str) -> Reading {
    let Some(spelled) = object(raw) else { return Reading { usage: None, suspect: true } };
    let mut numbers = Numbers { suspect: false };
    let input = numbers.take(spelled.prompt_tokens);
    let output = numbers.take(spelled.completion_tokens);
    let total = numbers.take(spelled.total_tokens);
    let prompt_details = spelled.prompt_tokens_details.and_then(|raw| object(raw.get())).unwrap_or_default();
    let completion_details =
        spelled.completion_tokens_details.and_then(|raw| object(raw.get())).unwrap_or_default();
    let cached = prompt_details.cached_tokens.or(spelled.cached_tokens).or(spelled.prompt_cache_hit_tokens);
    let cached_input = numbers.take(cached).unwrap_or(0);
    let reasoning =
        numbers.take(completion_details.reasoning_tokens.or(spelled.reasoning_tokens)).unwrap_or(0);
    let (Some(input), Some(output)) = (input, output) else {
        // An empty object says nothing; half of one is wrong.
        return Reading { usage: None, suspect: numbers.suspect || input.is_some() || output.is_some() };
    };
    let reported = Usage { input, cached_input, output, reasoning };
    let (usage, cut) = reported.bounded();
    let contradicts = total.is_some_and(|total| total != reported.total());
    Reading { usage: Some(usage), suspect: numbers.suspect || cut || contradicts }
}

/// Reads the usage object of an answer without output. No text has no tokens, so a count of nothing is none.
pub(crate) fn read_input(raw: &str) -> Reading {
    let Some(spelled) = object(raw) else { return Reading { usage: None, suspect: true } };
    let mut numbers = Numbers { suspect: false };
    let (input, total) = (numbers.take(spelled.prompt_tokens), numbers.take(spelled.total_tokens));
    let Some(input) = input.or(total) else { return Reading { usage: None, suspect: numbers.suspect } };
    if input == 0 {
        return Reading { usage: None, suspect: true };
    }
    let (usage, cut) = Usage { input, ..Usage::default() }.bounded();
    let contradicts = total.is_some_and(|total| total != input);
    Reading { usage: Some(usage), suspect: numbers.suspect || cut || contradicts }
}

/// Writes the fields of `usage`, without braces: what OpenAI has, and the cost.
///
/// The cost is a number in US dollars with exactly the digits of the integer behind it; `null` when nobody knows the
/// price.
pub(crate) fn write_cost(out: &mut Vec<u8>, cost: Option<Money>, source: UsageSource) {
    let cost = cost.map_or_else(|| "null".to_owned(), |cost| cost.to_string());
    let source = source.as_str();
    let fields = format!("\"cost\":{cost},\"cost_details\":{{\"usage_source\":\"{source}\"}}");
    out.extend_from_slice(fields.as_bytes());
}

/// Writes the three counts of `usage`, without braces.
pub(super) fn write_counts(out: &mut Vec<u8>, usage: &Usage) {
    let (input, output, total) = (usage.input, usage.output, usage.total());
    let counts = format!("\"prompt_tokens\":{input},\"completion_tokens\":{output},\"total_tokens\":{total}");
    out.extend_from_slice(counts.as_bytes());
}

/// Writes `prompt_tokens_details` of `usage` as a field.
pub(super) fn write_prompt_details(out: &mut Vec<u8>, usage: &Usage) {
    let cached = usage.cached_input;
    out.extend_from_slice(format!("\"prompt_tokens_details\":{{\"cached_tokens\":{cached}}}").as_bytes());
}

/// Writes `completion_tokens_details` of `usage` as a field.
pub(super) fn write_completion_details(out: &mut Vec<u8>, usage: &Usage) {
    let reasoning = usage.reasoning;
    let field = format!("\"completion_tokens_details\":{{\"reasoning_tokens\":{reasoning}}}");
    out.extend_from_slice(field.as_bytes());
}

/// Writes the whole object.
pub(crate) fn write(out: &mut Vec<u8>, usage: &Usage, cost: Option<Money>, source: UsageSource) {
    out.push(b'{');
    write_counts(out, usage);
    out.push(b',');
    write_prompt_details(out, usage);
    out.push(b',');
    write_completion_details(out, usage);
    out.push(b',');
    write_cost(out, cost, source);
    out.push(b'}');
}

fn object(raw: &str) -> Option<Spelled<'_>> {
    // Without this check an array would be taken for the fields in their order.
    if raw.starts_with('{') { serde_json::from_str(raw).ok() } else { None }
}

/// Reads counts, and remembers whether one was no count.
struct Numbers {
    suspect: bool,
}

impl Numbers {
    /// The count in `raw`. One that is too large for an integer reads as the largest, to be cut to its bound.
    fn take(&mut self, raw: Option<&RawValue>) -> Option<u64> {
        let raw = raw?.get();
        if !raw.bytes().all(|b| b.is_ascii_digit()) {
            self.suspect = true;
            return None;
        }
        Some(raw.parse().unwrap_or(u64::MAX))
    }
}
