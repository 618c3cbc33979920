//! The descriptions of both listeners: complete, whole, and shown to people without anything from elsewhere.

use std::collections::HashSet;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper::{Method, StatusCode};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::client::Client;
use crate::harness::Gateway;

/// An endpoint as its listener describes it.
#[derive(Clone, Debug)]
pub(crate) struct Described {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) role: String,
    /// The names of its query parameters.
    pub(crate) query: Vec<String>,
    answers: Vec<String>,
    operation: Value,
}

impl Described {
    /// Its path with `id` for each parameter.
    pub(crate) fn path_with(&self, id: &str) -> String {
        let mut path = self.path.clone();
        while let (Some(from), Some(to)) = (path.find('{'), path.find('}')) {
            path.replace_range(from..=to, id);
        }
        path
    }

    /// Its path with ids that can be, and that nobody has.
    pub(crate) fn path_of_nobody(&self) -> String {
        let with = |path: String, (name, prefix): (&str, &str)| {
            path.replace(&format!("{{{name}}}"), &format!("{prefix}_{:032x}", 1))
        };
        let ids = [("response", "resp"), ("conversation", "conv"), ("key", "key")];
        let path = ids.into_iter().fold(self.path.clone(), with);
        Described { path, ..self.clone() }.path_with("nothing")
    }

    /// Whether it is described to answer `status`.
    pub(crate) fn answers(&self, status: StatusCode) -> bool {
        let class = format!("{}XX", status.as_u16() / 100);
        self.answers.iter().any(|answer| answer == status.as_str() || *answer == class)
    }
}

/// Every endpoint of a listener.
pub(crate) async fn described(listener: &Client) -> Vec<Described> {
    let document = listener.with_key("").get("/openapi.json").await.json();
    let mut all = Vec::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        for (method, operation) in item.as_object().expect("operations") {
            let parameters = operation["parameters"].as_array().into_iter().flatten();
            let query = parameters.filter(|parameter| parameter["in"] == "query");
            let name = |parameter: &Value| parameter["name"].as_str().expect("a name").to_owned();
            all.push(Described {
                method: method.to_uppercase().parse().expect("a method"),
                path: path.clone(),
                role: operation["x-tollgate-role"].as_str().expect("a role").to_owned(),
                query: query.map(name).collect(),
                answers: operation["responses"].as_object().expect("answers").keys().cloned().collect(),
                operation: operation.clone(),
            });
        }
    }
    all
}

#[tokio::test]
async fn every_endpoint_is_described_in_full() {
    let gateway = Gateway::start().await;
    for client in [&gateway.client, &gateway.admin] {
        let document = client.with_key("").get("/openapi.json").await.json();
        assert_eq!(document["openapi"], "3.1.0");
        let tags: Vec<&Value> =
            document["tags"].as_array().expect("tags").iter().map(|tag| &tag["name"]).collect();
        let mut ids = HashSet::new();
        for route in described(client).await {
            let operation = &route.operation;
            let name = format!("{} {}", route.method, route.path);
            assert!(ids.insert(operation["operationId"].to_string()), "{name}: the id is not its own");
            assert!(operation["summary"].as_str().is_some_and(|text| !text.is_empty()), "{name}: no summary");
            assert!(tags.contains(&&operation["tags"][0]), "{name}: of no group that is listed");
            let keyed = route.role != "public";
            assert_eq!(route.answers(StatusCode::UNAUTHORIZED), keyed, "{name}: 401");
            assert_eq!(operation["security"] != serde_json::json!([]), keyed, "{name}: security");
            if route.role == "management" {
                assert!(route.answers(StatusCode::FORBIDDEN), "{name}: 403");
            }
            for (status, answer) in operation["responses"].as_object().expect("answers") {
                assert!(
                    answer["description"].as_str().is_some_and(|text| !text.is_empty()),
                    "{name} {status}"
                );
                assert!(answer["content"].is_object(), "{name} {status}: no content");
            }
        }
        assert_refs_resolve(&document, &document);
    }
    // What is described is what is sent.
    let document = gateway.client.get("/openapi.json").await.json();
    let models = &document["components"]["schemas"]["ModelList"];
    assert_eq!(models["properties"]["data"]["items"]["$ref"], "#/components/schemas/ModelCard", "{models}");
    let patterns = &document["components"]["schemas"]["ModelPatterns"];
    assert_eq!(patterns["items"]["type"], "string", "{patterns}");
    assert!(gateway.finish().await);
}

