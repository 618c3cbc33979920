//! The body of `POST /v1/embeddings`: checked, bounded, and made ready to be sent with another model in its place.

use bytes::Bytes;
use domain::CallBound;
use domain::usage::TOKENS_MAX;

use super::Form;
use crate::forward::Kept;
use crate::json::{self, Field};
use crate::object::Object;
use crate::parameters;
use crate::request_error::RequestError;
use crate::target::Target;
use crate::texts::{Counted, Empty, count};

/// Numbers of one vector. Real ones have a few thousand.
const DIMENSIONS_MAX: u64 = 1 << 20;

/// What a server puts around one text, in tokens: markers of its begin and end, and an instruction of its own.
const INPUT_TOKENS: u64 = 128;

/// Every field that is read. Another spelling of one of them is refused, because servers that match keys without
/// regard to case would read it.
const READ: [&str; 8] =
    ["dimensions", "encoding_format", "input", "model", "provider", "session_id", "stream", "user"];

/// A checked request.
#[derive(Clone, Debug)]
pub struct EmbeddingsRequest {
    body: Bytes,
    target: Target,
    /// The fields to send, in order.
    kept: Vec<Kept<Role>>,
    input: Counted,
    base64: bool,
    dimensions: bool,
    input_tokens: u64,
}

/// What a field is to the task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Input,
    /// One that OpenAI has and the task has not.
    OpenAi,
    /// One that nobody here knows.
    Plain,
}

impl EmbeddingsRequest {
    /// Reads a request body.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn parse(body: Bytes) -> Result<EmbeddingsRequest, RequestError> {
        let read = body.clone();
        let object = Object::body(&read)?;
        for field in object.fields() {
            parameters::refuse_other_spelling(&field.key, &READ, &field.key)?;
            refuse(field)?;
        }
        let input = object.raw("input").ok_or_else(|| RequestError::missing("input"))?;
        let input = count("input", input, Empty::Refused)?;
        let dimensions = object.raw("dimensions");
        if let Some(raw) = dimensions {
            parameters::integer("dimensions", raw, 1, DIMENSIONS_MAX)?;
        }
        object.text("user")?;
        let text = str::from_utf8(&read).unwrap_or_default();
        Ok(EmbeddingsRequest {
            body,
            target: Target::read(&object)?,
            kept: object.fields().iter().filter_map(|field| kept(text, field)).collect(),
            input_tokens: bound(&input, object.fields()),
            base64: wants_base64(&object)?,
            dimensions: dimensions.is_some(),
            input,
        })
    }

    /// Where it is to go.
    #[must_use]
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// How many texts there are; from 1 to 2,048.
    #[must_use]
    pub fn texts(&self) -> u64 {
        self.input.texts
    }

    /// Whether the vectors are wanted as base64.
    pub(super) fn base64(&self) -> bool {
        self.base64
    }

    /// What bounds the cost of the call. It has no output.
    #[must_use]
    pub fn bound(&self) -> CallBound {
        CallBound { input_tokens: self.input_tokens, output_tokens: Some(0), n: 1 }
    }

    /// Tokens that the texts are taken for where the upstream does not count them: four bytes each, every text rounded
    /// up, and those that were given as numbers as they are.
    #[must_use]
    pub fn prompt_tokens_estimate(&self) -> u64 {
        self.input.tokens_estimate
    }

    /// Whether a server of that form can do what is asked for.
    ///
    /// # Errors
    /// The parameter that it does not know.
    pub fn suits(&self, form: Form) -> Result<(), RequestError> {
        let unsupported = |param: &str, why: &str| {
            let message = format!("'{param}' is not supported by the provider of this model: {why}");
            Err(RequestError::new("unsupported_parameter", param, message))
        };
        match form {
            Form::OpenAi => Ok(()),
            Form::Task if self.dimensions => {
                unsupported("dimensions", "its vectors have the length they have")
            }
            Form::Task if self.input.tokens_given > 0 => unsupported("input", "it takes texts and no tokens"),
            Form::Task => Ok(()),
        }
    }

    /// The body to send.
    #[must_use]
    pub fn forward(&self, form: Form, upstream_model: &str) -> Bytes {
        let mut out = Vec::with_capacity(self.body.len() + upstream_model.len() + 32);
        match form {
            Form::OpenAi => {
                out.extend_from_slice(b"{\"model\":");
                json::write_string(&mut out, upstream_model);
                self.kept.iter().for_each(|field| field.copy(&mut out, &self.body));
            }
            Form::Task => {
                out.extend_from_slice(b"{\"inputs\":");
                let input = self.kept.iter().find(|field| field.role == Role::Input);
                write_texts(&mut out, input.map_or(b"[]", |field| field.value(&self.body)));
                let others = self.kept.iter().filter(|field| field.role == Role::Plain);
                others.for_each(|field| field.copy(&mut out, &self.body));
            }
        }
        out.push(b'}');
        out.into()
    }
}

/// The texts as an array, whether there is one or many: then the answer is an array of vectors.
fn write_texts(out: &mut Vec<u8>, raw: &[u8]) {
    let alone = raw.first() != Some(&b'[');
    if alone {
        out.push(b'[');
    }
    out.extend_from_slice(raw);
    if alone {
        out.push(b']');
    }
}

/// Whether the vectors are wanted as base64.
fn wants_base64(body: &Object<'_>) -> Result<bool, RequestError> {
    match body.text("encoding_format")?.as_deref() {
        None | Some("float") => Ok(false),
        Some("base64") => Ok(true),
        Some(_) => Err(RequestError::wrong_value("encoding_format", "either 'float' or 'base64'")),
    }
}

/// Refuses what a server could take for the input, and what no server of vectors does.
fn refuse(field: &Field<'_>) -> Result<(), RequestError> {
    let unsupported = |message: &str| Err(RequestError::new("unsupported_parameter", &field.key, message));
    match field.key.as_ref() {
        key if key.eq_ignore_ascii_case("inputs") => {
            unsupported("'inputs' is not supported: give 'input' in its place")
        }
        "stream" if parameters::boolean("stream", field.value)? => {
            unsupported("embeddings come whole and are not streamed")
        }
        _ => Ok(()),
    }
}

/// What is sent of a field; `None` for those that are the gateway's own.
fn kept(body: &str, field: &Field<'_>) -> Option<Kept<Role>> {
    let role = match field.key.as_ref() {
        "model" | "provider" | "session_id" | "stream" => return None,
        "input" => Role::Input,
        "encoding_format" | "dimensions" | "user" => Role::OpenAi,
        _ => Role::Plain,
    };
    Some(Kept::new(role, body, field))
}

/// The most tokens that the input can have. What nobody here knows may be an instruction, which is put before each text.
fn bound(input: &Counted, fields: &[Field<'_>]) -> u64 {
    let unknown = fields.iter().filter(|field| !READ.contains(&field.key.as_ref()));
    let unknown: u64 = unknown.map(|field| (field.raw_key.len() + field.value.len()) as u64).sum();
    let around = input.texts.saturating_mul(unknown.saturating_add(INPUT_TOKENS));
    input.written_bytes.saturating_add(input.tokens_given).saturating_add(around).min(TOKENS_MAX)
}
