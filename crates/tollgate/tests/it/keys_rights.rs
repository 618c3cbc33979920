//! What keys may do: makers and children, networks, models; and that all of it outlives a restart, and no secret shows.

use bytes::Bytes;
use hyper::Method;
use serde_json::{Value, json};

use crate::client::{Client, Reply};
use crate::harness::{Gateway, MODEL, Setup, ask, ask_model};
use crate::keys::{Made, patch};
use crate::providers::PRICED_MODEL;

async fn post(client: &Client, path: &str, body: &Value) -> Reply {
    client.post(path, body.to_string()).await
}

fn told(reply: &Reply) -> (u16, String, Option<String>) {
    let error = reply.json()["error"].clone();
    let text = |name: &str| error[name].as_str().map(str::to_owned);
    (reply.status.as_u16(), text("code").unwrap_or_default(), text("param"))
}

/// A maker that may call OpenAI's models from this machine until the year 3000.
fn maker() -> Value {
    json!({"name": "lead", "role": "management", "models": ["openai/*"], "networks": ["127.0.0.0/8"],
           "expires_at": "3000-01-01T00:00:00Z"})
}

#[tokio::test]
async fn a_key_makes_none_that_may_do_more_than_itself() {
    let gateway = Gateway::start().await;
    let lead = gateway.make_key(maker()).await;
    for (body, status, code, param) in [
        (json!({"name": "a", "models": ["*"]}), 403, "rights_exceeded", "models"),
        (json!({"name": "a", "models": ["open*"]}), 403, "rights_exceeded", "models"),
        (json!({"name": "a", "models": ["openai/x", "meta/x"]}), 403, "rights_exceeded", "models"),
        (json!({"name": "a", "networks": ["0.0.0.0/0"]}), 403, "rights_exceeded", "networks"),
        (json!({"name": "a", "networks": ["126.0.0.0/7"]}), 403, "rights_exceeded", "networks"),
        (json!({"name": "a", "networks": ["::/0"]}), 403, "rights_exceeded", "networks"),
        (
            json!({"name": "a", "expires_at": "3000-01-01T00:00:00.001Z"}),
            403,
            "rights_exceeded",
            "expires_at",
        ),
        (json!({"name": "a", "expires_at": "2001-01-01T00:00:00Z"}), 400, "invalid_value", "expires_at"),
        (json!({"name": "a", "expires_at": "tomorrow"}), 400, "invalid_value", "expires_at"),
        (json!({"name": "a", "role": "admin"}), 400, "invalid_value", "role"),
        (json!({"name": "a", "role": "management", "limit": 1}), 400, "invalid_value", "limits"),
        (json!({"name": "a", "account_id": "acct_1"}), 400, "unknown_parameter", "account_id"),
        (json!({"name": "a", "maker_id": null}), 400, "unknown_parameter", "maker_id"),
        (json!({"name": "a", "models": []}), 400, "invalid_value", "models"),
        (json!({"name": "a", "networks": ["10.0.0.1/8"]}), 400, "invalid_value", "networks"),
        (json!({"name": "a", "limit": -1}), 400, "invalid_value", "limit"),
        (json!({"name": "a", "limit": 1e-10}), 400, "invalid_value", "limit"),
        (json!({"name": "a", "limit_reset": "daily"}), 400, "invalid_value", "limit_reset"),
        (json!({"name": "a", "limit_reset": "yearly", "limit": 1}), 400, "invalid_value", "limit_reset"),
        (json!({"name": "a", "limit": 1, "limits": {"spend_total": "1"}}), 400, "invalid_value", "limit"),
        (
            json!({"name": "a", "limits": {"requests_burst": 1}}),
            400,
            "invalid_value",
            "limits.requests_burst",
        ),
        (json!({"name": "a", "limits": {"rpm": 1}}), 400, "unknown_parameter", "limits.rpm"),
        (json!({"name": "a", "labels": {"": "x"}}), 400, "invalid_value", "labels"),
    ] {
        let reply = post(&lead.client, "/v1/keys", &body).await;
        assert_eq!(told(&reply), (status, code.to_owned(), Some(param.to_owned())), "{body}");
    }
    // What is not said is bound as the maker is.
    let child = Made::of(&gateway.client, &post(&lead.client, "/v1/keys", &json!({"name": "child"})).await);
    let seen = lead.client.get(&format!("/v1/keys/{}", child.id)).await.json();
    for field in ["models", "networks", "expires_at"] {
        assert_eq!(seen[field], gateway.show_key(&lead.id).await[field], "{field}");
    }
    assert_eq!((&seen["role"], &seen["maker_id"]), (&json!("user"), &json!(lead.id)));

    // Neither a change nor the secret of a key that may do more is a way around it.
    let path = format!("/v1/keys/{}", child.id);
    for (changes, param) in [
        (json!({"models": ["*"]}), "models"),
        (json!({"networks": ["0.0.0.0/0"]}), "networks"),
        (json!({"expires_at": "3001-01-01T00:00:00Z"}), "expires_at"),
    ] {
        let reply = patch(&lead.client, &path, changes.clone()).await;
        assert_eq!(told(&reply), (403, "rights_exceeded".to_owned(), Some(param.to_owned())), "{changes}");
    }
    let unbound =
        patch(&lead.client, &path, json!({"models": null, "networks": null, "expires_at": null})).await;
    assert_eq!(unbound.json()["models"], json!(["openai/*"]), "null is the maker's bound");
    let role = patch(&lead.client, &path, json!({"role": "management"})).await;
    assert_eq!(told(&role), (400, "unknown_parameter".to_owned(), Some("role".to_owned())));
    let free = gateway.make_key(json!({"name": "free"})).await;
    let free_path = format!("/v1/keys/{}", free.id);
    for reply in [
        post(&lead.client, &format!("{free_path}/rotate"), &json!({})).await,
        patch(&lead.client, &free_path, json!({"name": "mine"})).await,
        lead.client.delete(&free_path).await,
    ] {
        assert_eq!(told(&reply).1, "rights_exceeded");
    }
    assert_eq!(free.client.get("/v1/key").await.status, 200);
    // A user's key manages nothing, not even itself.
    for reply in [
        post(&child.client, "/v1/keys", &json!({"name": "a"})).await,
        post(&child.client, &format!("{path}/rotate"), &json!({})).await,
        child.client.delete(&path).await,
        child.client.get("/v1/keys").await,
    ] {
        assert_eq!(told(&reply).1, "management_key_required");
    }
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn a_management_key_manages_the_keys_of_its_account() {
    let gateway = Gateway::start().await;
    let lead = gateway.make_key(json!({"name": "lead", "role": "management"})).await;
    let second = json!({"name": "second", "role": "management"});
    let second = Made::of(&gateway.client, &post(&lead.client, "/v1/keys", &second).await);
    let body = json!({"name": "ci", "limits": {"requests_per_minute": 60}});
    let made = Made::of(&gateway.client, &post(&second.client, "/v1/keys", &body).await);
    assert_eq!(made.client.chat(&ask("Hello")).await.status, 200);
    let path = format!("/v1/keys/{}", made.id);
    assert_eq!(lead.client.get(&path).await.json(), gateway.show_key(&made.id).await);
    let rotated = post(&lead.client, &format!("{path}/rotate"), &json!({"overlap_s": 60})).await;
    let rotated = Made::of(&gateway.client, &rotated);
    assert_eq!(rotated.client.chat(&ask("Hello")).await.status, 200);
    for (body, param) in
        [(json!({"overlap_s": 2_592_001}), "overlap_s"), (json!({"overlap_s": -1}), "overlap_s")]
    {
        let reply = post(&lead.client, &format!("{path}/rotate"), &body).await;
        assert_eq!(told(&reply), (400, "invalid_value".to_owned(), Some(param.to_owned())));
    }
    // Page by page, oldest first.
    let (mut names, mut page) = (Vec::new(), "/v1/keys?limit=3".to_owned());
    loop {
        let keys = lead.client.get(&page).await.json();
        names.extend(keys["data"].as_array().expect("keys").iter().map(|key| key["name"].to_string()));
        let Some(cursor) = keys["next_cursor"].as_str() else { break };
        page = format!("/v1/keys?limit=3&cursor={cursor}");
    }
    names.sort();
    assert_eq!(names, ["\"ci\"", "\"lead\"", "\"second\"", "\"test\""], "each once");
    for (query, param) in [("limit=0", "limit"), ("limit=1001", "limit"), ("cursor=x", "cursor")] {
        let reply = lead.client.get(&format!("/v1/keys?{query}")).await;
        assert_eq!(told(&reply), (400, "invalid_value".to_owned(), Some(param.to_owned())));
    }
    let revoked = lead.client.delete(&path).await;
    assert!(revoked.json()["revoked_at"].is_string());
    assert_eq!(lead.client.delete(&path).await.json()["revoked_at"], revoked.json()["revoked_at"]);
    for gone in [&made, &rotated] {
        assert_eq!(gone.client.get("/v1/key").await.status, 401, "every secret of it");
    }
    for reply in [
        patch(&lead.client, &path, json!({"name": "back"})).await,
        post(&lead.client, &format!("{path}/rotate"), &json!({})).await,
    ] {
        assert_eq!(told(&reply), (409, "key_revoked".to_owned(), None));
    }
    gateway.settled().await;
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn a_key_is_used_from_its_networks_alone_and_only_a_trusted_proxy_is_believed() {
    let direct = Gateway::start().await;
    let proxied = "[server]\ntrusted_proxies = [\"127.0.0.0/8\"]\n".to_owned();
    let behind = Gateway::start_with(Setup { toml: proxied, ..Setup::default() }).await;
    let office = json!({"name": "office", "networks": ["203.0.113.0/24", "2001:db8::/32"]});
    let here = json!({"name": "here", "networks": ["127.0.0.1"]});
    let keys = [
        (direct.make_key(here.clone()).await, direct.make_key(office.clone()).await),
        (behind.make_key(here).await, behind.make_key(office).await),
    ];
    let get = async |client: &Client, forwarded: &[&str]| {
        let headers: Vec<(&str, &str)> = forwarded.iter().map(|value| ("x-forwarded-for", *value)).collect();
        let reply = Reply::read(client.send_with(Method::GET, "/v1/key", &headers, Bytes::new()).await).await;
        match reply.status.as_u16() {
            200 => true,
            _ => {
                assert_eq!(told(&reply), (403, "address_not_allowed".to_owned(), None));
                false
            }
        }
    };
    for (forwarded, here_directly, office_directly, here_behind, office_behind) in [
        (&[][..], true, false, true, false),
        (&["203.0.113.9"], true, false, false, true),
        (&["2001:db8::1"], true, false, false, true),
        (&["203.0.113.9, 198.51.100.1"], true, false, false, false),
        (&["198.51.100.1, 203.0.113.9"], true, false, false, true),
        (&["203.0.113.9", "198.51.100.1"], true, false, false, false),
        (&["127.0.0.1, 203.0.113.9, 127.0.0.7"], true, false, false, true),
        (&["203.0.113.9, nonsense"], true, false, false, false),
        (&[""], true, false, false, false),
    ] {
        let mut got = Vec::new();
        for (here, office) in &keys {
            got.extend([get(&here.client, forwarded).await, get(&office.client, forwarded).await]);
        }
        assert_eq!(got, [here_directly, office_directly, here_behind, office_behind], "{forwarded:?}");
    }
    // A refused call leaves nothing, as with a wrong key.
    assert_eq!(keys[0].1.client.chat(&ask("Hello")).await.code(), "address_not_allowed");
    assert!(direct.books().receipts().await.is_empty());
    assert!(direct.finish().await && behind.finish().await);
}

#[tokio::test]
async fn a_key_calls_and_sees_the_models_that_it_may() {
    let routes = format!(
        "[routes.smart]\noffers = [\"huggingface/{MODEL}\"]\n[routes.mixed]\noffers = [\"huggingface/{MODEL}\", \"huggingface/{PRICED_MODEL}\"]\n"
    );
    let gateway = Gateway::start_with(Setup { credit: "100.00", toml: routes, ..Setup::default() }).await;
    let suffixed = format!("{PRICED_MODEL}:groq");
    let prefixed = format!("huggingface/{PRICED_MODEL}");
    let everything = [MODEL, "smart", "mixed", PRICED_MODEL, &suffixed, &prefixed, "OpenAI/GPT-OSS-20B"];
    for (models, callable) in [
        (json!([MODEL]), &[MODEL, "smart"][..]),
        (json!([PRICED_MODEL]), &[PRICED_MODEL, &suffixed, &prefixed, "OpenAI/GPT-OSS-20B"]),
        (json!(["OPENAI/gpt-oss-20B"]), &[PRICED_MODEL, &suffixed, &prefixed, "OpenAI/GPT-OSS-20B"]),
        (json!([suffixed]), &[]),
        (json!([prefixed]), &[]),
        (json!(["huggingface/*"]), &[]),
        (json!(["mixed"]), &["mixed"]),
        (json!(["openai/*"]), &everything),
        (json!(["nothing/*"]), &[]),
    ] {
        let key = gateway.make_key(json!({"name": "a", "models": models})).await;
        for model in everything {
            let reply = key.client.chat(&ask_model(model, "Hello")).await;
            if callable.contains(&model) {
                assert_eq!(reply.status, 200, "{models} {model}: {reply:?}");
            } else {
                let refused = (403, "model_not_allowed".to_owned(), Some("model".to_owned()));
                assert_eq!(told(&reply), refused, "{models} {model}");
            }
        }
        let listed = key.client.get("/v1/models").await.json();
        let ids: Vec<&str> = listed["data"]
            .as_array()
            .expect("models")
            .iter()
            .map(|card| card["id"].as_str().expect("an id"))
            .collect();
        for model in [MODEL, "smart", "mixed", PRICED_MODEL] {
            assert_eq!(ids.contains(&model), callable.contains(&model), "{models} lists {model}: {ids:?}");
            let shown = key.client.get(&format!("/v1/models/{model}")).await;
            assert_eq!(shown.status == 200, callable.contains(&model), "{models} shows {model}");
        }
    }
    gateway.settled().await;
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn a_provider_that_is_called_like_an_author_opens_none_of_its_other_models() {
    let toml = "[providers.openai]\nbase_url = \"http://127.0.0.1:1/v1\"\ncatalogue = \"none\"\n\
                [models.other]\nprovider = \"openai\"\nfree = true\n";
    let gateway = Gateway::start_with(Setup { toml: toml.to_owned(), ..Setup::default() }).await;
    let key = gateway.make_key(json!({"name": "a", "models": ["openai/*"]})).await;
    for model in ["openai/other", "openai/anything", "other"] {
        for provider in [None, Some("openai")] {
            let mut body = ask_model(model, "Hello");
            if let Some(provider) = provider {
                body["provider"] = json!(provider);
            }
            assert_eq!(key.client.chat(&body).await.code(), "model_not_allowed", "{body}");
        }
    }
    let mut body = ask_model(PRICED_MODEL, "Hello");
    body["provider"] = json!("huggingface");
    assert_eq!(key.client.chat(&body).await.status, 200, "the author's own");
    let listed = key.client.get("/v1/models").await.json().to_string();
    assert!(!listed.contains("\"other\""), "{listed}");
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn keys_are_the_same_after_a_restart_and_no_answer_but_the_first_has_a_secret() {
    let gateway = Gateway::start().await;
    let lead = gateway.make_key(maker()).await;
    let limits = json!({"requests_per_minute": 60, "requests_burst": 7, "concurrent": 3, "spend_per_week": "0.000000001",
                        "tokens_total": 9_007_199_254_740_992_u64});
    let body = json!({"name": "child", "limits": limits, "labels": {"team": "blue", "note": "ключ \"1\""}});
    let child = Made::of(&gateway.client, &post(&lead.client, "/v1/keys", &body).await);
    let path = format!("/v1/keys/{}", child.id);
    let rotated = Made::of(
        &gateway.client,
        &post(&lead.client, &format!("{path}/rotate"), &json!({"overlap_s": 3600})).await,
    );
    let gone = gateway.make_key(json!({"name": "gone"})).await;
    gateway.admin.delete(&format!("/admin/keys/{}", gone.id)).await;
    let all = format!("/admin/keys?account={}", gateway.account);
    let (before, account) = (gateway.admin.get(&all).await, gateway.account.clone());
    let answers = [
        before.body.clone(),
        lead.client.get("/v1/keys").await.body,
        lead.client.get(&path).await.body,
        patch(&lead.client, &path, json!({"name": "child"})).await.body,
        gateway.admin.get(&format!("/admin/keys/{}", child.id)).await.body,
        rotated.client.get("/v1/key").await.body,
    ];
    let secrets = [&lead.secret, &child.secret, &rotated.secret, &gone.secret];
    for (answer, secret) in answers.iter().flat_map(|answer| secrets.map(|secret| (answer, secret))) {
        let text = str::from_utf8(answer).expect("UTF-8");
        assert!(!text.contains(&secret[12..]), "a secret in {text}");
    }
    let folder = gateway.finish_keeping().await;
    for entry in std::fs::read_dir(folder.path()).expect("a folder") {
        let bytes = std::fs::read(entry.expect("an entry").path()).expect("a file");
        for secret in secrets {
            assert!(!bytes.windows(secret.len() - 12).any(|window| window == &secret.as_bytes()[12..]));
        }
    }
    let gateway = Gateway::start_with(Setup { folder: Some(folder), credit: "0", ..Setup::default() }).await;
    let after = gateway.admin.get(&format!("/admin/keys?account={account}")).await;
    assert_eq!(after.body, before.body);
    for (secret, status) in
        [(&lead.secret, 200), (&child.secret, 200), (&rotated.secret, 200), (&gone.secret, 401)]
    {
        assert_eq!(gateway.client.with_key(secret).get("/v1/key").await.status, status);
    }
    assert!(gateway.finish().await);
}
