//! Where tokenizers come from, and when.

use std::net::TcpListener;
use std::time::Duration;

use futures_util::future::join_all;
use hf_sim::{Match, Script};

use super::{CountSource, HELLO, MODEL, Place, ask, bound, offer, settled, tokenizers};
use crate::clock::Clock;
use crate::tokens::shelf::{FAILED_WAIT, LOADED_MAX, MISSING_WAIT};

#[tokio::test]
async fn a_hundred_counts_fetch_a_tokenizer_once_and_none_waits_for_it() {
    let place = Place::new();
    let tokenizer = format!("/{MODEL}/resolve/main/tokenizer.json");
    // Slower than all the counts.
    place.sim.script(Match::path(&tokenizer), Script { headers_ms: Some(300), ..Script::default() });
    let (offer, hello) = (offer("huggingface", MODEL), ask("Hello"));
    let counts = join_all((0..100).map(|_| place.tokenizers.count(&offer, &hello))).await;
    assert!(counts.iter().all(|count| *count == bound()), "{counts:?}");
    assert_eq!(place.settled(MODEL).await, HELLO);
    assert_eq!(place.fetches(MODEL), 1);

    let counts = join_all((0..100).map(|_| place.tokenizers.count(&offer, &hello))).await;
    assert!(counts.iter().all(|count| *count == HELLO), "{counts:?}");
}

#[tokio::test]
async fn the_next_start_reads_the_disk_and_asks_nobody() {
    let place = Place::new();
    assert_eq!(place.settled(MODEL).await, HELLO);
    let asked = place.sim.requests().len();
    let clock = Clock::Manual(place.now_ms.clone());
    for more in ["", "fetch = false"] {
        let hub_url = format!("http://{}", place.sim.addr());
        let again = tokenizers(&hub_url, place.folder.path(), clock.clone(), more);
        // The first count of all waits for the disk.
        assert_eq!(again.count(&offer("huggingface", MODEL), &ask("Hello")).await, HELLO);
    }
    assert_eq!(place.sim.requests().len(), asked);
}

#[tokio::test]
async fn a_broken_tokenizer_on_disk_is_fetched_anew() {
    let place = Place::new();
    let folder = place.folder.path().join(MODEL);
    std::fs::create_dir_all(&folder).unwrap();
    for broken in ["", "{}", "{\"version\": \"1.0\", \"model\": {\"type\": \"BPE\"}}"] {
        std::fs::write(folder.join("tokenizer.json"), broken).unwrap();
        let again = Place::new();
        let hub_url = format!("http://{}", again.sim.addr());
        let clock = Clock::Manual(place.now_ms.clone());
        let tokenizers = tokenizers(&hub_url, place.folder.path(), clock, "");
        assert_eq!(settled(&tokenizers, MODEL).await, HELLO, "{broken}");
        assert_eq!(again.fetches(MODEL), 1);
        assert!(std::fs::metadata(folder.join("tokenizer.json")).unwrap().len() > 10_000);
    }
}

#[tokio::test]
async fn a_hub_that_cannot_be_reached_leaves_the_bound() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let place = Place::new();
    let clock = Clock::Manual(place.now_ms.clone());
    let tokenizers = tokenizers(&format!("http://{free}"), place.folder.path(), clock, "");
    assert_eq!(settled(&tokenizers, MODEL).await, bound());
    let texts = tokenizers.count_texts(&offer("huggingface", MODEL), vec!["Señal".into()]).await;
    assert_eq!((texts.tokens, texts.source), (vec![6], CountSource::Bound));
}

/// Each time it waits twice as long, and a failure is forgotten sooner than a repository without a tokenizer.
#[tokio::test]
async fn the_hub_is_asked_again_after_growing_waits() {
    let seconds = |wait: Duration| i64::try_from(wait.as_secs()).unwrap();
    let none = "CohereLabs/command-a-reasoning-08-2025";
    for (model, status, wait) in [
        (MODEL, Some(503), FAILED_WAIT),
        (MODEL, Some(429), FAILED_WAIT),
        (MODEL, Some(403), MISSING_WAIT),
        (none, None, MISSING_WAIT),
        ("acme/unknown-to-the-hub", None, MISSING_WAIT),
    ] {
        let place = Place::new();
        let path = format!("/{model}/resolve/main/tokenizer.json");
        place.sim.script(Match::path(&path), Script { status, ..Script::default() });
        for (fetches, wait_s) in [(1, seconds(wait)), (2, 2 * seconds(wait)), (3, 4 * seconds(wait))] {
            assert_eq!(place.settled(model).await, bound(), "{model} {status:?}");
            place.later(wait_s - 1);
            assert_eq!(place.settled(model).await, bound());
            assert_eq!(place.fetches(model), fetches, "{model} {status:?}");
            place.later(1);
        }
        place.sim.clear_scripts();
        let expected = if status.is_some() { HELLO } else { bound() };
        assert_eq!(place.settled(model).await, expected);
    }
}

