//! Translation between bytes and values.
