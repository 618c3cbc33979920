//! Chat completions: the request, one whole answer, one streamed answer.

mod answer;
mod prompt;
mod reply;
mod request;
mod rewrite;
mod stream;
mod tally;
mod usage;

pub use reply::{ChatReply, ReplyFault};
pub use request::{ChatRequest, Forward, RequestError};
pub use stream::{ChatStream, End, Step};
pub use tally::Tally;
