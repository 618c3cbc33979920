//! `ca_file`: what is read, from where, and what is refused.

use std::fs;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tempfile::TempDir;

use super::super::{Config, ConfigError, Env, Overrides, Sources};

/// A section in PEM.
fn section(label: &str, bytes: &[u8]) -> String {
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(bytes))
}

/// The file of one certificate.
pub(super) fn certificate() -> String {
    let made = rcgen::generate_simple_self_signed(["gpu.internal".to_owned()]).unwrap();
    section("CERTIFICATE", made.cert.der())
}

/// A folder with such files, and others.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let (one, two) = (certificate(), certificate());
    let key = section("PRIVATE KEY", b"canary");
    for (name, text) in [
        ("two.pem", format!("# ours\n{one}{two}")),
        ("with-key.pem", format!("{key}{one}")),
        ("key.pem", key),
        ("empty.pem", String::new()),
        ("no-base64.pem", one.replace("MII", "M!!canary")),
        ("no-end.pem", one.replace("-----END CERTIFICATE-----", "")),
        ("no-certificate.pem", format!("{one}{}", section("CERTIFICATE", b"canary"))),
        ("large.pem", format!("{one}{}", "#".repeat(1 << 20))),
    ] {
        fs::write(folder.path().join(name), text).unwrap();
    }
    fs::write(folder.path().join("der.pem"), [0x30, 0x82, 0xff, 0xfe]).unwrap();
    folder
}

fn read(file: &Path, url: &str, ca_file: &str) -> Result<Config, ConfigError> {
    let toml = format!("[providers.p]\nbase_url = \"{url}\"\nca_file = '{ca_file}'");
    let file = Some((file.to_owned(), toml));
    Config::resolve(Sources { file, env: Env::default(), overrides: Overrides::default() })
}

#[test]
fn certificates_are_found_beside_the_configuration() {
    let folder = folder();
    let file = folder.path().join("t.toml");
    let absolute = folder.path().join("two.pem").display().to_string();
    for (name, count) in [("two.pem", 2), ("./two.pem", 2), (&absolute, 2), ("with-key.pem", 1)] {
        let config = read(&file, "https://gpu.internal/v1", name).unwrap();
        let [hugging_face, ours] = &config.providers[..] else { panic!("two providers") };
        assert!(hugging_face.ca_file.is_none(), "it is trusted for one provider alone");
        let ca_file = ours.ca_file.as_ref().unwrap();
        assert_eq!(ca_file.roots().len(), count, "{name}");
        assert_eq!(ca_file.path(), folder.path().join(name));
    }
}

#[test]
fn a_file_that_proves_nothing_is_refused_with_its_name_and_its_provider() {
    let folder = folder();
    let file = folder.path().join("t.toml");
    let shown = folder.path().display();
    let url = "https://gpu.internal/v1";
    for (url, name, words) in [
        (url, "gone.pem", format!("cannot read {shown}/gone.pem: No such file")),
        (url, "", format!("cannot read {shown}/: ")),
        (url, "empty.pem", format!("{shown}/empty.pem: holds no certificate")),
        (url, "der.pem", format!("{shown}/der.pem: holds no certificate: it has to be PEM")),
        (url, "key.pem", format!("{shown}/key.pem: holds no certificate")),
        (url, "no-base64.pem", format!("{shown}/no-base64.pem: certificate 1 is broken")),
        (url, "no-end.pem", format!("{shown}/no-end.pem: certificate 1 is broken")),
        (url, "no-certificate.pem", format!("{shown}/no-certificate.pem: certificate 2 is broken")),
        (url, "large.pem", format!("{shown}/large.pem: larger than 1048576 bytes")),
        ("http://gpu.internal/v1", "two.pem", "needs a base_url that begins with https://".to_owned()),
    ] {
        let told = read(&file, url, name).expect_err(name).to_string();
        let expected = format!("{shown}/t.toml: [providers.p] ca_file: {words}");
        assert!(told.starts_with(&expected) && !told.contains("canary"), "{told}\n  expected: {expected}");
    }
}