#[tokio::test]
async fn a_tokenizer_that_is_elsewhere_is_found() {
    let place = Place::with("api_key = \"hf_key\"");
    let model = "meta-llama/Llama-3.3-70B-Instruct";
    assert_eq!(place.settled(model).await, HELLO);
    let asked = place.sim.requests();
    let elsewhere = asked.iter().find(|request| request.path.contains("/resolve-elsewhere/")).unwrap();
    // It is the same server.
    assert_eq!(elsewhere.header("authorization"), Some("Bearer hf_key"));
}

#[tokio::test]
async fn only_models_of_hugging_face_and_named_ones_are_asked_for() {
    let folder = tempfile::TempDir::new().unwrap();
    std::fs::write(folder.path().join("tokenizer.json"), super::files().tokenizer).unwrap();
    std::fs::write(folder.path().join("chat_template.jinja"), "{{ messages[0].content }}").unwrap();
    let place = Place::with(&format!(
        "[providers.local]\nbase_url = \"http://127.0.0.1:9/v1\"\n\
         [models.ours]\nprovider = \"local\"\ntokenizer = \"{MODEL}\"\n\
         [models.here]\nprovider = \"local\"\ntokenizer = {:?}\n",
        folder.path()
    ));
    for (model, expected) in [("acme/secret", None), ("ours", Some(42)), ("here", Some(4))] {
        let offer = offer("local", model);
        place.tokenizers.count(&offer, &ask("Hello")).await;
        if let Some(source) = place.tokenizers.source(&offer) {
            place.tokenizers.shelf.settled(&source).await;
        }
        let count = place.tokenizers.count(&offer, &ask("Hello")).await;
        let by_tokenizer = (count.source == CountSource::Tokenizer).then_some(count.tokens);
        assert_eq!(by_tokenizer, expected, "{model}");
    }
    assert!(place.sim.requests().iter().all(|request| request.path.starts_with("/openai/")));
}

/// The one that was used least lately goes from memory, and comes back from disk without the network.
#[tokio::test]
async fn memory_holds_a_few_tokenizers_and_the_disk_the_others() {
    let place = Place::new();
    place.settled(MODEL).await;
    let from = place.folder.path().join(MODEL);
    for number in 0..LOADED_MAX {
        let to = place.folder.path().join(format!("acme/model-{number}"));
        std::fs::create_dir_all(&to).unwrap();
        for file in ["tokenizer.json", "tokenizer_config.json"] {
            std::fs::copy(from.join(file), to.join(file)).unwrap();
        }
        assert_eq!(place.settled(&format!("acme/model-{number}")).await, HELLO);
    }
    assert_eq!(place.tokenizers.shelf.loaded(), LOADED_MAX);
    assert_eq!(place.settled(MODEL).await, HELLO);
    assert_eq!((place.fetches(MODEL), place.tokenizers.shelf.loaded()), (1, LOADED_MAX));
}

/// Texts of one history are counted in one go.
#[tokio::test]
async fn texts_are_counted_one_by_one() {
    let place = Place::new();
    place.settled(MODEL).await;
    let texts = ["Hello", "", "<|start|>system", "Hello"].map(str::to_owned).to_vec();
    let counts = place.tokenizers.count_texts(&offer("huggingface", MODEL), texts).await;
    assert_eq!(counts.source, CountSource::Tokenizer);
    assert_eq!(counts.tokens, [4, 0, 2, 4]);
    let long = vec!["a".repeat(1 << 20), "b".repeat((3 << 20) + 1)];
    let counts = place.tokenizers.count_texts(&offer("huggingface", MODEL), long).await;
    assert_eq!((counts.tokens, counts.source), (vec![1 << 20, (3 << 20) + 1], CountSource::Bound));
}
