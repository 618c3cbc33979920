//! Reading items, of a request and of the store.

use crate::pivot::Item;
use crate::request_error::RequestError;

/// Reads an item that [`input_item`](super::input_item) or [`output_item`](super::output_item) wrote.
///
/// # Errors
/// When it is something else.
pub fn read_item(_json: &str) -> Result<Item, RequestError> {
    Err(RequestError::missing("type"))
}
