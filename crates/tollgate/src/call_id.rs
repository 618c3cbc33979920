//! The id of the call, on every reply.

use domain::CallId;
use hyper::header::{HeaderMap, HeaderValue};

/// The header that names the call. Its receipt is found by it.
pub(crate) const CALL_ID: &str = "x-tollgate-call-id";

/// Names the call on a reply, also in the header that SDKs show as the request's id.
pub fn set_call_id(headers: &mut HeaderMap, call: CallId) {
    if let Ok(value) = HeaderValue::try_from(call.to_string()) {
        headers.insert(CALL_ID, value.clone());
        headers.insert("x-request-id", value);
    }
}
