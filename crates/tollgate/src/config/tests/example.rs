//! The example file is a configuration, tells every key, and tells the defaults as they are.

use super::super::{Config, Env, Overrides, Sources};
use super::{ca_file, resolve};

const EXAMPLE: &str = include_str!("../../../../../tollgate.example.toml");

fn config(text: &str) -> Config {
    // Its example of a file is beside it.
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("ca.pem"), ca_file::certificate()).unwrap();
    let file = Some((folder.path().join("tollgate.example.toml"), text.to_owned()));
    Config::resolve(Sources { file, env: Env::default(), overrides: Overrides::default() }).unwrap()
}

/// The example with every setting in force.
fn uncommented() -> String {
    let in_force = |line: &str| match line.strip_prefix('#') {
        Some(setting) if setting.starts_with(|c: char| c == '[' || c.is_ascii_lowercase()) => {
            setting.to_owned()
        }
        _ => line.to_owned(),
    };
    EXAMPLE.lines().map(in_force).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_example_as_it_stands_changes_nothing() {
    let (example, none) = (config(EXAMPLE), Config::resolve(Sources::default()).unwrap());
    let seen = |config: &Config| {
        let Config { server, admin, store, usage, sessions, tokenizers, providers, .. } = config;
        format!("{server:?}{admin:?}{store:?}{usage:?}{sessions:?}{tokenizers:?}{providers:?}")
    };
    assert_eq!(seen(&example), seen(&none));
    assert_eq!(example.telemetry, none.telemetry);
    assert!(example.models.is_empty() && example.routes.is_empty() && example.plans.is_empty());
}

#[test]
fn the_settings_of_the_example_are_the_defaults() {
    let (mut example, mut none) = (config(&uncommented()), Config::resolve(Sources::default()).unwrap());
    // These have no default, or one that depends on the machine.
    (example.server.workers, none.server.workers) = (1, 1);
    (example.providers[0].bill_to, none.providers[0].bill_to) = (None, None);
    assert!(example.providers[0].ca_file.take().is_some());
    example.providers[0].headers.clear();
    let local = example.providers.pop().unwrap();
    let seen = |config: &Config| {
        let Config { server, admin, store, usage, sessions, tokenizers, providers, .. } = config;
        format!("{server:?}{admin:?}{store:?}{usage:?}{sessions:?}{tokenizers:?}{providers:?}")
    };
    assert_eq!(seen(&example), seen(&none));

    let bare = resolve("[providers.local]\nbase_url = \"http://127.0.0.1:8081/v1\"", &[]).unwrap();
    assert_eq!(format!("{local:?}"), format!("{:?}", bare.providers[1]));
    assert_eq!((example.models.len(), example.routes.len(), example.plans.len()), (4, 1, 2));

    let mut otlp = example.telemetry.otlp.unwrap();
    otlp.headers.clear();
    let bare = resolve("[telemetry]\notlp_endpoint = \"http://127.0.0.1:4318\"", &[]).unwrap();
    assert_eq!(Some(otlp), bare.telemetry.otlp);
}

/// An unknown key is answered with those that are known, so the file can be held against them.
#[test]
fn the_example_tells_every_key() {
    let provider = "[providers.p]\nbase_url = \"http://x\"";
    for section in [
        "[server]",
        "[admin]",
        "[usage]",
        "[sessions]",
        "[store]",
        "[telemetry]",
        "[signup]",
        "[tokenizers]",
        "[signup.oidc]",
        provider,
        &format!("{provider}\n[providers.p.timeouts]"),
        "[models.m]\nprovider = \"hf\"",
        "[models.m]\nprovider = \"hf\"\n[models.m.price]\ninput = \"1\"\noutput = \"1\"",
        "[routes.r]\noffers = [\"hf/m\"]",
        "[plans.p]",
        "[plans.p.key]",
        "[plans.p.trial]\ndays = 1",
    ] {
        let told = resolve(&format!("{section}\nqqqq = 1"), &[]).unwrap_err();
        let (_, known) = told.split_once("known here: ").expect(&told);
        for key in known.split(", ") {
            assert!(
                uncommented().lines().any(|line| {
                    let tells = line.contains(&format!("{key} =")) || line.ends_with(&format!(".{key}]"));
                    !line.starts_with('#') && tells
                }),
                "{key}"
            );
        }
    }
}
