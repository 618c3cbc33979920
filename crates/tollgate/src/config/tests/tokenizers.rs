//! `[tokenizers]`, and the tokenizers that models name.

use std::path::Path;

use super::{Config, Sources, resolve};
use crate::config::TokenizerSource;

#[test]
fn tokenizers_are_kept_beside_the_database() {
    let config = Config::resolve(Sources::default()).unwrap().tokenizers;
    assert_eq!((config.fetch, config.hub_url.as_str()), (true, "https://huggingface.co"));
    assert_eq!((config.folder.as_path(), config.api_key), (Path::new("tokenizers"), None));

    let elsewhere = resolve("[store]\nurl = \"sqlite:///var/lib/t/gate.db\"", &[]).unwrap();
    assert_eq!(elsewhere.tokenizers.folder, Path::new("/var/lib/t/tokenizers"));
}

#[test]
fn everything_can_be_said() {
    let toml = "[tokenizers]\nfetch = false\nhub_url = \"http://127.0.0.1:9/\"\napi_key = \"env:HUB\"\n\
                folder = \"/t\"\ndisk_bytes_max = 100000000\n\
                [models.a]\nprovider = \"hf\"\ntokenizer = \"org/name\"\n\
                [models.b]\nprovider = \"hf\"\ntokenizer = \"./folder/of/one\"";
    let config = resolve(toml, &[("HUB", "hf_secret")]).unwrap();
    let tokenizers = &config.tokenizers;
    assert_eq!((tokenizers.fetch, tokenizers.hub_url.as_str()), (false, "http://127.0.0.1:9"));
    assert_eq!(tokenizers.api_key.as_ref().map(|key| key.expose()), Some("hf_secret"));
    assert_eq!((tokenizers.folder.as_path(), tokenizers.disk_bytes_max), (Path::new("/t"), 100_000_000));
    assert!(!format!("{config:?}").contains("hf_secret"));
    let named: Vec<String> =
        config.models.iter().filter_map(|model| model.tokenizer.as_ref()).map(ToString::to_string).collect();
    assert_eq!(named, ["org/name", "./folder/of/one"]);
    assert!(matches!(config.models[1].tokenizer, Some(TokenizerSource::Folder(_))));
    // A variable that is not set is no mistake.
    assert_eq!(resolve(toml, &[]).unwrap().tokenizers.api_key, None);
}

#[test]
fn mistakes_are_named() {
    for (toml, told) in [
        ("[tokenizers]\nhub_url = \"http://hub.test\"", "must begin with https://"),
        ("[tokenizers]\nhub_url = \"hub.test\"", "must begin with http"),
        ("[tokenizers]\ndisk_bytes_max = 1", "must be from"),
        ("[tokenizers]\napi_key = \"a b\"", "visible ASCII"),
        ("[tokenizers]\nfetsh = true", "did you mean `fetch`?"),
        ("[models.a]\nprovider = \"hf\"\ntokenizer = \"name\"", "a repository of the Hub"),
        ("[models.a]\nprovider = \"hf\"\ntokenizer = \"org/../name\"", "a repository of the Hub"),
    ] {
        let error = resolve(toml, &[]).unwrap_err();
        assert!(error.contains(told), "{error}");
    }
}
