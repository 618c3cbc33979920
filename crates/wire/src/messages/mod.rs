//! Anthropic's Messages dialect: the request, the answer, the errors.
//!
//! What only Anthropic has a meaning for is taken and left out: prompt caching, betas, signatures of thoughts. What would
//! change the answer and cannot be done is refused with its name.

mod block;
mod conversation;
mod error;
mod request;
mod settings;
mod tools;
mod writer;

pub use error::error_body;
pub use request::MessagesRequest;
pub use writer::MessagesWriter;
