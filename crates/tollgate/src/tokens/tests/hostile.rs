//! Names, files and answers that nobody would send in good faith.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::http::header::LOCATION;
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};

use super::{MODEL, Place, bound, files, settled, tokenizers};
use crate::clock::Clock;
use crate::config::{BaseUrl, HubName, TokenizersConfig};

use crate::tokens::folder::Folder;
use crate::tokens::hub::{Hub, next_hop};

#[test]
fn a_name_leads_into_no_other_folder() {
    for name in ["a/b", "openai/gpt-oss-20b", "a.b/c_d-E.9", "-/_"] {
        assert_eq!(HubName::parse(name).map(|name| name.to_string()).as_deref(), Some(name));
    }
    let long = format!("a/{}", "b".repeat(97));
    for name in [
        "",
        "a",
        "/",
        "a/",
        "/b",
        "a/b/c",
        "../b",
        "a/..",
        "./b",
        "a/.",
        ".new-1/b",
        "a/.b",
        "a..b/c",
        "a/b..",
        "a/b c",
        "a/b\0",
        "a/b\n",
        "a\\b/c",
        "a/b%2e%2e",
        "a/b?c",
        "a/b#c",
        "ä/b",
        "a/b:groq",
        "//b",
        &long,
    ] {
        assert_eq!(HubName::parse(name), None, "{name:?}");
    }
}

#[test]
fn a_redirect_leads_to_https_or_stays_where_it_is() {
    let hub = "https://hub.test/a/b";
    let local = "http://127.0.0.1:8080/a/b";
    for (from, location, to) in [
        (hub, "https://cdn.test/x?sig=1", Some("https://cdn.test/x?sig=1")),
        (hub, "/api/x?y=1", Some("https://hub.test/api/x?y=1")),
        (hub, "//cdn.test/x", Some("https://cdn.test/x")),
        (local, "https://cdn.test/x", Some("https://cdn.test/x")),
        (local, "/x", Some("http://127.0.0.1:8080/x")),
        (hub, "http://cdn.test/x", None),
        (hub, "http://hub.test/x", None),
        (hub, "http://127.0.0.1/x", None),
        (local, "http://127.0.0.1:8081/x", None),
        (local, "http://169.254.169.254/latest", None),
        (hub, "file:///etc/passwd", None),
        (hub, "ftp://hub.test/x", None),
        (hub, "https://user:secret@cdn.test/x", None),
        (hub, "x/y", None),
        (hub, "", None),
        (hub, "https://", None),
    ] {
        let hop = next_hop(&from.parse().unwrap(), location);
        assert_eq!(hop.ok(), to.map(|to| to.parse::<Uri>().unwrap()), "{from} {location}");
    }
}

#[test]
fn the_credential_goes_to_the_hub_alone() {
    let config = TokenizersConfig {
        fetch: true,
        hub_url: BaseUrl::parse("https://hub.test").unwrap(),
        api_key: crate::config::ApiKey::new("hf_key"),
        folder: "tokenizers".into(),
        disk_bytes_max: 1 << 30,
    };
    let hub = Hub::new(&config);
    for (address, sent) in [
        ("https://hub.test/a/b/resolve/main/tokenizer.json", true),
        ("https://cdn.hub.test/x", false),
        ("https://hub.test:8443/x", false),
        ("http://hub.test/x", false),
        ("https://hub.test.evil.test/x", false),
    ] {
        let request = hub.request(&address.parse().unwrap());
        assert_eq!(request.headers().contains_key("authorization"), sent, "{address}");
    }
}

/// What a server answers to everything.
type Answer = Arc<dyn Fn() -> Response + Send + Sync>;

/// A server that answers everything with `answer`.
async fn server(answer: Answer) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = Router::new().fallback(move || std::future::ready(answer()));
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

#[tokio::test]
async fn a_hub_that_misleads_leaves_the_bound_and_nothing_on_disk() {
    let other = Place::new();
    let elsewhere = format!("http://{}/{MODEL}/resolve/main/tokenizer.json", other.sim.addr());
    let answers: [(&str, Answer); 6] = [
        ("too large", Arc::new(|| vec![b' '; (64 << 20) + 1].into_response())),
        ("no tokenizer", Arc::new(|| "<html>Sign in</html>".into_response())),
        (
            "an empty vocabulary",
            Arc::new(|| {
                "{\"model\":{\"type\":\"BPE\",\"vocab\":{},\"merges\":[[\"a\",\"b\"]]}}".into_response()
            }),
        ),
        (
            "another server",
            Arc::new(move || (StatusCode::FOUND, [(LOCATION, elsewhere.clone())]).into_response()),
        ),
        ("round and round", Arc::new(|| (StatusCode::FOUND, [(LOCATION, "/again")]).into_response())),
        ("a redirect to nowhere", Arc::new(|| StatusCode::FOUND.into_response())),
    ];
    for (what, answer) in answers {
        let hub = server(answer).await;
        let folder = tempfile::TempDir::new().unwrap();
        let clock = Clock::Manual(other.now_ms.clone());
        let tokenizers = tokenizers(&format!("http://{hub}"), folder.path(), clock, "");
        assert_eq!(settled(&tokenizers, MODEL).await, bound(), "{what}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "{what}");
    }
    assert!(other.sim.requests().is_empty());
}

/// What was left unfinished goes, and the oldest goes when there is no room.
#[tokio::test]
async fn the_folder_keeps_within_its_bound() {
    let folder = tempfile::TempDir::new().unwrap();
    let unfinished = folder.path().join(".new-left");
    std::fs::create_dir_all(&unfinished).unwrap();
    // Not of our making: the weights of a model beside its tokenizer.
    let foreign = folder.path().join("a/weights");
    std::fs::create_dir_all(&foreign).unwrap();
    for file in ["tokenizer.json", "model.safetensors"] {
        std::fs::write(foreign.join(file), [0; 1 << 20]).unwrap();
    }
    let size = files().len();
    let kept = Folder::new(folder.path().into(), 2 * size);
    let names = ["a/first", "a/second", "b/third"].map(|name| HubName::parse(name).unwrap());
    for name in &names {
        kept.write(name, &files()).unwrap();
        assert_eq!(kept.read(name).unwrap().unwrap().len(), size);
    }
    // Once more in the same place.
    kept.write(&names[2], &files()).unwrap();
    assert!(!unfinished.exists());
    let there = names.each_ref().map(|name| kept.read(name).unwrap().is_some());
    assert_eq!(there, [false, false, true]);
    assert!(kept.write(&HubName::parse("a/weights").unwrap(), &files()).is_err());
    assert_eq!(std::fs::read_dir(&foreign).unwrap().count(), 2);
}
