//! `GET /healthz`: the process answers. It needs no key, and says nothing else.

/// Answers `ok`.
pub(super) async fn healthz() -> &'static str {
    "ok"
}
