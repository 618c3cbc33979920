//! `GET /healthz`: the process answers. It needs no key, and says nothing else.

/// Whether the process lives
#[utoipa::path(
    get,
    path = "/healthz",
    tag = "Health",
    responses((status = 200, body = String, content_type = "text/plain"))
)]
pub(super) async fn healthz() -> &'static str {
    "ok"
}
