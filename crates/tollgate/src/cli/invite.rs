//! `tollgate invite`: create, list, revoke.

use clap::{Args, Subcommand};
use domain::InviteId;
use serde_json::json;

use crate::out::Out;
use crate::view::{InviteView, ListView, NewInviteView};

use super::Failure;
use super::remote::RemoteArgs;
use super::table::{pairs, table};

const DAY_S: u64 = 24 * 60 * 60;

/// `tollgate invite …`.
#[derive(Args, Debug)]
#[command(arg_required_else_help = true, after_help = EXAMPLES)]
pub(super) struct InviteArgs {
    #[command(flatten)]
    remote: RemoteArgs,
    #[command(subcommand)]
    action: Action,
}

const EXAMPLES: &str = "\
Examples:
  tollgate invite create ada@example.org --days 14
  tollgate invite list
  tollgate invite revoke invite_0198…";

#[derive(Debug, Subcommand)]
enum Action {
    /// Make an invite to sign up, once. Its code is shown now and never again.
    #[command(after_help = EXAMPLES)]
    Create {
        /// Whom it is for, such as an e-mail address. One identity opens one account, however many invites it has.
        identity: String,
        /// The trial plan that it opens; by default the one in [signup].
        #[arg(long)]
        plan: Option<String>,
        /// For how many days it is good.
        #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u64).range(1..=365))]
        days: u64,
    },
    /// List the newest invites and what became of them, without their codes.
    #[command(after_help = EXAMPLES)]
    List {
        /// How many.
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=999))]
        limit: u32,
    },
    /// Revoke an invite, at once and for ever.
    #[command(after_help = EXAMPLES)]
    Revoke {
        /// The invite's id (not its code): invite_…
        invite: InviteId,
    },
}

/// Does it.
pub(super) async fn invite(args: &InviteArgs, out: &mut Out) -> Result<(), Failure> {
    let remote = args.remote.connect()?;
    match &args.action {
        Action::Create { identity, plan, days } => {
            let body = json!({ "identity": identity, "plan": plan, "expires_in_s": days * DAY_S });
            remote.post("/admin/invites", &body).await?.show(out, describe_new)
        }
        Action::List { limit } => {
            remote.get(&format!("/admin/invites?limit={limit}")).await?.show(out, describe_all)
        }
        Action::Revoke { invite } => {
            remote.delete(&format!("/admin/invites/{invite}")).await?.show(out, describe)
        }
    }
}

fn describe_new(new: &NewInviteView) -> String {
    format!(
        "{}\n{}\n\nThe code is not shown again.",
        describe(&new.invite),
        pairs(&[("code", new.code.clone())])
    )
}

fn describe(invite: &InviteView) -> String {
    pairs(&[
        ("id", invite.id.clone()),
        ("identity", invite.identity.clone()),
        ("plan", invite.plan.clone().unwrap_or_else(|| "as configured".to_owned())),
        ("created", invite.created_at.clone()),
        ("state", state(invite)),
    ])
}

fn describe_all(invites: &ListView<InviteView>) -> String {
    let rows = invites.data.iter().map(|invite| {
        vec![invite.id.clone(), invite.identity.clone(), invite.created_at.clone(), state(invite)]
    });
    table(&["id", "identity", "created", "state"], &[], rows.collect())
}

/// What became of it, in a few words.
fn state(invite: &InviteView) -> String {
    match (&invite.account_id, &invite.revoked_at) {
        (Some(account), _) => format!("used by {account}"),
        (None, Some(at)) => format!("revoked {at}"),
        (None, None) => format!("unused, expires {}", invite.expires_at),
    }
}
