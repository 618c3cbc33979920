//! A gateway under test. Every test ends with [`Gateway::finish`], which asserts what nobody remembers to: nothing is
//! held, every invariant of the ledger is true, and the receipts add up to what was spent.

use std::path::PathBuf;
use std::time::Duration;

use domain::{AccountKind, Money};
use hf_sim::{HfSim, SimConfig};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, JoinSet};
use tollgate::app;
use tollgate::clock::Clock;
use tollgate::config::{BaseUrl, Config, Env, Overrides, Sources};
use tollgate::first_start::make_owner;
use tollgate::ledger::audit;

use crate::client::{Client, Reply};

/// A model of the simulator. One of its live offers has no price, so the gateway pins a priced one: `cerebras`.
pub(crate) const MODEL: &str = "openai/gpt-oss-120b";

/// The admin key of every gateway under test.
pub(crate) const ADMIN_KEY: &str = "admin-key-of-the-tests";

/// How long a condition is waited for: far longer than it takes on a machine that is busy with other things.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// A running gateway, its upstream, and an account with credit.
pub(crate) struct Gateway {
    pub(crate) sim: HfSim,
    pub(crate) client: Client,
    pub(crate) admin: Client,
    pub(crate) account: String,
    pub(crate) key: String,
    pub(crate) url: String,
    pub(crate) admin_url: String,
    pub(crate) folder: TempDir,
    stop: Option<oneshot::Sender<()>>,
    serving: Option<JoinHandle<bool>>,
}

/// What differs between gateways under test.
pub(crate) struct Setup {
    pub(crate) credit: &'static str,
    pub(crate) kind: AccountKind,
    pub(crate) sim: SimConfig,
    /// Added to the configuration file, in the middle of the section of Hugging Face.
    pub(crate) toml: String,
    /// The base URL of Hugging Face, if it is not the simulator's.
    pub(crate) upstream: Option<String>,
    /// What the gateway takes for the time.
    pub(crate) clock: Clock,
    /// The folder that another gateway left.
    pub(crate) folder: Option<TempDir>,
    /// Whether to wait until the gateway is ready.
    pub(crate) wait: bool,
}

impl Default for Setup {
    fn default() -> Setup {
        Setup {
            credit: "1.00",
            kind: AccountKind::Prepaid,
            sim: SimConfig::default(),
            toml: String::new(),
            upstream: None,
            clock: Clock::System,
            folder: None,
            wait: true,
        }
    }
}

/// Waits for something that will surely come.
pub(crate) async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.unwrap_or_else(|_| panic!("waited in vain for {what}"))
}

/// What calls answer that were begun at once, of which `served` ask the simulator to be held by this name: these are let
/// go when all others are answered, so that every other one met them in flight.
pub(crate) async fn answers<T: 'static>(
    mut calls: JoinSet<T>,
    served: usize,
    held: &str,
    sim: &HfSim,
) -> Vec<T> {
    let mut answers = Vec::new();
    while calls.len() > served {
        answers.extend(soon("an answer", calls.join_next()).await.map(|answer| answer.expect("no panic")));
    }
    sim.release(held);
    answers.extend(soon("the held calls", calls.join_all()).await);
    answers
}

/// The simplest chat body.
pub(crate) fn ask(text: &str) -> Value {
    json!({"model": MODEL, "messages": [{"role": "user", "content": text}], "max_tokens": 64})
}

/// The same, of another model.
pub(crate) fn ask_model(model: &str, text: &str) -> Value {
    let mut body = ask(text);
    body["model"] = json!(model);
    body
}

impl Gateway {
    pub(crate) async fn start() -> Gateway {
        Gateway::start_with(Setup::default()).await
    }

    pub(crate) async fn start_with(setup: Setup) -> Gateway {
        let sim = HfSim::start(setup.sim).expect("the simulator");
        let folder = setup.folder.unwrap_or_else(|| tempfile::tempdir().expect("a folder"));
        let config = config(&setup.upstream.unwrap_or_else(|| sim.base_url()), &folder, &setup.toml);
        let running = app::start_at(config, setup.clock).await.expect("the gateway");
        let owner = make_owner(&running, "test", setup.kind).await.expect("an account");
        let credit: Money = setup.credit.parse().expect("an amount");
        if !credit.is_zero() {
            running.gateway.ledger.grant(owner.account, credit, "test").await.expect("a grant");
        }
        let (url, admin_url) = (running.url(), running.admin_url());
        let key = owner.secret.expose().to_owned();
        let (stop, stopped) = oneshot::channel();
        let serving = tokio::spawn(running.run(async {
            let _ = stopped.await;
        }));
        let gateway = Gateway {
            client: Client::new(&url, &key),
            admin: Client::new(&admin_url, ADMIN_KEY),
            account: owner.account.to_string(),
            key,
            url,
            admin_url,
            sim,
            folder,
            stop: Some(stop),
            serving: Some(serving),
        };
        if setup.wait {
            gateway
                .until("the gateway is ready", async |gateway| {
                    gateway.client.get("/readyz").await.status.is_success()
                })
                .await;
        }
        gateway
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.folder.path().join("tollgate.db")
    }

