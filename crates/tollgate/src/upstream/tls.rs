//! Whom a connection trusts.

use hyper_rustls::ConfigBuilderExt;
use rustls::ClientConfig;

use crate::config::CaFile;

/// TLS to servers that the certificates of `ca_file` vouch for; without one, the roots of the web that are built in.
/// What the system trusts is not asked, so that the same program trusts the same servers everywhere.
pub(crate) fn tls(ca_file: Option<&CaFile>) -> ClientConfig {
    let builder = ClientConfig::builder();
    let trusting = match ca_file {
        Some(file) => builder.with_root_certificates(file.roots()),
        None => builder.with_webpki_roots(),
    };
    trusting.with_no_client_auth()
}
