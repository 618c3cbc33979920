//! What clients send of conversations: items and metadata.

use axum::extract::Request;
use bytes::Bytes;
use domain::{AccountId, ConversationId};
use hyper::StatusCode;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use utoipa::ToSchema;
use wire::chat::RequestError;
use wire::responses::{check_metadata, input_item, item_id, read_item};

use crate::error::{ApiError, Refusal};
use crate::gateway::Gateway;
use crate::http::input::{self, parse_body};
use crate::ledger::ids::conversation_id;
use crate::ledger::sessions::Item;
use crate::pipeline::BodyLimit;
use crate::sessions::SessionRefusal;

/// Items of one request, as at OpenAI.
const ITEMS_MAX: usize = 20;

/// What a client notes of a conversation: up to 16 pairs of texts.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(try_from = "Option<Box<RawValue>>")]
#[schema(value_type = Option<BTreeMap<String, String>>)]
pub(super) struct Metadata(Option<Box<RawValue>>);

impl Metadata {
    /// As it is stored.
    pub(super) fn into_json(self) -> String {
        self.0.map_or_else(|| "{}".to_owned(), |pairs| pairs.get().to_owned())
    }
}

impl TryFrom<Option<Box<RawValue>>> for Metadata {
    type Error = RequestError;

    fn try_from(pairs: Option<Box<RawValue>>) -> Result<Metadata, RequestError> {
        pairs.as_ref().map(|pairs| check_metadata(pairs.get())).transpose()?;
        Ok(Metadata(pairs))
    }
}

/// Items as a client wrote them.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(value_type = Vec<serde_json::Value>, max_items = 20)]
pub(super) struct NewItems(Vec<Box<RawValue>>);

impl NewItems {
    /// The items as they are stored, each under a new name.
    pub(super) fn read(&self, gateway: &Gateway) -> Result<Vec<Item>, ApiError> {
        if self.0.len() > ITEMS_MAX {
            let message = format!("'items' must have at most {ITEMS_MAX} items.");
            return Err(bad("invalid_value", message).param("items"));
        }
        let batch = format!("{:032x}", conversation_id(&gateway.clock).to_bits());
        let read = |(index, raw): (usize, &str)| {
            let item = read_item(raw).map_err(|error| {
                let param = error.param.map_or_else(String::new, |param| format!(".{param}"));
                bad(error.code, error.message).param(format!("items[{index}]{param}"))
            })?;
            let id = item_id(&item, &batch, index);
            Ok(Item { body: input_item(&item, &id), id })
        };
        self.0.iter().map(|raw| raw.get()).enumerate().map(read).collect()
    }
}

/// A JSON body as large as a call's may be, because items may hold images.
pub(super) async fn read<T: DeserializeOwned>(gateway: &Gateway, request: Request) -> Result<T, ApiError> {
    let limit = BodyLimit::of_call(gateway);
    let (_, bytes): (_, Bytes) = input::read_json_within(request, limit).await?;
    parse_body(&bytes)
}

/// Whether the account may store more.
pub(super) fn check_room(gateway: &Gateway, account: AccountId) -> Result<(), ApiError> {
    let bytes_max = gateway.config.sessions.account_bytes_max;
    if gateway.ledger.session_bytes(account) < bytes_max {
        return Ok(());
    }
    Err(Refusal::Session(SessionRefusal::Full(bytes_max)).into())
}

/// An id for a new conversation.
pub(super) fn new_id(gateway: &Gateway) -> ConversationId {
    conversation_id(&gateway.clock)
}

fn bad(code: &'static str, message: String) -> ApiError {
    ApiError::invalid(StatusCode::BAD_REQUEST, code, message)
}
