//! The legacy Completions dialect: one prompt, one text.

mod request;
mod writer;

pub use request::CompletionsRequest;
pub use writer::CompletionsWriter;
