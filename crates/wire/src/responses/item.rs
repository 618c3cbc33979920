//! The JSON of items.

use super::status::ItemStatus;
use crate::pivot::Item;

/// An item of the input, as `/input_items` shows it and as it is stored.
#[must_use]
pub fn input_item(item: &Item, id: &str) -> String {
    output_item(item, id, ItemStatus::Completed)
}

/// An item of an output, as a response shows it and as it is stored.
#[must_use]
pub fn output_item(_item: &Item, _id: &str, _status: ItemStatus) -> String {
    String::new()
}

/// The id of the item at `index` of a call's items: what it is, the call, its place.
#[must_use]
pub fn item_id(_item: &Item, _call_hex: &str, _index: usize) -> String {
    String::new()
}
