//! Plans: made, changed and deleted by the operator, in force at once.

use hyper::StatusCode;
use serde_json::json;

use crate::harness::{Gateway, MODEL, Setup, ask, ask_model};
use crate::limited::{gateway, message};

const OTHER_MODEL: &str = "meta-llama/Llama-3.1-8B-Instruct";

#[tokio::test]
async fn a_plan_is_made_shown_replaced_and_deleted() {
    let (gateway, _time) = gateway("[plans.ours]\nconcurrent = 3\n").await;
    let admin = &gateway.admin;
    let body = json!({"limits": {"requests_per_minute": 60}, "key": {"spend_per_day": "1.00"}, "models": ["openai/*"]});
    let made = admin.put("/admin/plans/free", body.to_string()).await.json();
    assert_eq!(
        made,
        json!({"name": "free", "source": "api", "limits": {"requests_per_minute": 60, "requests_burst": 60},
               "key": {"spend_per_day": "1.00"}, "models": ["openai/*"], "trial": null})
    );
    assert_eq!(admin.get("/admin/plans/free").await.json(), made);
    let list = admin.get("/admin/plans").await.json();
    let names: Vec<_> = list["data"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|plan| (&plan["name"], &plan["source"]))
        .collect();
    assert_eq!(
        format!("{names:?}"),
        r#"[(String("free"), String("api")), (String("ours"), String("config")), (String("trial"), String("built_in"))]"#
    );
    let replaced = admin.put("/admin/plans/free", "{}").await.json();
    assert_eq!((&replaced["limits"], &replaced["models"]), (&json!({}), &json!(null)), "replaced whole");
    assert_eq!(admin.delete("/admin/plans/free").await.json(), replaced);
    for (reply, status, code) in [
        (admin.get("/admin/plans/free").await, 404, "plan_not_found"),
        (admin.delete("/admin/plans/free").await, 404, "plan_not_found"),
        (admin.put("/admin/plans/ours", "{}").await, 409, "plan_in_configuration"),
        (admin.delete("/admin/plans/ours").await, 409, "plan_in_configuration"),
        (admin.delete("/admin/plans/trial").await, 409, "plan_built_in"),
        (admin.put("/admin/plans/No%20name", "{}").await, 400, "invalid_value"),
        (admin.put("/admin/plans/p", r#"{"limits": {"rpm": 1}}"#).await, 400, "unknown_parameter"),
        (admin.put("/admin/plans/p", r#"{"key": {"requests_burst": 1}}"#).await, 400, "invalid_value"),
        (admin.put("/admin/plans/p", r#"{"models": []}"#).await, 400, "invalid_value"),
        (gateway.put_on(&gateway.account, Some("p")).await, 400, "invalid_value"),
    ] {
        assert_eq!((reply.status.as_u16(), reply.code()), (status, code.to_owned()), "{reply:?}");
    }
    let wrong = admin.put("/admin/plans/p", r#"{"key": {"requests_burst": 1}}"#).await.json();
    assert_eq!(wrong["error"]["param"], "key.requests_burst", "{wrong}");
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn a_plan_that_accounts_are_on_stays() {
    let (gateway, _time) = gateway("").await;
    assert_eq!(gateway.admin.put("/admin/plans/free", "{}").await.status, 200);
    let member = gateway.member("free").await;
    let refused = gateway.admin.delete("/admin/plans/free").await;
    assert_eq!((refused.status.as_u16(), refused.code()), (409, "plan_in_use".to_owned()));
    assert!(message(&refused).contains("1 accounts"), "{refused:?}");
    assert_eq!(gateway.put_on(&member.account, None).await.status, 200);
    // Nor goes the one that trials become.
    let trial = r#"{"trial": {"days": 3, "converts_to": "free"}}"#;
    assert_eq!(gateway.admin.put("/admin/plans/taste", trial).await.status, 200);
    let refused = gateway.admin.delete("/admin/plans/free").await;
    assert_eq!((refused.status.as_u16(), refused.code()), (409, "plan_in_use".to_owned()));
    assert_eq!(gateway.admin.delete("/admin/plans/taste").await.status, 200);
    assert_eq!(gateway.admin.delete("/admin/plans/free").await.status, 200);
    let refused = gateway.admin.put("/admin/plans/taste", trial).await;
    assert_eq!(
        (refused.status.as_u16(), &refused.json()["error"]["param"]),
        (400, &json!("trial.converts_to"))
    );
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn a_change_counts_at_once_and_calls_in_flight_keep_what_they_began_with() {
    let (gateway, _time) = gateway("[plans.closed]\nconcurrent = 0\n").await;
    let put = async |body: &str| {
        assert_eq!(gateway.admin.put("/admin/plans/free", body.to_owned()).await.status, 200)
    };
    put("{}").await;
    let member = gateway.member("free").await;
    let mut stream = member.client.stream(&ask("Hello [[sim tokens=20 gap_ms=30]]")).await;
    assert!(stream.next().await.is_some());
    put(r#"{"limits": {"concurrent": 1}}"#).await;
    assert_eq!(
        member.client.chat(&ask("Hello")).await.status,
        429,
        "the stream was counted before there was a limit"
    );
    assert_eq!(gateway.put_on(&member.account, Some("closed")).await.status, 200);
    assert_eq!(member.client.chat(&ask("Hello")).await.status, 429);
    assert_eq!(gateway.put_on(&member.account, None).await.status, 200);
    assert_eq!(member.client.chat(&ask("Hello")).await.status, 200);
    assert_eq!(gateway.put_on(&member.account, Some("closed")).await.status, 200);
    assert!(stream.rest().await.done, "it was admitted under another plan");
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn a_plan_allows_its_models_and_no_others() {
    let (gateway, _time) = gateway(
        "[routes.smart]\noffers = [\"huggingface/meta-llama/Llama-3.1-8B-Instruct\"]\n\
         [plans.some]\nmodels = [\"openai/*\"]\n[plans.route]\nmodels = [\"smart\"]\n",
    )
    .await;
    let (some, route) = (gateway.member("some").await, gateway.member("route").await);
    for (member, model, allowed) in [
        (&some, MODEL, true),
        (&some, "OpenAI/GPT-OSS-120B", true),
        (&some, "openai/gpt-oss-120b:cheapest", true),
        (&some, OTHER_MODEL, false),
        (&some, "smart", false),
        (&route, "smart", true),
        (&route, OTHER_MODEL, false),
    ] {
        let before = gateway.chats().len();
        let reply = member.client.chat(&ask_model(model, "Hello")).await;
        if allowed {
            assert_eq!(reply.status, StatusCode::OK, "{model}: {reply:?}");
            continue;
        }
        assert_eq!((reply.status.as_u16(), reply.code()), (403, "model_not_allowed".to_owned()), "{model}");
        assert_eq!(reply.json()["error"]["param"], "model");
        assert_eq!(gateway.chats().len(), before, "nothing was sent");
    }
    gateway.settled().await;
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn stored_plans_outlive_a_restart_and_one_that_is_gone_is_told() {
    let setup = |folder, toml: &str| Setup { toml: toml.to_owned(), folder, ..Setup::default() };
    let first = Gateway::start_with(setup(None, "[plans.ours]\nconcurrent = 9\n")).await;
    assert_eq!(first.admin.put("/admin/plans/stored", r#"{"limits": {"concurrent": 0}}"#).await.status, 200);
    let (ours, stored) = (first.member("ours").await, first.member("stored").await);
    assert_eq!(ours.client.chat(&ask("Hello")).await.status, 200);
    let folder = first.finish_keeping().await;

    let second = Gateway::start_with(setup(Some(folder), "")).await;
    let refused = second.client.with_key(&ours.secret).chat(&ask("Hello")).await;
    assert_eq!((refused.status.as_u16(), refused.code()), (403, "plan_missing".to_owned()));
    assert!(message(&refused).contains("'ours'"), "{refused:?}");
    assert_eq!(second.client.with_key(&stored.secret).chat(&ask("Hello")).await.status, 429);
    assert_eq!(second.put_on(&ours.account, None).await.status, 200);
    assert_eq!(second.client.with_key(&ours.secret).chat(&ask("Hello")).await.status, 200);
    let folder = second.finish_keeping().await;

    // The configuration wins over what is stored under the same name.
    let third = Gateway::start_with(setup(Some(folder), "[plans.stored]\nconcurrent = 5\n")).await;
    assert_eq!(third.client.with_key(&stored.secret).chat(&ask("Hello")).await.status, 200);
    assert!(third.finish().await);
}
