//! `tollgate account`: create, list, show, set-plan.

use clap::{Args, Subcommand};
use domain::AccountId;
use serde_json::json;

use crate::out::Out;
use crate::view::{AccountView, ListView};

use super::Failure;
use super::remote::RemoteArgs;
use super::table::{pairs, table};

/// `tollgate account …`.
#[derive(Args, Debug)]
#[command(arg_required_else_help = true, after_help = EXAMPLES)]
pub(super) struct AccountArgs {
    #[command(flatten)]
    remote: RemoteArgs,
    #[command(subcommand)]
    action: Action,
}

const EXAMPLES: &str = "\
Examples:
  tollgate account create team-blue
  tollgate account create my-own-use --metered
  tollgate account list --json
  tollgate account set-plan acct_0198… free";

#[derive(Debug, Subcommand)]
enum Action {
    /// Create an account. It is prepaid: it spends what it was granted, and not a nano-dollar more.
    #[command(after_help = EXAMPLES)]
    Create {
        /// What people call it.
        name: String,
        /// The name of its set of limits.
        #[arg(long)]
        plan: Option<String>,
        /// No cap: calls are metered and billed afterwards.
        #[arg(long)]
        metered: bool,
    },
    /// List every account with its balance.
    #[command(after_help = EXAMPLES)]
    List,
    /// Show one account.
    #[command(after_help = EXAMPLES)]
    Show {
        /// The account's id: acct_…
        account: AccountId,
    },
    /// Put an account on another plan, at once. A trial plan starts its trial, without credit.
    #[command(after_help = EXAMPLES)]
    SetPlan {
        /// The account's id: acct_…
        account: AccountId,
        /// The plan's name.
        #[arg(required_unless_present = "none")]
        plan: Option<String>,
        /// No plan, and so no limits.
        #[arg(long, conflicts_with = "plan")]
        none: bool,
    },
}

/// Does it.
pub(super) async fn account(args: &AccountArgs, out: &mut Out) -> Result<(), Failure> {
    let remote = args.remote.connect()?;
    match &args.action {
        Action::Create { name, plan, metered } => {
            let kind = if *metered { "metered" } else { "prepaid" };
            let body = json!({ "name": name, "plan": plan, "kind": kind });
            remote.post("/admin/accounts", &body).await?.show(out, describe)
        }
        Action::List => remote.get("/admin/accounts").await?.show(out, describe_all),
        Action::Show { account } => {
            remote.get(&format!("/admin/accounts/{account}")).await?.show(out, describe)
        }
        Action::SetPlan { account, plan, .. } => {
            let path = format!("/admin/accounts/{account}");
            remote.patch(&path, &json!({ "plan": plan })).await?.show(out, describe)
        }
    }
}

/// One account for people.
pub(super) fn describe(account: &AccountView) -> String {
    pairs(&[
        ("id", account.id.clone()),
        ("name", account.name.clone()),
        ("kind", account.kind.clone()),
        ("plan", account.plan.clone().unwrap_or_default()),
        ("trial end", account.trial_ends_at.clone().unwrap_or_else(|| "no trial".to_owned())),
        ("created", account.created_at.clone()),
        ("granted", account.balance.granted.clone()),
        ("available", account.balance.available.clone()),
        ("held", account.balance.held.clone()),
        ("spent", account.balance.spent.clone()),
    ])
}

fn describe_all(accounts: &ListView<AccountView>) -> String {
    let headings = ["id", "name", "kind", "available", "held", "spent", "granted"];
    let rows = accounts.data.iter().map(|account| {
        let balance = &account.balance;
        let money = [&balance.available, &balance.held, &balance.spent, &balance.granted];
        let texts = [&account.id, &account.name, &account.kind].into_iter().chain(money);
        texts.cloned().collect()
    });
    table(&headings, &headings[3..], rows.collect())
}
