//! The vectors, as OpenAI's list, whatever form they came in.

use bytes::Bytes;
use domain::{Money, Usage, UsageSource};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::vector::{base64, is_vector};
use super::{EmbeddingsRequest, Form};
use crate::chat::reply::text_of;
use crate::chat::{ReplyFault, Tally, usage};
use crate::error::UpstreamError;
use crate::json;

/// Fields of an object of an upstream that are believed. Real ones have about 5.
const FIELDS_MAX: usize = 1_000;

/// The vectors of all texts of a request.
#[derive(Clone, Debug)]
pub struct EmbeddingsReply {
    /// The list without its usage and its closing brace.
    open: Vec<u8>,
    tally: Tally,
}

/// The fields of a list that are read.
#[derive(Deserialize)]
struct List<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    model: Option<&'a RawValue>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    #[serde(borrow)]
    usage: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
}

impl EmbeddingsReply {
    /// Reads the body of a successful status: the answer to `request` by a server of that form.
    ///
    /// # Errors
    /// When it is an error after all, or has not one vector for each text.
    pub fn parse(
        body: &[u8],
        form: Form,
        request: &EmbeddingsRequest,
    ) -> Result<EmbeddingsReply, ReplyFault> {
        let text = text_of(body)?;
        match form {
            Form::OpenAi => of_list(text, request),
            Form::Task => of_task(text, request),
        }
    }

    /// What was counted.
    #[must_use]
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// OpenAI's list with `usage` as its usage, and the cost.
    #[must_use]
    pub fn with_usage(&self, usage: &Usage, cost: Option<Money>, source: UsageSource) -> Bytes {
        let mut out = Vec::with_capacity(self.open.len() + 160);
        out.extend_from_slice(&self.open);
        let counts =
            format!(",\"usage\":{{\"prompt_tokens\":{},\"total_tokens\":{},", usage.input, usage.total());
        out.extend_from_slice(counts.as_bytes());
        usage::write_cost(&mut out, cost, source);
        out.extend_from_slice(b"}}");
        out.into()
    }
}

fn of_list(text: &str, request: &EmbeddingsRequest) -> Result<EmbeddingsReply, ReplyFault> {
    // Without this check an array would be taken for the fields in their order.
    let list: Option<List<'_>> = text.starts_with('{').then(|| serde_json::from_str(text).ok()).flatten();
    let list = list.ok_or(ReplyFault::Malformed("the body is no JSON of a list"))?;
    let Some(data) = list.data.filter(|_| list.error.is_none()) else {
        return Err(error_or(text, ReplyFault::Malformed("it has no data")));
    };
    let data = data.get();
    let items = one_each(data, request)?;
    let mut seen = vec![false; items.len()];
    let mut recoded = Vec::with_capacity(items.len());
    for (at, item) in items.iter().enumerate() {
        recoded.push(Item::read(at, item, &mut seen)?.recoded(request.base64())?);
    }
    let mut open = Vec::with_capacity(text.len());
    open.push(b'{');
    let fields =
        json::fields(text, FIELDS_MAX).map_err(|_| ReplyFault::Malformed("it has too many fields"))?;
    for field in fields.iter().filter(|field| field.key != "usage") {
        if open.len() > 1 {
            open.push(b',');
        }
        open.extend_from_slice(field.raw_key.as_bytes());
        open.push(b':');
        if field.key == "data" && recoded.iter().any(Option::is_some) {
            write_items(&mut open, &items, &recoded);
        } else {
            open.extend_from_slice(field.value.as_bytes());
        }
    }
    let mut tally = Tally { events: 1, vectors: request.texts(), ..Tally::default() };
    tally.note_names(list.id.map(RawValue::get), list.model.map(RawValue::get));
    if let Some(found) = list.usage {
        tally.note_usage(usage::read_input(found.get()));
    }
    Ok(EmbeddingsReply { open, tally })
}

fn of_task(text: &str, request: &EmbeddingsRequest) -> Result<EmbeddingsReply, ReplyFault> {
    if !text.starts_with('[') {
        return Err(error_or(text, ReplyFault::Malformed("the body is no array of vectors")));
    }
    // Of a single text, some models give the bare vector.
    let alone = request.texts() == 1 && is_vector(text);
    let vectors = if alone { checked(text)? } else { one_each(text, request)? };
    let mut open = Vec::with_capacity(text.len() + vectors.len() * 64 + request.target().model.len());
    open.extend_from_slice(b"{\"object\":\"list\",\"model\":");
    json::write_string(&mut open, &request.target().model);
    open.extend_from_slice(b",\"data\":[");
    for (at, vector) in vectors.iter().enumerate() {
        if !is_vector(vector) {
            return Err(ReplyFault::Malformed("it has not one vector of numbers for each text"));
        }
        let comma = if at > 0 { "," } else { "" };
        open.extend_from_slice(
            format!("{comma}{{\"object\":\"embedding\",\"index\":{at},\"embedding\":").as_bytes(),
        );
        if request.base64() {
            json::write_string(&mut open, &encoded(vector)?);
        } else {
            open.extend_from_slice(vector.as_bytes());
        }
        open.push(b'}');
    }
    open.push(b']');
    let tally = Tally { events: 1, vectors: request.texts(), ..Tally::default() };
    Ok(EmbeddingsReply { open, tally })
}

/// The bare vector `text`, which must be JSON.
fn checked(text: &str) -> Result<Vec<&str>, ReplyFault> {
    match serde_json::from_str::<&RawValue>(text) {
        Ok(_) => Ok(vec![text]),
        Err(_) => Err(ReplyFault::Malformed("the body is no JSON")),
    }
}

/// The elements of `array`, of which there must be one for each text.
fn one_each<'a>(array: &'a str, request: &EmbeddingsRequest) -> Result<Vec<&'a str>, ReplyFault> {
    let texts = usize::try_from(request.texts()).unwrap_or(usize::MAX);
    let items = json::elements(array, texts).ok().filter(|items| items.len() == texts);
    items.ok_or(ReplyFault::Malformed("it has not one vector for each text"))
}

