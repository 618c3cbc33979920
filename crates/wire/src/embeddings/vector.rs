//! A vector as JSON: whether it is one, and the same as base64.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::json;

/// Numbers of one vector that are believed. Real ones have a few thousand.
const NUMBERS_MAX: usize = 1 << 20;

/// Whether `raw`, which is JSON, is an array of numbers and nothing else.
pub(super) fn is_vector(raw: &str) -> bool {
    let Some(inside) = raw.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) else { return false };
    let numeric = |byte: u8| {
        byte.is_ascii_digit()
            || matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E' | b',' | b' ' | b'\t' | b'\n' | b'\r')
    };
    inside.bytes().all(numeric) && inside.bytes().any(|byte| byte.is_ascii_digit())
}

/// The vector `raw` as OpenAI writes it in base64: 32-bit floats, the low byte first. `None` when it is none.
pub(super) fn base64(raw: &str) -> Option<String> {
    let numbers = json::elements(raw, NUMBERS_MAX).ok()?;
    let mut bytes = Vec::with_capacity(numbers.len() * 4);
    for number in numbers {
        let number: f32 = number.parse().ok()?;
        bytes.extend_from_slice(&number.to_le_bytes());
    }
    Some(STANDARD.encode(bytes))
}
