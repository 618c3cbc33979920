//! The response object.

use bytes::Bytes;

use super::event::failure;
use super::extras::Extras;
use super::given;
use super::item::{Dress, item_id};
use super::object_writer::{ObjectWriter, array};
use super::status::{ItemStatus, Status};
use crate::chat::usage;
use crate::error::ErrorBody;
use crate::pivot::{self, Ending, Finish, Item, Names};

/// Everything of a response object but its output. Built once per call.
#[derive(Clone, Debug)]
pub struct Head {
    call: String,
    /// The fields that do not change, as a JSON object.
    fixed: String,
    background: bool,
    dress: Dress,
}

impl Head {
    /// The head of the response to a call. `previous` and `conversation` are the ids to show.
    #[must_use]
    pub fn new(
        names: &Names,
        ask: &pivot::Request,
        extras: &Extras,
        previous: Option<&str>,
        conversation: Option<&str>,
    ) -> Head {
        Head {
            call: names.call.clone(),
            fixed: fixed(names, ask, extras, previous, conversation),
            background: extras.background,
            dress: Dress { summary: extras.summary.is_some(), namespaced: extras.namespaced.clone() },
        }
    }

    /// Bytes of the fields that are kept: the instructions and the tools of the request stand in them.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.fixed.len()
    }

    /// The object without `output`, as it is stored. `ending` gives the usage and why it ended, where that is known;
    /// `error` is what a failed response says.
    #[must_use]
    pub fn stored(&self, status: Status, ending: Option<&Ending>, error: Option<&ErrorBody>) -> String {
        let object = ObjectWriter::default().fields_of(&self.fixed).text("status", status.as_str());
        let object = match ending {
            Some(ending) if status == Status::Completed => object.plain("completed_at", ending.at_s),
            _ => object.raw("completed_at", "null"),
        };
        let object = match status {
            Status::Incomplete => object.raw("incomplete_details", incomplete(ending)),
            _ => object.raw("incomplete_details", "null"),
        };
        let object = match status {
            Status::Failed => object.raw("error", &failure(error)),
            _ => object.raw("error", "null"),
        };
        object.raw("usage", &ending.map_or_else(|| "null".to_owned(), usage_object)).close()
    }

    /// The id of the item at `index` of the output.
    #[must_use]
    pub fn item_id(&self, item: &Item, index: usize) -> String {
        item_id(item, &self.call, index)
    }

    /// The item at `index` of the output, as this response shows it and as it is stored: reasoning as a summary where
    /// the client asked for one, functions within the namespaces that the client knows.
    #[must_use]
    pub fn output_item(&self, item: &Item, index: usize, status: ItemStatus) -> String {
        self.sealed_item(item, index, status, None)
    }

    /// The same with the `encrypted_content` of reasoning.
    pub(super) fn sealed_item(
        &self,
        item: &Item,
        index: usize,
        status: ItemStatus,
        sealed: Option<&str>,
    ) -> String {
        self.dress.item(item, &self.item_id(item, index), status, sealed)
    }

    pub(super) fn background(&self) -> bool {
        self.background
    }

    /// Whether reasoning is told as a summary.
    pub(super) fn summary(&self) -> bool {
        self.dress.summary
    }

    /// The name under which the client knows a function.
    pub(super) fn known_name<'a>(&'a self, flat: &'a str) -> &'a str {
        self.dress.known_name(flat).1
    }
}

/// The whole object: the stored head with `output`, the JSON of its items, in it.
#[must_use]
pub fn object(stored_head: &str, output: &[&str]) -> Bytes {
    whole_object(stored_head, output).into()
}

pub(super) fn whole_object(stored_head: &str, output: &[&str]) -> String {
    ObjectWriter::default().fields_of(stored_head).raw("output", &array(output.iter().copied())).close()
}

fn fixed(
    names: &Names,
    ask: &pivot::Request,
    extras: &Extras,
    previous: Option<&str>,
    conversation: Option<&str>,
) -> String {
    let settings = &ask.settings;
    let object = ObjectWriter::default()
        .text("id", &format!("resp_{}", names.call))
        .text("object", "response")
        .plain("created_at", names.created_at_s)
        .plain("background", extras.background)
        .text("model", &names.model)
        .text_or_null("previous_response_id", previous)
        .text_or_null("instructions", ask.instructions.as_deref());
    let object = match conversation {
        Some(id) => object.raw("conversation", &ObjectWriter::default().text("id", id).close()),
        None => object,
    };
    object
        .raw("tools", &given::tools(settings, extras))
        .raw("tool_choice", &given::choice(settings, extras))
        .plain("parallel_tool_calls", extras.parallel_tool_calls.or(settings.parallel_calls).unwrap_or(true))
        .raw("text", &given::text(settings, extras))
        .raw("reasoning", &given::reasoning(settings, extras))
        .raw("temperature", given::passing(settings, "temperature").unwrap_or("1"))
        .raw("top_p", given::passing(settings, "top_p").unwrap_or("1"))
        .raw("presence_penalty", given::passing(settings, "presence_penalty").unwrap_or("0"))
        .raw("frequency_penalty", given::passing(settings, "frequency_penalty").unwrap_or("0"))
        .raw("top_logprobs", "0")
        .raw("max_output_tokens", &number_or_null(settings.output_tokens))
        .raw("max_tool_calls", &number_or_null(extras.max_tool_calls))
        .text("truncation", if extras.truncate { "auto" } else { "disabled" })
        .plain("store", extras.store)
        .raw("service_tier", given::service_tier(settings))
        .raw("metadata", extras.metadata.as_deref().unwrap_or("{}"))
        .text_or_null("safety_identifier", extras.safety_identifier.as_deref())
        .text_or_null("prompt_cache_key", extras.prompt_cache_key.as_deref())
        .raw("user", given::passing(settings, "user").unwrap_or("null"))
        .close()
}

fn incomplete(ending: Option<&Ending>) -> &'static str {
    match ending.map(|ending| ending.finish) {
        Some(Finish::ContentFilter) => "{\"reason\":\"content_filter\"}",
        _ => "{\"reason\":\"max_output_tokens\"}",
    }
}

fn number_or_null(number: Option<u64>) -> String {
    number.map_or_else(|| "null".to_owned(), |number| number.to_string())
}

fn usage_object(ending: &Ending) -> String {
    let counted = &ending.usage;
    let mut cost = Vec::new();
    usage::write_cost(&mut cost, ending.cost, ending.source);
    let cost = format!("{{{}}}", String::from_utf8(cost).unwrap_or_default());
    ObjectWriter::default()
        .plain("input_tokens", counted.input)
        // Strict clients want the second key; what upstreams write to their caches is not told apart here.
        .raw(
            "input_tokens_details",
            &format!("{{\"cached_tokens\":{},\"cache_write_tokens\":0}}", counted.cached_input),
        )
        .plain("output_tokens", counted.output)
        .raw("output_tokens_details", &format!("{{\"reasoning_tokens\":{}}}", counted.reasoning))
        .plain("total_tokens", counted.total())
        .fields_of(&cost)
        .close()
}