/// The error that the body says, or `otherwise`.
fn error_or(text: &str, otherwise: ReplyFault) -> ReplyFault {
    let says = |key: &str| {
        let fields = json::fields(text, FIELDS_MAX).unwrap_or_default();
        fields.iter().any(|field| field.key == key && field.value != "null")
    };
    if ["error", "message", "msg", "detail"].into_iter().any(says) {
        ReplyFault::Error(UpstreamError::read(200, text.as_bytes()))
    } else {
        otherwise
    }
}

fn encoded(vector: &str) -> Result<String, ReplyFault> {
    base64(vector).ok_or(ReplyFault::Malformed("a vector has something that is no number"))
}

/// One item of a list.
struct Item<'a> {
    embedding: &'a str,
}

impl<'a> Item<'a> {
    /// Reads the item at `at`, whose index must be one that was not `seen`.
    fn read(at: usize, raw: &'a str, seen: &mut [bool]) -> Result<Item<'a>, ReplyFault> {
        let fields =
            json::fields(raw, FIELDS_MAX).map_err(|_| ReplyFault::Malformed("an item is no object"))?;
        let value = |key: &str| fields.iter().find(|field| field.key == key).map(|field| field.value);
        let index = value("index").map_or(Some(at), |raw| raw.parse().ok());
        let place = index.and_then(|index: usize| seen.get_mut(index));
        if place.is_none_or(|seen| std::mem::replace(seen, true)) {
            return Err(ReplyFault::Malformed("the indexes of its items are not those of the texts"));
        }
        let embedding = value("embedding").ok_or(ReplyFault::Malformed("an item has no embedding"))?;
        Ok(Item { embedding })
    }

    /// Its vector as base64, where that is wanted and it is not; `None` where it can stay as it is.
    fn recoded(&self, wanted: bool) -> Result<Option<String>, ReplyFault> {
        let is_text = self.embedding.len() > 2 && self.embedding.starts_with('"');
        match (wanted, is_vector(self.embedding)) {
            (true, true) => encoded(self.embedding).map(Some),
            (false, true) => Ok(None),
            (true, false) if is_text => Ok(None),
            _ => Err(ReplyFault::Malformed("an embedding is not in the format that was asked for")),
        }
    }
}

/// Writes items, with the vectors that were recoded.
fn write_items(out: &mut Vec<u8>, items: &[&str], recoded: &[Option<String>]) {
    out.push(b'[');
    for (at, (item, vector)) in items.iter().zip(recoded).enumerate() {
        if at > 0 {
            out.push(b',');
        }
        let Some(vector) = vector else {
            out.extend_from_slice(item.as_bytes());
            continue;
        };
        out.push(b'{');
        for (at, field) in json::fields(item, FIELDS_MAX).unwrap_or_default().iter().enumerate() {
            if at > 0 {
                out.push(b',');
            }
            out.extend_from_slice(field.raw_key.as_bytes());
            out.push(b':');
            if field.key == "embedding" {
                json::write_string(out, vector);
            } else {
                out.extend_from_slice(field.value.as_bytes());
            }
        }
        out.push(b'}');
    }
    out.push(b']');
}
