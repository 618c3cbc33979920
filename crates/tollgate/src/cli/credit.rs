//! `tollgate credit`: grant, show.

use clap::{Args, Subcommand};
use domain::{AccountId, Money};
use serde_json::json;
use uuid::Uuid;

use crate::out::Out;
use crate::view::GrantView;

use super::Failure;
use super::account;
use super::remote::RemoteArgs;
use super::table::pairs;

/// `tollgate credit …`.
#[derive(Args, Debug)]
#[command(arg_required_else_help = true, after_help = EXAMPLES)]
pub(super) struct CreditArgs {
    #[command(flatten)]
    remote: RemoteArgs,
    #[command(subcommand)]
    action: Action,
}

const EXAMPLES: &str = "\
Examples:
  tollgate credit grant acct_0198… 10.00 --reference invoice-2026-017
  tollgate credit show acct_0198…";

#[derive(Debug, Subcommand)]
enum Action {
    /// Grant credit. The same reference again is the same grant, so a repeated command adds nothing.
    #[command(after_help = EXAMPLES)]
    Grant {
        /// To whom: acct_…
        account: AccountId,
        /// US dollars with up to nine decimals: 10.00
        amount: Money,
        /// Your name for this grant; by default a new one, and then a repeated command grants again.
        #[arg(long)]
        reference: Option<String>,
        /// Nobody paid for it: it ends no trial.
        #[arg(long)]
        gift: bool,
    },
    /// Show the balance of an account.
    #[command(after_help = EXAMPLES)]
    Show {
        /// Whose: acct_…
        account: AccountId,
    },
}

/// Does it.
pub(super) async fn credit(args: &CreditArgs, out: &mut Out) -> Result<(), Failure> {
    let remote = args.remote.connect()?;
    match &args.action {
        Action::Grant { account, amount, reference, gift } => {
            let reference = reference.clone().unwrap_or_else(|| format!("cli-{}", Uuid::now_v7()));
            let body = json!({ "amount": amount.to_string(), "reference": reference, "paid": !gift });
            remote.post(&format!("/admin/accounts/{account}/grants"), &body).await?.show(out, describe)
        }
        Action::Show { account } => {
            remote.get(&format!("/admin/accounts/{account}")).await?.show(out, account::describe)
        }
    }
}

fn describe(grant: &GrantView) -> String {
    pairs(&[
        ("id", grant.id.clone()),
        ("account", grant.account_id.clone()),
        ("amount", grant.amount.clone()),
        ("reference", grant.reference.clone()),
        ("balance", grant.balance.clone()),
    ])
}