    /// Waits for a condition.
    pub(crate) async fn until(&self, what: &str, condition: impl AsyncFn(&Gateway) -> bool) {
        let waited = tokio::time::timeout(PATIENCE, async {
            while !condition(self).await {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        });
        waited.await.unwrap_or_else(|_| panic!("waited in vain until {what}"));
    }

    /// The balance of the test's account, as the admin API shows it.
    pub(crate) async fn balance(&self) -> Balance {
        Balance::of(&self.admin.get(&format!("/admin/accounts/{}", self.account)).await)
    }

    /// Waits until nothing is held.
    pub(crate) async fn settled(&self) -> Balance {
        self.until("nothing is held", async |gateway| gateway.balance().await.held.is_zero()).await;
        self.balance().await
    }

    /// The receipt of a call, waited for.
    pub(crate) async fn receipt(&self, call: &str) -> Value {
        let path = format!("/v1/generation?id={call}");
        self.until("the receipt is there", async |gateway| {
            gateway.client.get(&path).await.status.is_success()
        })
        .await;
        self.client.get(&path).await.json()["data"].clone()
    }

    /// Stops the gateway and checks everything. `true` if no call was left open at the drain deadline.
    pub(crate) async fn finish(mut self) -> bool {
        self.end().await
    }

    /// As [`Gateway::finish`], and keeps the folder for another gateway.
    pub(crate) async fn finish_keeping(mut self) -> TempDir {
        self.end().await;
        std::mem::replace(&mut self.folder, tempfile::tempdir().expect("a folder"))
    }

    async fn end(&mut self) -> bool {
        self.stop.take();
        let serving = self.serving.take().expect("not finished before");
        let drained = serving.await.expect("the gateway ran to its end");
        let report = audit(&self.database()).expect("a database");
        assert!(report.ok, "the ledger's invariants are broken: {:?}", report.violations);
        drained
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        assert!(
            self.serving.is_none() || std::thread::panicking(),
            "the test did not finish its gateway, so nothing was checked"
        );
    }
}

/// A balance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Balance {
    pub(crate) granted: Money,
    pub(crate) available: Money,
    pub(crate) held: Money,
    pub(crate) spent: Money,
}

impl Balance {
    pub(crate) fn of(reply: &Reply) -> Balance {
        let balance = &reply.json()["balance"];
        let amount = |name: &str| -> Money {
            balance[name].as_str().expect("a decimal string").parse().expect("an amount")
        };
        let balance = Balance {
            granted: amount("granted"),
            available: amount("available"),
            held: amount("held"),
            spent: amount("spent"),
        };
        let sum = balance.available.nanos() + balance.held.nanos() + balance.spent.nanos();
        assert_eq!(balance.granted.nanos(), sum, "granted = available + held + spent: {balance:?}");
        balance
    }
}

/// The configuration of a gateway under test.
fn config(upstream: &str, folder: &TempDir, toml: &str) -> Config {
    let text = format!("[providers.huggingface]\nbase_url = \"{upstream}\"\n{toml}");
    let any = "127.0.0.1:0".parse().expect("an address");
    let mut config = Config::resolve(Sources {
        file: Some((PathBuf::from("test.toml"), text)),
        env: Env::of(&[("HF_TOKEN", "hf_test_token_canary"), ("TOLLGATE_ADMIN_KEY", ADMIN_KEY)]),
        overrides: Overrides {
            listen: Some(any),
            admin_listen: Some(any),
            data_dir: Some(folder.path().to_owned()),
        },
    })
    .expect("a configuration");
    // The simulator is the Hub as well: no test reaches the network.
    config.tokenizers.hub_url = BaseUrl::parse(upstream.trim_end_matches("/v1")).expect("an address");
    config
}
