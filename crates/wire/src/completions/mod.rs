//! The legacy Completions dialect: a prompt, and the text that goes on from it.

mod request;
mod text;
mod writer;

pub use request::CompletionsRequest;
pub use text::TextRequest;
pub use writer::CompletionsWriter;
