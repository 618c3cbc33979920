//! The pivot: the one set of values and events between the dialects.
//!
//! A client's request in any dialect becomes a [`Request`], and that a chat body, because chat is what upstreams speak.
//! The upstream's chunks become [`Event`]s, a [`Collector`] makes [`Item`]s of them, one open at a time, and a [`Writer`]
//! tells their [`Progress`] in the client's dialect. So what a client reads piece by piece, what its last event says and
//! what is stored cannot differ: all three are the collector's items.
//!
//! A chat client at a chat upstream needs none of this: its bytes pass as they are.

mod collector;
mod event;
mod item;
mod messages;
mod of_chat;
mod reader;
mod request;
mod telling;
mod to_chat;
mod writer;

pub use collector::{Collector, Progress};
pub use event::{Event, Finish};
pub use item::{Item, Part, ParticipantName, Role, ToolKind};
pub use of_chat::OwnMessages;
pub use reader::Reader;
pub use request::{Callable, Choice, Format, Request, Settings, Tool};
pub use telling::Telling;
pub use to_chat::to_chat;
pub use writer::{Ending, Names, Writer};
