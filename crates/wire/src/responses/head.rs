//! The response object.

use bytes::Bytes;

use super::extras::Extras;
use super::object::Object;
use super::status::{ItemStatus, Status};
use crate::error::ErrorBody;
use crate::pivot::{self, Ending, Item, Names};

/// Everything of a response object but its output. Built once per call.
#[derive(Clone, Debug)]
pub struct Head {}

impl Head {
    /// The head of the response to a call. `previous` and `conversation` are the ids to show.
    #[must_use]
    pub fn new(
        _names: &Names,
        _ask: &pivot::Request,
        _extras: &Extras,
        _previous: Option<&str>,
        _conversation: Option<&str>,
    ) -> Head {
        Head {}
    }

    /// The object without `output`, as it is stored.
    #[must_use]
    pub fn stored(&self, _status: Status, _ending: Option<&Ending>, _error: Option<&ErrorBody>) -> String {
        Object::default().close()
    }

    /// The id of the item at `index` of the output.
    #[must_use]
    pub fn item_id(&self, _item: &Item, _index: usize) -> String {
        String::new()
    }

    /// The item at `index` of the output, as this response shows and stores it.
    #[must_use]
    pub fn output_item(&self, _item: &Item, _index: usize, _status: ItemStatus) -> String {
        String::new()
    }
}

/// The whole object: the stored head with `output`, the JSON of its items, in it.
#[must_use]
pub fn object(_stored_head: &str, _output: &[&str]) -> Bytes {
    Bytes::new()
}
