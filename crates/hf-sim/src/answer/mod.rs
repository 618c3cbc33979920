//! What a model says: decided from the prompt alone, before any dialect shapes it.

mod arch_router;
mod completion;
mod schema;
mod tools;
mod words;

use std::borrow::Cow;

use serde_json::{Value, json};

use crate::dice::Dice;
use crate::prompt::{Last, Prompt};
use crate::request::ChatRequest;
use crate::script::Script;
use crate::vocabulary::ToolFault;

/// No answer is longer, whatever a script or a request says.
const ANSWER_TOKENS_MAX: usize = 200_000;
/// How many tokens a thinking model thinks when nothing else is said.
const REASONING_TOKENS: usize = 12;

/// One token's text.
pub(crate) type Piece = Cow<'static, str>;

pub(crate) struct Answer {
    pub(crate) choices: Vec<Choice>,
}

#[derive(Default)]
pub(crate) struct Choice {
    pub(crate) reasoning: Vec<Piece>,
    pub(crate) content: Vec<Piece>,
    /// How many pieces of the content are the prompt, given back; they are no output.
    pub(crate) echoed: usize,
    pub(crate) tools: Vec<ToolCall>,
    pub(crate) finish: Finish,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Finish {
    #[default]
    Stop,
    StopSequence,
    Length,
    ToolCalls,
}

pub(crate) struct ToolCall {
    pub(crate) name: String,
    pub(crate) arguments: Vec<Piece>,
}

impl Answer {
    /// The answer to `request`. `cap` is the provider's output limit for requests that name none.
    pub(crate) fn compose(
        request: &ChatRequest<'_>,
        prompt: &Prompt,
        model_id: &str,
        thinking: bool,
        script: &Script,
        cap: Option<usize>,
    ) -> Self {
        let max = request.max_tokens().or(script.cap).or(cap).unwrap_or(ANSWER_TOKENS_MAX);
        let choices = (0..u64::from(request.choices())).map(|at| {
            let mut dice = Dice::new(prompt.hash.wrapping_add(at));
            let mut choice = choice(request, prompt, model_id, script, &mut dice);
            let usual = if thinking && request.wants_reasoning() { REASONING_TOKENS } else { 0 };
            let thoughts = script.reasoning.unwrap_or(usual).min(ANSWER_TOKENS_MAX);
            if thoughts > 0 {
                choice.reasoning.splice(..0, words::sentence(&mut dice, thoughts));
            }
            if script.none_filler {
                choice.content = vec!["No".into(), "ne".into()];
            }
            if let Last::Begun(begun) = &prompt.last {
                choice.go_on(begun);
            }
            choice.cut(request.stop(), max);
            choice
        });
        Self { choices: choices.collect() }
    }

    pub(crate) fn completion_tokens(&self) -> u64 {
        self.choices.iter().map(Choice::tokens).sum()
    }

    pub(crate) fn reasoning_tokens(&self) -> u64 {
        self.choices.iter().map(|choice| choice.reasoning.len() as u64).sum()
    }
}

impl Choice {
    fn text(text: &str) -> Self {
        Self { content: words::pieces(text), ..Self::default() }
    }

    /// `begun`, then prose up to the length that the script or the dice say.
    fn prose(mut begun: Vec<Piece>, script: &Script, dice: &mut Dice) -> Self {
        let length = script.tokens.unwrap_or_else(|| 16 + dice.below(33)).min(ANSWER_TOKENS_MAX);
        begun.append(&mut words::sentence(dice, length.saturating_sub(begun.len())));
        Self { content: begun, ..Self::default() }
    }

    fn tokens(&self) -> u64 {
        let tools: u64 = self.tools.iter().map(ToolCall::tokens).sum();
        (self.reasoning.len() + self.content.len() - self.echoed) as u64 + tools
    }

    /// Leaves out what was already said, the thoughts before it included. A beginning that is not this answer's is
    /// ignored, as a model would start afresh.
    fn go_on(&mut self, begun: &str) {
        if let Some(rest) = self.content.concat().strip_prefix(begun) {
            self.content = words::pieces(rest);
            self.reasoning.clear();
        }
    }

    /// Ends the answer before the first stop sequence, and after `max` tokens.
    fn cut(&mut self, stops: &[String], max: usize) {
        self.stop_at(stops);
        self.limit(max.min(ANSWER_TOKENS_MAX));
    }

    /// Ends the content before the first stop sequence.
    fn stop_at(&mut self, stops: &[String]) {
        if stops.is_empty() {
            return;
        }
        let text = self.content.concat();
        let hits = stops.iter().filter(|stop| !stop.is_empty()).filter_map(|stop| text.find(stop.as_str()));
        if let Some(end) = hits.min() {
            self.content = words::pieces(&text[..end]);
            self.finish = Finish::StopSequence;
        }
    }

    /// Ends the answer after `max` tokens.
    fn limit(&mut self, max: usize) {
        if self.tokens() <= max as u64 {
            return;
        }
        self.finish = Finish::Length;
        self.reasoning.truncate(max);
        self.content.truncate(max - self.reasoning.len());
        let mut room = max - self.reasoning.len() - self.content.len();
        // A call whose name does not fit is never begun.
        self.tools.retain_mut(|tool| {
            let fits = room > 0;
            tool.arguments.truncate(room.saturating_sub(1));
            room = room.saturating_sub(1 + tool.arguments.len());
            fits
        });
    }
}

impl ToolCall {
    /// One token for the name, the rest for the arguments.
    pub(crate) fn tokens(&self) -> u64 {
        1 + self.arguments.len() as u64
    }
}

fn choice(
    request: &ChatRequest<'_>,
    prompt: &Prompt,
    model_id: &str,
    script: &Script,
    dice: &mut Dice,
) -> Choice {
    let asks = matches!(prompt.last, Last::Question) && script.tool != Some(ToolFault::None);
    let calls_first = asks && script.call.is_some();
    if let Some(text) = &script.text
        && !calls_first
    {
        return Choice::text(text);
    }
    if let Some(route) = arch_router::answer(model_id, &prompt.question) {
        return Choice::text(&route);
    }
    if asks && let Some(choice) = tools::call(request, script, dice) {
        return choice;
    }
    if let Some(schema) = request.response_format.as_ref().and_then(wanted_schema) {
        return Choice::text(&schema::example(&schema, dice).to_string());
    }
    let mut content = Vec::new();
    if let Last::ToolResult(result) = &prompt.last {
        let shown: String = result.chars().take(200).collect();
        content = words::pieces(&format!("The tool says: {shown} —"));
    }
    Choice::prose(content, script, dice)
}

/// The schema that a `response_format` asks for, in any provider's spelling.
fn wanted_schema(format: &Value) -> Option<Value> {
    let kind = format.get("type")?.as_str()?;
    let inside = format.get("json_schema").unwrap_or(format);
    let schema = ["schema", "value"].iter().find_map(|key| inside.get(key));
    match (kind, schema) {
        ("json_schema" | "json_object" | "json", Some(schema)) => Some(schema.clone()),
        ("json_object", None) => {
            Some(json!({ "type": "object", "properties": { "answer": { "type": "string" } } }))
        }
        _ => None,
    }
}
