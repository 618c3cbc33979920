//! What follows a prompt that is to be completed.

use super::{Answer, Choice, words};
use crate::completion::CompletionRequest;
use crate::dice::Dice;
use crate::script::Script;
use crate::texts::Text;

impl Answer {
    /// The choices of each prompt in turn. `hashes` has one number for each prompt, which all of its text is derived
    /// from.
    pub(crate) fn complete(request: &CompletionRequest, hashes: &[u64], script: &Script) -> Self {
        let max = request.max_tokens(script.cap);
        let prompts = request.prompt.all().iter().zip(hashes);
        let choices = prompts.flat_map(|(prompt, hash)| {
            (0..u64::from(request.choices())).map(move |at| {
                let mut dice = Dice::new(hash.wrapping_add(at));
                let mut choice = match &script.text {
                    Some(text) => Choice::text(text),
                    None => Choice::prose(Vec::new(), script, &mut dice).going_on(),
                };
                choice.cut(request.stop(), max);
                if request.echo() {
                    choice.echo(prompt);
                }
                choice
            })
        });
        Self { choices: choices.collect() }
    }
}

impl Choice {
    /// The same, as it follows the last word of a prompt.
    fn going_on(mut self) -> Self {
        if let Some(first) = self.content.first_mut() {
            first.to_mut().insert(0, ' ');
        }
        self
    }

    /// Gives the prompt back before what was said.
    fn echo(&mut self, prompt: &Text) {
        let mut content = match prompt {
            Text::Written(text) => words::pieces(text),
            Text::Tokens(tokens) => tokens.iter().map(|token| words::word(*token)).collect(),
        };
        self.echoed = content.len();
        content.append(&mut self.content);
        self.content = content;
    }
}
