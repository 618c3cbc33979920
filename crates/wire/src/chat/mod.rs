//! Chat completions: the request, one whole answer, one streamed answer.

pub(crate) mod answer;
mod echo;
mod pattern;
mod prompt;
pub(crate) mod reply;
pub(crate) mod request;
mod rewrite;
mod stream;
mod tally;
pub(crate) mod usage;

pub use crate::request_error::RequestError;
pub use echo::Echo;
pub use prompt::{IMAGE_TOKENS_ESTIMATED, MESSAGE_TOKENS, TOOL_TOKENS};
pub(crate) use prompt::{MESSAGES_MAX, SETTINGS};
pub use reply::{ChatReply, ReplyFault};
pub use request::ChatRequest;
pub use stream::{ChatStream, End, Step};
pub use tally::Tally;
