//! The commands against an admin API that runs: what people and programs see.

use std::io::Write;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use clap::{CommandFactory, Parser};
use serde_json::{Value, json};

use super::{Cli, Failure, dispatch};
use crate::admin::tests::Admin;
use crate::out::Out;

const ADMIN_KEY: &str = "the-admin-key-of-these-tests";

/// An admin API that listens, and what commands against it print.
struct Gateway {
    admin: Admin,
    address: SocketAddr,
}

impl Gateway {
    fn start() -> Gateway {
        let admin = here(Admin::start());
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let router = admin.router.clone();
        std::thread::spawn(move || {
            here(async move {
                listener.set_nonblocking(true).unwrap();
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                axum::serve(listener, router).await
            })
        });
        Gateway { admin, address }
    }

    fn run(&self, arguments: &[&str]) -> String {
        let url = format!("http://{}", self.address);
        run(&[arguments, &["--admin-url", &url, "--admin-key", ADMIN_KEY]].concat()).unwrap()
    }

    fn json(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.run(&[arguments, &["--json"]].concat())).unwrap()
    }
}

/// Runs on this thread, as commands do.
fn here<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

fn run(arguments: &[&str]) -> Result<String, String> {
    let cli = Cli::try_parse_from([&["tollgate"], arguments].concat()).map_err(|error| error.to_string())?;
    let (results, complaints) = (Captured::default(), Captured::default());
    let mut out = Out::to(results.clone(), complaints.clone());
    let done = dispatch(cli.command, &mut out);
    if let Err(failure) = &done {
        Failure::tell(failure, &mut out);
    }
    done.map(|()| results.text()).map_err(|_| complaints.text())
}

#[test]
fn an_operator_sets_up_an_account_and_reads_its_receipts() {
    let gateway = Gateway::start();
    let account = gateway.json(&["account", "create", "team-blue"]);
    let id = account["id"].as_str().unwrap();
    let granted = gateway.run(&["credit", "grant", id, "10", "--reference", "r1"]);
    assert!(
        granted.contains("\namount     10.00\n") && granted.contains("\nbalance    10.00\n"),
        "{granted}"
    );
    gateway.run(&["credit", "grant", id, "10", "--reference", "r1"]);
    let key = gateway.run(&["key", "create", id, "--name", "laptop"]);
    assert!(key.contains("secret  tg-") && key.contains("not shown again"), "{key}");
    here(gateway.admin.settle_a_call(id, 1));

    let shown = gateway.run(&["credit", "show", id]);
    assert!(shown.contains("available  9.999977\n") && shown.contains("spent      0.000023\n"), "{shown}");
    let accounts = gateway.run(&["account", "list"]);
    assert!(accounts.starts_with("ID ") && accounts.contains("team-blue"), "{accounts}");
    let receipts = gateway.run(&["activity", "--account", id]);
    assert!(receipts.ends_with("1 of 1 calls\n"), "{receipts}");
    assert!(receipts.contains("huggingface/groq") && receipts.contains("512.345"), "{receipts}");
    let receipt = gateway.run(&["receipt", "show", "call_00000000000000000000000000000001"]);
    assert!(
        receipt.contains("charge       0.000023\n") && receipt.contains("100.000 output tokens/s"),
        "{receipt}"
    );

    manage_a_key(&gateway, id);
    let keys = gateway.json(&["key", "list", id]);
    let key_id = keys["data"][0]["id"].as_str().unwrap();
    assert_eq!(gateway.json(&["key", "revoke", key_id])["revoked_at"], "2026-01-31T12:00:00.000Z");
}

/// Makes a second key with every flag, changes it, gives it a new secret and lists it.
fn manage_a_key(gateway: &Gateway, account: &str) {
    let flags = ["--spend-cap", "5", "--reset", "day", "--requests-per-minute", "60", "--burst", "10"];
    let more = [
        "--models",
        "openai/*,meta/x",
        "--network",
        "10.0.0.0/8",
        "--expires-in",
        "30d",
        "--label",
        "team=blue",
    ];
    let made = gateway.json(&[&["key", "create", account, "--name", "ci"], &flags[..], &more].concat());
    let limits = json!({"requests_per_minute": 60, "requests_burst": 10, "spend_per_day": "5.00"});
    for (field, expected) in [
        ("limits", limits),
        ("models", json!(["openai/*", "meta/x"])),
        ("networks", json!(["10.0.0.0/8"])),
        ("labels", json!({"team": "blue"})),
        ("role", json!("user")),
    ] {
        assert_eq!(made[field], expected, "{field}");
    }
    assert!(made["expires_at"].is_string());
    let key = made["id"].as_str().unwrap();
    let shown = gateway.run(&["key", "show", key]);
    assert!(shown.contains("spend_per_day 5.00") && shown.contains("team=blue"), "{shown}");

    let named = gateway.json(&["key", "update", key, "--spend-cap", "7", "--reset", "month", "--all-models"]);
    let limits = json!({"requests_per_minute": 60, "requests_burst": 10, "spend_per_month": "7.00"});
    assert_eq!((&named["limits"], &named["models"]), (&limits, &Value::Null), "the others stay");
    assert_eq!(named["networks"], json!(["10.0.0.0/8"]));
    let bare =
        gateway.json(&["key", "update", key, "--no-limits", "--all-networks", "--no-expiry", "--name", "cd"]);
    let left = [&bare["limits"], &bare["networks"], &bare["expires_at"], &bare["name"]];
    assert_eq!(left, [&json!({}), &Value::Null, &Value::Null, &json!("cd")]);

    let rotated = gateway.run(&["key", "rotate", key, "--overlap", "24h"]);
    assert!(
        rotated.contains("secret  tg-") && rotated.contains("works until 2026-02-01T12:00:00.000Z"),
        "{rotated}"
    );
    let lead = gateway.json(&["key", "create", account, "--management"]);
    assert_eq!(lead["role"], "management");
    let listed = gateway.run(&["key", "list", account, "--limit", "1"]);
    assert!(listed.contains("More: --after key_"), "{listed}");
    let all = gateway.json(&["key", "list", account])["data"].clone();
    let rest = gateway.json(&["key", "list", account, "--after", all[0]["id"].as_str().unwrap()]);
    assert_eq!((all.as_array().unwrap().len(), &rest["data"][0]), (3, &all[1]));
}

