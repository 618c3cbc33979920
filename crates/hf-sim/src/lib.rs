//! A faithful local simulator of the Hugging Face Inference router.

mod answer;
mod auth;
mod catalogue;
mod config;
mod dialect;
mod dice;
mod directive;
mod faults;
mod lock;
mod playback;
mod policy;
mod prompt;
mod prompt_cache;
mod record;
mod refusal;
mod reply;
mod request;
mod routes;
mod rules;
mod script;
mod scripted;
mod server;
mod sim;
mod state;
mod usage;

pub use catalogue::{Catalogue, CatalogueError, Retired, Status, Traits};
pub use config::{Latency, SimConfig, UnmappedError};
pub use dialect::DialectName;
pub use record::RecordedRequest;
pub use script::{
    ErrorBody, Garbage, Hang, Match, RoleFault, Script, Split, StreamError, ToolFault, UsageFault,
};
pub use sim::HfSim;
pub use usage::Usage;
