//! The Responses dialect: its request, its items, its object and its stream.
//!
//! A request becomes a [`pivot::Request`](crate::pivot::Request) and what only this dialect has beside it. An answer's
//! items are told by [`ResponsesWriter`]. The JSON of items and of the object is what clients see, and also what is
//! stored: [`read_item`] reads back what [`input_item`] and [`output_item`] write, and [`shown_item`] leaves out what is
//! stored for chat alone.

mod content;
mod event;
mod extras;
mod given;
mod head;
mod hosted;
mod input;
mod item;
mod metadata;
mod object_writer;
mod parameters;
mod place;
mod request;
mod status;
mod text;
mod tools;
mod writer;

pub use event::error_event;
pub use extras::{Extras, Namespaced};
pub use head::{Head, object};
pub use hosted::HostedTools;
pub use input::read_item;
pub use item::{input_item, item_id, output_item, shown_item};
pub use metadata::check_metadata;
pub use request::ResponsesRequest;
pub use status::{ItemStatus, Status};
pub use writer::{ResponsesWriter, Seal};