#[test]
fn an_operator_makes_a_plan_and_puts_an_account_on_it() {
    let gateway = Gateway::start();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("free.json");
    std::fs::write(&file, r#"{"limits": {"requests_per_minute": 60}, "key": {"spend_per_day": "1.00"}}"#)
        .unwrap();
    let file = file.to_str().unwrap();
    let made = gateway.run(&["plan", "set", "free", file]);
    assert!(made.contains("requests_per_minute 60") && made.contains("requests_burst 60"), "{made}");
    assert!(made.contains("each key  spend_per_day $1.00\n") && made.contains("models    all\n"), "{made}");
    assert_eq!(gateway.run(&["plan", "show", "free"]), made);
    let plans = gateway.run(&["plan", "list"]);
    assert!(plans.contains("free   api") && plans.contains("spend_per_day $1.00"), "{plans}");
    let account = gateway.json(&["account", "create", "team-blue"]);
    let id = account["id"].as_str().unwrap();
    assert_eq!(gateway.json(&["account", "set-plan", id, "free"])["plan"], "free");
    assert_eq!(gateway.json(&["account", "set-plan", id, "--none"])["plan"], Value::Null);
    assert_eq!(gateway.run(&["plan", "delete", "free"]), made);
}

#[test]
fn a_refusal_is_told_in_words() {
    let gateway = Gateway::start();
    let url = format!("http://{}", gateway.address);
    let at = ["--admin-url", url.as_str()];
    let refused =
        |arguments: &[&str], key: &str| run(&[arguments, &at, &["--admin-key", key]].concat()).unwrap_err();
    let ghost = "acct_00000000000000000000000000000000";

    let wrong = refused(&["account", "list"], "another-key-than-that");
    assert!(
        wrong.contains("refuses this admin key: set TOLLGATE_ADMIN_KEY") && !wrong.contains("another-key"),
        "{wrong}"
    );
    assert_eq!(refused(&["account", "show", ghost], ADMIN_KEY), "tollgate: There is no such account.\n");
    let zero = refused(&["credit", "grant", ghost, "0"], ADMIN_KEY);
    assert!(zero.contains("must be more than nothing"), "{zero}");
    for (arguments, words) in [
        (&["account", "show", "blue"][..], "not an identifier of this kind"),
        (&["credit", "grant", ghost, "1.2.3"], "not a decimal number"),
        (&["credit", "grant", ghost, "1", "--refrence", "x"], "--reference"),
        (&["key", "create", ghost, "--reset", "day"], "--spend-cap"),
        (&["key", "create", ghost, "--expires-in", "1w"], "such as 90s, 30m, 24h or 30d"),
        (&["key", "create", ghost, "--label", "blue"], "such as team=blue"),
        (&["activity", "--account", ghost, "--limit", "0"], "0 is not in 1..=1000"),
    ] {
        let told = refused(arguments, ADMIN_KEY);
        assert!(told.contains(words), "{arguments:?}: {told}");
    }
}

#[test]
fn a_gateway_that_does_not_run_is_told_so() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", free.local_addr().unwrap());
    drop(free);
    let told = run(&["account", "list", "--admin-url", &url, "--admin-key", ADMIN_KEY]).unwrap_err();
    assert!(told.contains("Is the gateway running? Start it with `tollgate serve`"), "{told}");
    let told = run(&["account", "list", "--admin-url", "ftp://x", "--admin-key", ADMIN_KEY]).unwrap_err();
    assert!(told.contains("--admin-url must begin with http://"), "{told}");
}

#[test]
fn check_tells_the_configuration_without_its_secrets() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("t.toml");
    let toml = "[providers.p]\nbase_url = \"http://127.0.0.1:1/v1\"\napi_key = \"canary\"\n[models.m]\nprovider = \"p\"\nfree = true";
    std::fs::write(&path, toml).unwrap();
    let file = path.to_str().unwrap();
    let told = run(&["check", "--offline", "--config", file]).unwrap();
    assert!(
        told.contains("provider p") && told.contains("credential set") && told.contains("m at p, free"),
        "{told}"
    );
    assert!(!told.contains("canary"), "{told}");
    let report: Value =
        serde_json::from_str(&run(&["check", "--offline", "--json", "--config", file]).unwrap()).unwrap();
    assert_eq!(report["ok"], true);
    std::fs::write(&path, "[providers.p]\nbase_ulr = 1").unwrap();
    let told = run(&["check", "--config", file]).unwrap_err();
    assert!(told.contains("[providers.p] base_url: is missing"), "{told}");
}

#[test]
fn the_command_line_is_sound_and_every_command_explains_itself_with_an_example() {
    Cli::command().debug_assert();
    for command in Cli::command().get_subcommands() {
        let example = format!("tollgate {}", command.get_name());
        for command in command.get_subcommands().chain([command]) {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(
                help.contains(&example) && command.get_about().is_some(),
                "{example} {}",
                command.get_name()
            );
        }
    }
}

/// A writer for tests whose text can be read back.
#[derive(Clone, Debug, Default)]
struct Captured(Arc<Mutex<Vec<u8>>>);

impl Captured {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
