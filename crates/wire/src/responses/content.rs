//! Content parts.
