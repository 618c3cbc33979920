//! What clients of Anthropic find: errors in their shape, and a model list that they can read.

use bytes::Bytes;
use hyper::Method;
use serde_json::{Value, json};

use crate::client::Reply;
use crate::harness::Gateway;

#[tokio::test]
async fn every_refusal_below_the_path_has_anthropics_shape() {
    let gateway = Gateway::start().await;
    for (method, path) in
        [(Method::POST, "/v1/messages/nothing"), (Method::DELETE, "/v1/messages/a/b?beta=true")]
    {
        let name = format!("{method} {path}");
        let reply = Reply::read(gateway.client.send(method, path, Bytes::new()).await).await;
        let body = reply.json();
        assert_eq!(reply.status.as_u16(), 404, "{name}");
        assert_eq!(
            (&body["type"], &body["error"]["type"]),
            (&json!("error"), &json!("not_found_error")),
            "{body}"
        );
        let said = body["error"]["message"].as_str().expect("a message");
        assert!(said.starts_with("There is no route /v1/messages/"), "{said}");
        assert_eq!(body["request_id"], reply.header("request-id"));
        assert_eq!(reply.header("request-id"), reply.header("x-tollgate-call-id"));
    }
    // Elsewhere nothing changed.
    let reply = gateway.client.get("/v1/messagesx").await;
    assert_eq!((reply.status.as_u16(), reply.code().as_str()), (404, "not_found"));
    assert!(!reply.headers.contains_key("request-id"));
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn one_list_of_models_is_read_by_both_families_of_clients() {
    let gateway = Gateway::start().await;
    let list = gateway.client.get("/v1/models").await.json();
    let models = list["data"].as_array().expect("a list");
    assert_eq!((&list["object"], &list["has_more"]), (&json!("list"), &json!(false)));
    assert_eq!((&list["first_id"], &list["last_id"]), (&models[0]["id"], &models[models.len() - 1]["id"]));
    for model in models {
        assert_eq!((&model["object"], &model["type"]), (&json!("model"), &json!("model")), "{model}");
        assert_eq!(model["display_name"], model["id"]);
        let created_at = model["created_at"].as_str().expect("a time");
        assert!(created_at.ends_with('Z') && created_at.len() == "1970-01-01T00:00:00.000Z".len(), "{model}");
        let path = format!("/v1/models/{}", model["id"].as_str().expect("an id"));
        assert_eq!(&gateway.client.get(&path).await.json(), model);
    }
    // As coding agents ask, and with what others add.
    for query in ["limit=1000", "client_version=1.2.3"] {
        assert_eq!(gateway.client.get(&format!("/v1/models?{query}")).await.json(), list);
    }
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn pages_forwards_and_backwards_are_the_whole_list() {
    let gateway = Gateway::start().await;
    let page = async |query: &str| gateway.client.get(&format!("/v1/models?{query}")).await.json();
    let all = ids(&page("").await);
    assert!(all.len() >= 3, "{all:?}");
    for limit in [1, 2, all.len() - 1, all.len()] {
        let (mut forwards, mut after) = (Vec::new(), String::new());
        loop {
            let list = page(&format!("limit={limit}{after}")).await;
            forwards.extend(ids(&list));
            assert!(ids(&list).len() <= limit);
            if list["has_more"] == false {
                break;
            }
            after = format!("&after_id={}", list["last_id"].as_str().expect("an id"));
        }
        assert_eq!(forwards, all, "{limit}");

        let (mut backwards, mut before) = (Vec::new(), "~".to_owned());
        loop {
            let list = page(&format!("limit={limit}&before_id={before}")).await;
            backwards.splice(0..0, ids(&list));
            if list["has_more"] == false {
                break;
            }
            before = list["first_id"].as_str().expect("an id").to_owned();
        }
        assert_eq!(backwards, all, "{limit}");
    }
    let none = page("after_id=~").await;
    assert_eq!(
        none,
        json!({"object": "list", "data": [], "has_more": false, "first_id": null, "last_id": null})
    );
    for (query, param) in
        [("limit=0", "limit"), ("limit=1001", "limit"), ("after_id=a&before_id=b", "before_id")]
    {
        let reply = gateway.client.get(&format!("/v1/models?{query}")).await;
        assert_eq!(
            (reply.status.as_u16(), reply.json()["error"]["param"].clone()),
            (400, json!(param)),
            "{query}"
        );
    }
    assert!(gateway.finish().await);
}

fn ids(list: &Value) -> Vec<String> {
    let models = list["data"].as_array().expect("a list");
    models.iter().map(|model| model["id"].as_str().expect("an id").to_owned()).collect()
}
