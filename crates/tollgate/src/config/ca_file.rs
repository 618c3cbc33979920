//! `ca_file`: the certificates that vouch for one provider's server.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use super::error::ConfigError;
use super::section::Section;

/// The largest file in bytes: four times all the roots of the web.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// A file of certificates, read. They are trusted for the provider that names it, and for no other, in place of the
/// built-in roots and not beside them. A provider is one server, and who runs it knows who signs for it: none of the
/// authorities of the web has to be able to pass for a server inside of a company. Clones share what was read.
#[derive(Clone)]
pub struct CaFile {
    path: PathBuf,
    roots: Arc<RootCertStore>,
}

impl CaFile {
    /// Where it was read from.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its certificates, at least one.
    #[must_use]
    pub fn roots(&self) -> Arc<RootCertStore> {
        Arc::clone(&self.roots)
    }
}

/// Reads the file that the section names, if it names one. A relative path begins in `folder`: the configuration's
/// own, since both are written together, and the commands for operators read them from wherever they are run.
pub(super) fn read_ca_file(section: &mut Section, folder: &Path) -> Result<Option<CaFile>, ConfigError> {
    let Some(name) = section.string("ca_file")? else { return Ok(None) };
    let path = folder.join(name);
    let refused = |message: String| section.wrong("ca_file", message);
    let pem = super::read_file(&path, FILE_BYTES_MAX).map_err(|error| refused(error.to_string()))?;
    let roots = parse(&pem).map_err(|message| refused(format!("{}: {message}", path.display())))?;
    Ok(Some(CaFile { path, roots: Arc::new(roots) }))
}

/// The certificates of a file in PEM; what else is in it is passed over. No error repeats what the file says: it may
/// be a private key by mistake.
fn parse(pem: &[u8]) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    for (at, certificate) in CertificateDer::pem_slice_iter(pem).enumerate() {
        let whole = certificate.ok().is_some_and(|certificate| roots.add(certificate).is_ok());
        if !whole {
            return Err(format!("certificate {} is broken", at + 1));
        }
    }
    if roots.is_empty() {
        return Err("holds no certificate: it has to be PEM, with -----BEGIN CERTIFICATE-----".to_owned());
    }
    Ok(roots)
}

impl fmt::Debug for CaFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CaFile").field("path", &self.path).field("certificates", &self.roots.len()).finish()
    }
}
