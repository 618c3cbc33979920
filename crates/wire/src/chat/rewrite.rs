//! Rewriting an answer field by field: everything that is not meant stays as it was written.

use domain::{Money, Usage, UsageSource};

use super::usage;
use crate::json::{self, Field};

/// Fields of an object of an upstream that are believed. Real ones have about 10.
const FIELDS_MAX: usize = 10_000;

/// Choices of one chunk.
const CHOICES_MAX: usize = 1_000;

/// `chunk` without its usage, wherever that is. `None` when it cannot be taken apart.
pub(super) fn without_usage(chunk: &str) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(chunk.len());
    let mut object = Object::open(&mut out);
    for field in json::fields(chunk, FIELDS_MAX).ok()? {
        match field.key.as_ref() {
            "usage" => {}
            "choices" => {
                let choices = json::elements(field.value, CHOICES_MAX).ok()?;
                write_choices(object.key(&field), &choices)?;
            }
            "x_groq" if field.value.starts_with('{') => {
                write_without(object.key(&field), field.value)?;
            }
            _ => object.copy(&field),
        }
    }
    object.close();
    Some(out)
}

/// `reply` with its usage made to say what was counted and charged. Keys that we do not know stay.
pub(super) fn with_usage(
    reply: &str,
    counted: &Usage,
    cost: Option<Money>,
    source: UsageSource,
) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(reply.len() + 256);
    let mut object = Object::open(&mut out);
    let mut given = None;
    for field in json::fields(reply, FIELDS_MAX).ok()? {
        if field.key == "usage" { given = Some(field.value) } else { object.copy(&field) }
    }
    let given = given.filter(|given| given.starts_with('{')).unwrap_or("{}");
    write_usage(object.named("usage"), given, counted, cost, source)?;
    object.close();
    Some(out)
}

fn write_usage(
    out: &mut Vec<u8>,
    given: &str,
    counted: &Usage,
    cost: Option<Money>,
    source: UsageSource,
) -> Option<()> {
    let fields = json::fields(given, FIELDS_MAX).ok()?;
    // What an upstream says in detail stands only where its counts do.
    let kept = |key: &str| {
        let details = fields.iter().find(|field| field.key == key && field.value.starts_with('{'));
        details.filter(|_| source == UsageSource::Reported)
    };
    let mut object = Object::open(out);
    usage::write_counts(object.next(), counted);
    match kept("prompt_tokens_details") {
        Some(details) => object.copy(details),
        None => usage::write_prompt_details(object.next(), counted),
    }
    match kept("completion_tokens_details") {
        Some(details) => object.copy(details),
        None => usage::write_completion_details(object.next(), counted),
    }
    for field in &fields {
        let ours = matches!(
            field.key.as_ref(),
            "prompt_tokens"
                | "completion_tokens"
                | "total_tokens"
                | "prompt_tokens_details"
                | "completion_tokens_details"
                | "cost"
                | "cost_details"
        );
        if !ours {
            object.copy(field);
        }
    }
    usage::write_cost(object.next(), cost, source);
    object.close();
    Some(())
}

fn write_choices(out: &mut Vec<u8>, choices: &[&str]) -> Option<()> {
    out.push(b'[');
    for (at, choice) in choices.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        write_without(out, choice)?;
    }
    out.push(b']');
    Some(())
}

/// Writes the object `raw` without its field `usage`.
fn write_without(out: &mut Vec<u8>, raw: &str) -> Option<()> {
    let mut object = Object::open(out);
    for field in json::fields(raw, FIELDS_MAX).ok()? {
        if field.key != "usage" {
            object.copy(&field);
        }
    }
    object.close();
    Some(())
}

/// An object that is being written.
struct Object<'o> {
    out: &'o mut Vec<u8>,
    is_empty: bool,
}

impl<'o> Object<'o> {
    fn open(out: &'o mut Vec<u8>) -> Object<'o> {
        out.push(b'{');
        Object { out, is_empty: true }
    }

    /// Where the next field is to be written.
    fn next(&mut self) -> &mut Vec<u8> {
        if !std::mem::take(&mut self.is_empty) {
            self.out.push(b',');
        }
        self.out
    }

    /// Writes the key of `field`; its value is to follow.
    fn key(&mut self, field: &Field<'_>) -> &mut Vec<u8> {
        let out = self.next();
        out.extend_from_slice(field.raw_key.as_bytes());
        out.push(b':');
        out
    }

    /// Writes a key that needs no escapes; its value is to follow.
    fn named(&mut self, key: &str) -> &mut Vec<u8> {
        let out = self.next();
        json::write_string(out, key);
        out.push(b':');
        out
    }

    fn copy(&mut self, field: &Field<'_>) {
        self.key(field).extend_from_slice(field.value.as_bytes());
    }

    fn close(self) {
        self.out.push(b'}');
    }
}
