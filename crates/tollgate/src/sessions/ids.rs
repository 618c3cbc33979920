//! The names of responses. A stored response is the turn of a call, so its id is the call's with another prefix.

use domain::CallId;

/// The prefix of a response's id.
const PREFIX: &str = "resp_";

/// The 32 hexadecimal digits of a call's id, from which all ids of its answer are made.
pub(crate) fn digits(call: CallId) -> String {
    format!("{:032x}", call.to_bits())
}

/// The id of the response of a call.
pub(crate) fn response_id(call: CallId) -> String {
    format!("{PREFIX}{}", digits(call))
}

/// The call whose response has that id; `None` when it can be no response's.
pub(crate) fn call_of(response: &str) -> Option<CallId> {
    format!("call_{}", response.strip_prefix(PREFIX)?).parse().ok()
}

#[cfg(test)]
mod tests {
    use domain::CallId;

    use super::{call_of, response_id};

    #[test]
    fn a_response_is_named_as_its_call() {
        let call = CallId::from_bits(0xabc);
        assert_eq!(response_id(call), "resp_00000000000000000000000000000abc");
        assert_eq!(call_of(&response_id(call)), Some(call));
        for other in ["", "resp_", "resp_abc", "call_00000000000000000000000000000abc", "resp_call_0000"] {
            assert_eq!(call_of(other), None, "{other}");
        }
    }
}
