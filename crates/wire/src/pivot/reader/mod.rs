//! An upstream's chat answer, as events, with what upstreams get wrong in it repaired.
//!
//! What a chunk says ([`said`]) goes through two filters of markup that belongs to the model's template and not to its
//! text: its thoughts ([`think`]) and its tool calls ([`leaks`]). What is left stands in line with the tool calls that
//! the upstream understood ([`calls`]), so that one thing follows the other.

mod call;
mod calls;
mod custom;
mod fragment;
mod in_json;
mod in_tags;
mod leaks;
mod said;
mod scan;
mod templates;
mod think;
mod typed;

use std::sync::Arc;

use self::calls::Calls;
use self::fragment::Fragment;
use self::leaks::{Leaks, Next, Piece};
use self::said::Channel;
use self::think::Think;
use super::event::{Event, Finish};
use super::request::Callable;
use crate::chat::answer::{Answer, Choice};
use crate::json;

/// Reads one answer, and repairs what upstreams get wrong in it. Of several choices it reads the one with index 0.
#[derive(Debug)]
pub struct Reader {
    /// Whether the model may call a tool. Else no text is taken for a call.
    tools: bool,
    think: Think,
    leaks_in_reasoning: Leaks,
    leaks_in_text: Leaks,
    calls: Calls,
    finish: Finish,
    /// Bytes of words and calls that were taken.
    taken: usize,
}

impl Reader {
    /// A reader of an answer that has not begun. `call` is the id of the call, from which missing ids of tool calls are
    /// made; `offered` are the tools that the model may call; `custom` are the names of those that take free text.
    #[must_use]
    pub fn new(call: &str, offered: Arc<[Callable]>, custom: Vec<String>) -> Reader {
        Reader {
            tools: !offered.is_empty(),
            think: Think::default(),
            leaks_in_reasoning: Leaks::new(offered.clone(), false),
            leaks_in_text: Leaks::new(offered, true),
            calls: Calls::new(call, custom),
            finish: Finish::Unsaid,
            taken: 0,
        }
    }

    /// Takes the data of an event of a stream. What is no chunk gives nothing: `ChatStream` has judged it.
    pub fn chunk(&mut self, data: &[u8]) -> Vec<Event> {
        let mut out = Vec::new();
        let answer = str::from_utf8(data).ok().and_then(|text| Answer::read(text.trim_ascii()));
        let Some(answer) = answer.filter(|answer| !answer.is_error()) else { return out };
        for (position, choice) in answer.choices().enumerate() {
            if choice.index(position) == 0 {
                self.choice(choice, &mut out);
            }
        }
        out
    }

    /// Takes a whole answer. What is none gives nothing: `ChatReply` has judged it.
    pub fn whole(&mut self, body: &[u8]) -> Vec<Event> {
        // It differs from a chunk only in that its choices have a message in place of a delta.
        self.chunk(body)
    }

    /// What was held back, when nothing more comes.
    pub fn end(&mut self) -> Vec<Event> {
        let mut out = Vec::new();
        let next = match self.finish {
            Finish::Stop | Finish::ToolCalls => Next::Nothing,
            Finish::Length | Finish::ContentFilter => Next::Cut,
            Finish::Unsaid => Next::Unsaid,
        };
        self.let_go(next, &mut out);
        self.calls.end(next == Next::Cut, &mut out);
        out
    }

    /// What was held back of a text, when the answer breaks off. A call that is open stays so: clients run what has ended.
    pub fn broken_off(&mut self) -> Vec<Event> {
        let mut out = Vec::new();
        if !self.calls.is_open() {
            self.let_go(Next::Cut, &mut out);
        }
        out
    }

    /// Bytes of words and calls that were taken so far.
    #[must_use]
    pub fn taken(&self) -> usize {
        self.taken
    }

