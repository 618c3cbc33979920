//! A request body that passes: its fields as they were written, behind the model's name at the upstream.

use std::ops::Range;

use bytes::Bytes;

use crate::json::{self, Field};

/// Fields of `stream_options` that are believed.
const OPTIONS_MAX: usize = 1_000;

/// How to send a request on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forward<'a> {
    /// The model's name at the upstream.
    pub upstream_model: &'a str,
    /// Writes this output limit, in place of any that the caller named.
    pub output_tokens: Option<u64>,
}

/// A checked body, and the fields of it that are sent, in their order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Original {
    body: Bytes,
    kept: Vec<Kept<Role>>,
}

/// One field that is sent, as it was written: from its key to the end of its value. `R` is what it is to the gateway.
#[derive(Clone, Debug)]
pub(crate) struct Kept<R> {
    pub(crate) role: R,
    written: Range<usize>,
    /// Where in the body the value starts.
    value_start: usize,
}

/// What a field is to the gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Plain,
    OutputLimit,
    StreamOptions,
}

impl<R> Kept<R> {
    /// Keeps `field` of `body`.
    pub(crate) fn new(role: R, body: &str, field: &Field<'_>) -> Kept<R> {
        let value = json::range_in(body, field.value);
        let start = json::range_in(body, field.raw_key).start;
        Kept { role, written: start..value.end, value_start: value.start }
    }

    /// Bytes of key and value.
    pub(crate) fn written_bytes(&self) -> usize {
        self.written.len()
    }

    /// Its value in that body.
    pub(crate) fn value<'a>(&self, body: &'a [u8]) -> &'a [u8] {
        &body[self.value_start..self.written.end]
    }

    /// Appends it behind other fields.
    pub(crate) fn copy(&self, out: &mut Vec<u8>, body: &[u8]) {
        out.push(b',');
        out.extend_from_slice(&body[self.written.clone()]);
    }
}

impl Kept<Role> {
    /// Keeps `field` of `body`. `None` for the fields that are the gateway's own.
    pub(crate) fn of(body: &str, field: &Field<'_>) -> Option<Kept<Role>> {
        let role = match field.key.as_ref() {
            "model" | "provider" | "session_id" => return None,
            "max_tokens" | "max_completion_tokens" => Role::OutputLimit,
            "stream_options" => Role::StreamOptions,
            _ => Role::Plain,
        };
        Some(Kept::new(role, body, field))
    }
}

impl Original {
    pub(crate) fn new(body: Bytes, kept: Vec<Kept<Role>>) -> Original {
        Original { body, kept }
    }

    /// The whole body, as it came.
    pub(crate) fn body(&self) -> &Bytes {
        &self.body
    }

    /// The body to send: the model first, because the Hugging Face router reads it from the start of the body, then
    /// the fields as they were written. A stream asks for its usage, so that the call can be billed.
    pub(crate) fn forward(&self, to: &Forward<'_>, stream: bool) -> Bytes {
        let mut out = Vec::with_capacity(self.body.len() + to.upstream_model.len() + 96);
        out.extend_from_slice(b"{\"model\":");
        json::write_string(&mut out, to.upstream_model);
        if let Some(limit) = to.output_tokens {
            out.extend_from_slice(format!(",\"max_tokens\":{limit}").as_bytes());
        }
        let mut usage_included = !stream;
        for field in &self.kept {
            match field.role {
                Role::OutputLimit if to.output_tokens.is_some() => continue,
                Role::StreamOptions if stream => {
                    usage_included = true;
                    write_stream_options(&mut out, field.value(&self.body));
                }
                _ => field.copy(&mut out, &self.body),
            }
        }
        if !usage_included {
            write_stream_options(&mut out, b"null");
        }
        out.push(b'}');
        out.into()
    }
}

/// Writes the caller's stream options with `include_usage` set.
fn write_stream_options(out: &mut Vec<u8>, given: &[u8]) {
    out.extend_from_slice(b",\"stream_options\":{\"include_usage\":true");
    // They were read before; `null` has no fields.
    let given = str::from_utf8(given).ok().filter(|given| given.starts_with('{')).unwrap_or("{}");
    for field in json::fields(given, OPTIONS_MAX).unwrap_or_default() {
        if field.key != "include_usage" {
            out.push(b',');
            out.extend_from_slice(field.raw_key.as_bytes());
            out.push(b':');
            out.extend_from_slice(field.value.as_bytes());
        }
    }
    out.push(b'}');
}
