//! A private certificate authority, with its file on disk.

use std::path::PathBuf;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rcgen::{BasicConstraints, Certificate, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tempfile::TempDir;
use tokio_rustls::TlsAcceptor;

/// Where the tests' servers are.
const ADDRESS: &str = "127.0.0.1";

/// An authority that signs for servers.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    folder: TempDir,
}

/// What a server shows of itself.
pub(crate) struct Identity {
    certificate: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
}

impl Authority {
    /// Authorities of the same name differ in their keys alone, as an impostor's would.
    pub(crate) fn new() -> Authority {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "Authority of the tests");
        let key = KeyPair::generate().expect("a key");
        let certificate = params.self_signed(&key).expect("a certificate");
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("ca.pem"), pem(&certificate)).expect("a file");
        Authority { issuer: Issuer::new(params, key), folder }
    }

    /// The file with its certificate.
    pub(crate) fn file(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// The key of a provider that trusts it.
    pub(crate) fn toml(&self) -> String {
        format!("ca_file = '{}'\n", self.file().display())
    }

    /// An identity for where the tests' servers are.
    pub(crate) fn certify(&self) -> Identity {
        self.certify_as(ADDRESS, |_| {})
    }

    /// An identity for the server `name`, changed in some way.
    pub(crate) fn certify_as(&self, name: &str, change: impl FnOnce(&mut CertificateParams)) -> Identity {
        let (params, key) = server(name, change);
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        Identity::new(&certificate, &key)
    }
}

/// A server that nobody but itself vouches for, and the text of the file that trusts it.
pub(crate) fn self_signed() -> (Identity, String) {
    let (params, key) = server(ADDRESS, |_| {});
    let certificate = params.self_signed(&key).expect("a certificate");
    (Identity::new(&certificate, &key), pem(&certificate))
}

/// The time of a certificate that has expired.
pub(crate) fn expired(params: &mut CertificateParams) {
    (params.not_before, params.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(2021, 1, 1));
}

/// The time of one that is not valid yet.
pub(crate) fn not_yet_valid(params: &mut CertificateParams) {
    (params.not_before, params.not_after) = (date_time_ymd(4000, 1, 1), date_time_ymd(4001, 1, 1));
}

impl Identity {
    fn new(certificate: &Certificate, key: &KeyPair) -> Identity {
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        Identity { certificate: certificate.der().clone(), key }
    }

    /// What takes connections in under this identity and speaks one of these protocols; with none, it says nothing of
    /// protocols.
    pub(crate) fn acceptor(self, protocols: &[&str]) -> TlsAcceptor {
        let config = ServerConfig::builder().with_no_client_auth();
        let mut config = config.with_single_cert(vec![self.certificate], self.key).expect("a pair");
        config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        TlsAcceptor::from(Arc::new(config))
    }
}

fn server(name: &str, change: impl FnOnce(&mut CertificateParams)) -> (CertificateParams, KeyPair) {
    let mut params = CertificateParams::new([name.to_owned()]).expect("a name");
    change(&mut params);
    (params, KeyPair::generate().expect("a key"))
}

fn pem(certificate: &Certificate) -> String {
    let text = STANDARD.encode(certificate.der());
    format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n")
}