    /// Why the answer ended, as far as the upstream said. One that ended well with tool calls waits for their outputs,
    /// also where the upstream says `stop`. One whose calls cannot be read did not end well: nobody would answer them.
    #[must_use]
    pub fn finish(&self) -> Finish {
        match self.finish {
            Finish::Stop | Finish::ToolCalls if self.calls.any() => Finish::ToolCalls,
            Finish::ToolCalls => Finish::Unsaid,
            Finish::Stop if self.calls.unreadable() => Finish::Unsaid,
            said => said,
        }
    }

    fn choice(&mut self, choice: &Choice<'_>, out: &mut Vec<Event>) {
        if let Some(delta) = choice.delta.as_ref().or(choice.message.as_ref()) {
            said::read(delta, &mut |channel, text| self.say(channel, text, out));
            let tools = delta.tool_calls.map(|raw| raw.get()).filter(|raw| *raw != "[]");
            if tools.is_some() || delta.function_call.is_some() {
                self.let_go(Next::Other, out);
            }
            if let Some(raw) = tools {
                fragment::read(raw, &mut |fragment| self.take(fragment, out));
            } else if let Some(raw) = delta.function_call {
                fragment::read_function(raw.get(), &mut |fragment| self.take(fragment, out));
            }
        }
        let reason = choice.finish_reason.and_then(|raw| json::string(raw.get()));
        if let Some(reason) = reason.filter(|reason| !reason.is_empty()) {
            self.finish = Finish::read(Some(&reason));
        }
    }

    fn take(&mut self, fragment: &Fragment<'_>, out: &mut Vec<Event>) {
        self.taken += fragment.id.len() + fragment.name.len() + fragment.arguments.len();
        self.calls.take(fragment, out);
    }

    fn say(&mut self, channel: Channel, text: &str, out: &mut Vec<Event>) {
        self.taken += text.len();
        match channel {
            Channel::Reasoning => self.reasoning(text, out),
            Channel::Text => {
                let (reasoning, text) = self.think.split(text);
                self.reasoning(&reasoning, out);
                self.text(&text, out);
            }
            Channel::Refusal => {
                self.let_go(Next::Other, out);
                self.calls.say(Event::Refusal(text.to_owned()), out);
            }
        }
    }

    fn reasoning(&mut self, text: &str, out: &mut Vec<Event>) {
        if text.is_empty() {
            return;
        }
        if !self.tools {
            return self.calls.say(Event::Reasoning(text.to_owned()), out);
        }
        if !(self.leaks_in_text.awaits_end() && text.trim_ascii().is_empty()) {
            self.leaks_in_text
                .flush(Next::Other, &mut |piece| tell(&mut self.calls, piece, Event::Text, out));
        }
        self.leaks_in_reasoning.read(text, &mut |piece| tell(&mut self.calls, piece, Event::Reasoning, out));
    }

    fn text(&mut self, text: &str, out: &mut Vec<Event>) {
        if text.is_empty() {
            return;
        }
        if !self.tools {
            return self.calls.say(Event::Text(text.to_owned()), out);
        }
        // White space does not say that the answer goes on behind a call.
        if !(self.leaks_in_reasoning.awaits_end() && text.trim_ascii().is_empty()) {
            let next = Next::Other;
            self.leaks_in_reasoning
                .flush(next, &mut |piece| tell(&mut self.calls, piece, Event::Reasoning, out));
        }
        self.leaks_in_text.read(text, &mut |piece| tell(&mut self.calls, piece, Event::Text, out));
    }

    /// Lets go of the text that is held back.
    fn let_go(&mut self, next: Next, out: &mut Vec<Event>) {
        let (reasoning, text) = self.think.flush(next != Next::Other);
        self.reasoning(&reasoning, out);
        self.text(&text, out);
        self.leaks_in_reasoning.flush(next, &mut |piece| tell(&mut self.calls, piece, Event::Reasoning, out));
        self.leaks_in_text.flush(next, &mut |piece| tell(&mut self.calls, piece, Event::Text, out));
    }
}

fn tell(calls: &mut Calls, piece: Piece<'_>, said: fn(String) -> Event, out: &mut Vec<Event>) {
    match piece {
        Piece::Said(text) => calls.say(said(text.to_owned()), out),
        Piece::Call(call) => calls.take_whole(call, out),
    }
}
