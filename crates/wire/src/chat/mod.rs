//! Chat completions: the request, one whole answer, one streamed answer.

mod answer;
mod parameters;
mod pattern;
mod prompt;
mod reply;
mod request;
mod request_error;
mod rewrite;
mod stream;
mod tally;
mod usage;

pub use prompt::{IMAGE_TOKENS_ESTIMATED, MESSAGE_TOKENS, TOOL_TOKENS};
pub use reply::{ChatReply, ReplyFault};
pub use request::{ChatRequest, Forward};
pub use request_error::RequestError;
pub use stream::{ChatStream, End, Step};
pub use tally::Tally;
