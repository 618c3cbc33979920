//! What completions repeat of their prompts, which nobody generated.

use std::sync::Arc;

use domain::usage::BYTES_PER_TOKEN;

use crate::json;

/// What the choices of an answer are to repeat of their prompts before what is generated.
///
/// A server may not know the parameter, so a text counts as repeated only as far as it is that of the prompt.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Echo {
    prompts: Arc<[Prompt]>,
    /// How many bytes each choice has repeated, by its index; `None` when what follows is generated.
    repeated: Vec<Option<u64>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Prompt {
    Text(String),
    /// Tokens that were given as numbers, whose text nobody knows here: it is taken for so many bytes.
    Bytes(u64),
}

impl Echo {
    /// That of a checked `prompt`, in any of its forms, with `each` choices of every text in it.
    pub(crate) fn of(prompt: &str, each: u32) -> Echo {
        let prompts: Arc<[Prompt]> = match prompt.strip_prefix('[').map(str::trim_start) {
            Some(inside) if inside.starts_with(['"', '[']) => {
                elements(prompt).into_iter().map(Prompt::read).collect()
            }
            _ => [Prompt::read(prompt)].into(),
        };
        let repeated = vec![Some(0); prompts.len().saturating_mul(each as usize)];
        Echo { prompts, repeated }
    }

    /// Whether something was repeated.
    pub(super) fn has_begun(&self) -> bool {
        self.repeated.iter().any(|repeated| *repeated != Some(0))
    }

    /// Whether some choice may still repeat its prompt.
    pub(super) fn is_open(&self) -> bool {
        self.repeated.iter().any(Option::is_some)
    }

    /// How many bytes are generated of the text `raw`, a JSON value, which the choice `index` adds.
    pub(super) fn generated(&mut self, index: usize, raw: &str) -> u64 {
        // The choices of one prompt follow each other.
        let each = self.repeated.len().checked_div(self.prompts.len()).unwrap_or(1).max(1);
        let (Some(place), Some(prompt)) = (self.repeated.get_mut(index), self.prompts.get(index / each))
        else {
            return json::text_len(raw);
        };
        let Some(at) = *place else { return json::text_len(raw) };
        let text = json::text(raw);
        let (same, rest) = prompt.common(at, &text);
        let generated = text.len() as u64 - same;
        *place = (generated == 0 && same < rest).then_some(at + same);
        generated
    }
}

impl Prompt {
    fn read(raw: &str) -> Prompt {
        match raw.starts_with('"') {
            true => Prompt::Text(json::text(raw).into_owned()),
            false => Prompt::Bytes((elements(raw).len() as u64).saturating_mul(BYTES_PER_TOKEN)),
        }
    }

    /// How many bytes `text` begins with of what stands in the prompt from `at` on, and how many stand there.
    fn common(&self, at: u64, text: &str) -> (u64, u64) {
        match self {
            Prompt::Text(prompt) => {
                let at = usize::try_from(at).unwrap_or(usize::MAX);
                let rest = prompt.as_bytes().get(at..).unwrap_or_default();
                let same = rest.iter().zip(text.as_bytes()).take_while(|(one, other)| one == other);
                (same.count() as u64, rest.len() as u64)
            }
            Prompt::Bytes(bytes) => {
                let rest = bytes.saturating_sub(at);
                (rest.min(text.len() as u64), rest)
            }
        }
    }
}

/// The elements of an array that was counted before.
fn elements(raw: &str) -> Vec<&str> {
    json::elements(raw, usize::MAX).unwrap_or_default()
}