fn assert_refs_resolve(value: &Value, document: &Value) {
    match value {
        Value::Object(fields) => {
            if let Some(Value::String(to)) = fields.get("$ref") {
                let place = to.strip_prefix('#').expect("a place in this document");
                assert!(document.pointer(place).is_some(), "{to} is not there");
            }
            fields.values().for_each(|field| assert_refs_resolve(field, document));
        }
        Value::Array(items) => items.iter().for_each(|item| assert_refs_resolve(item, document)),
        _ => {}
    }
}

#[tokio::test]
async fn the_page_for_people_has_nothing_from_elsewhere_and_runs_nothing_else() {
    let gateway = Gateway::start().await;
    for client in [&gateway.client, &gateway.admin] {
        let page = client.with_key("").get("/docs").await;
        assert_eq!((page.status.as_u16(), page.header("content-type")), (200, "text/html; charset=utf-8"));
        let text = str::from_utf8(&page.body).expect("UTF-8");
        for elsewhere in ["://", "src=", "@import", " url(", "innerHTML", "style=", "onclick"] {
            assert!(!text.contains(elsewhere), "{elsewhere}");
        }
        let policy = page.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'; ") && !policy.contains("unsafe"), "{policy}");
        for tag in ["style", "script"] {
            let (_, rest) = text.split_once(&format!("<{tag}>")).expect("the tag");
            let (inside, rest) = rest.split_once(&format!("</{tag}>")).expect("its end");
            assert!(!rest.contains(&format!("<{tag}")), "one {tag}");
            let digest = STANDARD.encode(Sha256::digest(inside));
            assert!(policy.contains(&format!("{tag}-src 'sha256-{digest}'")), "{tag}: {policy}");
        }
    }
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn what_a_broken_store_answers_is_described() {
    let gateway = Gateway::start().await;
    let call = gateway.client.chat(&crate::harness::ask("Hello")).await.call_id();
    gateway.settled().await;
    let database = rusqlite::Connection::open(gateway.database()).expect("the database");
    let rename = |from: &str, to: &str| {
        let tables =
            ["receipts", "usage_totals", "usage_hours", "usage_days", "usage_wide_hours", "usage_wide_days"];
        let renamed = tables.map(|table| format!("ALTER TABLE {table}{from} RENAME TO {table}{to};"));
        database.execute_batch(&renamed.concat()).expect("renamed tables");
    };
    rename("", "_away");
    let mut broken = Vec::new();
    for client in [&gateway.client, &gateway.admin] {
        let all = described(client).await;
        for route in all.iter().filter(|route| route.method == Method::GET) {
            let query = if route.path == "/v1/generation" { format!("?id={call}") } else { String::new() };
            let reply = client.get(&format!("{}{query}", route.path_with(&call))).await;
            assert!(route.answers(reply.status), "{}: {} is not described", route.path, reply.status);
            if reply.status.is_server_error() {
                broken.push(route.path.clone());
            }
        }
    }
    for path in [
        "/v1/activity",
        "/v1/usage",
        "/v1/generation",
        "/admin/activity",
        "/admin/usage",
        "/admin/receipts/{call}",
    ] {
        assert!(broken.iter().any(|broken| broken == path), "{path} reads the store: {broken:?}");
    }
    rename("_away", "");
    assert!(gateway.finish().await);
}
