//! What a call of every dialect names in its body.

use crate::object::Object;
use crate::parameters;
use crate::request_error::RequestError;
use crate::session;

/// Where a call is to go: what its body names of the model, the provider and the conversation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Target {
    /// The model; never empty in what was read.
    pub model: String,
    /// The provider, by its name at the gateway.
    pub provider: Option<String>,
    /// The conversation to go on in, by the client's own name.
    pub session_id: Option<String>,
}

impl Target {
    /// Reads them in a body.
    pub(crate) fn read(body: &Object<'_>) -> Result<Target, RequestError> {
        Ok(Target {
            model: parameters::model(body.raw("model").ok_or_else(|| RequestError::missing("model"))?)?,
            provider: body.raw("provider").map(parameters::provider).transpose()?,
            session_id: session::session_id(body.raw("session_id").unwrap_or("null"))?,
        })
    }
}
