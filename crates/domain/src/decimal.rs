//! Exact reading and writing of decimal numbers as scaled integers, so that no price ever passes through a float.

use thiserror::Error;

/// Digits after the decimal point that a scaled integer keeps: one unit is a nano.
pub const SCALE_DIGITS: u32 = 9;

/// One whole unit (one US dollar) in nanos.
pub const NANOS_PER_UNIT: u64 = 1_000_000_000;

/// The longest literal that is read. Published prices have under 20 characters.
const LITERAL_LEN_MAX: usize = 64;

/// Why a decimal literal was refused.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum DecimalError {
    /// Not of the form `123`, `1.23` or `1.2e-3`.
    #[error("not a decimal number")]
    Malformed,
    /// Below zero.
    #[error("must not be negative")]
    Negative,
    /// More than nine digits after the point, where rounding was not allowed.
    #[error("has more than 9 decimal places")]
    TooFine,
    /// Does not fit the integer behind it.
    #[error("is too large")]
    TooLarge,
}

/// What to do with digits beyond the ninth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Excess {
    /// Refuse the literal: right for amounts that a person typed.
    Refuse,
    /// Round up: right for published prices, which may carry the noise of a float.
    RoundUp,
}

/// Reads a non-negative decimal literal (`1`, `0.27`, `2.5e-7`) as nanos.
pub fn parse_nanos(literal: &str, excess: Excess) -> Result<u64, DecimalError> {
    if literal.len() > LITERAL_LEN_MAX {
        return Err(DecimalError::TooLarge);
    }
    if literal.starts_with('-') {
        return Err(DecimalError::Negative);
    }
    let (mantissa, exponent) = match literal.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, parse_exponent(exponent)?),
        None => (literal, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if whole.is_empty() || (mantissa.contains('.') && fraction.is_empty()) {
        return Err(DecimalError::Malformed);
    }
    let mut digits: u128 = 0;
    for byte in whole.bytes().chain(fraction.bytes()) {
        if !byte.is_ascii_digit() {
            return Err(DecimalError::Malformed);
        }
        digits = digits
            .checked_mul(10)
            .and_then(|value| value.checked_add(u128::from(byte - b'0')))
            .ok_or(DecimalError::TooLarge)?;
    }
    let fraction_len = i32::try_from(fraction.len()).map_err(|_| DecimalError::TooLarge)?;
    scale(digits, exponent - fraction_len + SCALE_DIGITS.cast_signed(), excess)
}

/// Writes nanos as the shortest decimal with at least two places: `1.00`, `0.000023`.
#[must_use]
pub fn format_nanos(nanos: u64) -> String {
    let mut text = format!("{}.{:09}", nanos / NANOS_PER_UNIT, nanos % NANOS_PER_UNIT);
    let keep = text.trim_end_matches('0').len().max(text.len() - 7);
    text.truncate(keep);
    text
}

fn parse_exponent(text: &str) -> Result<i32, DecimalError> {
    let exponent: i32 = text.parse().map_err(|_| DecimalError::Malformed)?;
    if exponent.unsigned_abs() > 40 { Err(DecimalError::TooLarge) } else { Ok(exponent) }
}

/// `digits × 10^power`, as an integer.
fn scale(digits: u128, power: i32, excess: Excess) -> Result<u64, DecimalError> {
    if digits == 0 {
        return Ok(0);
    }
    let factor = 10u128.checked_pow(power.unsigned_abs());
    let value = if power >= 0 {
        factor.and_then(|factor| digits.checked_mul(factor)).ok_or(DecimalError::TooLarge)?
    } else {
        // A divisor too large for 128 bits leaves nothing but an excess.
        let factor = factor.unwrap_or(u128::MAX);
        match (digits % factor, excess) {
            (0, _) => digits / factor,
            (_, Excess::RoundUp) => digits / factor + 1,
            (_, Excess::Refuse) => return Err(DecimalError::TooFine),
        }
    };
    u64::try_from(value).map_err(|_| DecimalError::TooLarge)
}
