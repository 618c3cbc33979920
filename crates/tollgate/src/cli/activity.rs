//! `tollgate activity`: calls, one by one.

use clap::Args;
use domain::{AccountId, KeyId};

use crate::out::Out;
use crate::view::{ActivityView, ReceiptView};

use super::Failure;
use super::query::Query;
use super::receipt::table_of;
use super::remote::RemoteArgs;

/// `tollgate activity`.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct ActivityArgs {
    #[command(flatten)]
    remote: RemoteArgs,
    #[command(flatten)]
    calls: CallsArgs,
    /// Calls of this session.
    #[arg(long)]
    session: Option<String>,
    /// Calls with this label.
    #[arg(long)]
    label: Option<String>,
    /// How many.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: u32,
    /// The next_cursor of the page before.
    #[arg(long)]
    cursor: Option<String>,
}

/// Which calls.
#[derive(Args, Debug)]
pub(super) struct CallsArgs {
    /// Of this account: acct_…
    #[arg(long)]
    account: Option<AccountId>,
    /// Made with this key: key_…
    #[arg(long)]
    key: Option<KeyId>,
    /// Started at this time or later: 2026-01-31 or 2026-01-31T12:00:00Z.
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// Started before this time.
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
    /// Served by this model.
    #[arg(long)]
    model: Option<String>,
    /// Served by this provider.
    #[arg(long)]
    provider: Option<String>,
    /// Ended like this: 404, 4xx or client_gone.
    #[arg(long)]
    status: Option<String>,
}

const EXAMPLES: &str = "\
Examples:
  tollgate activity
  tollgate activity --account acct_0198… --from 2026-01-01 --status 5xx
  tollgate activity --session conversation-7 --json";

/// Shows a page.
pub(super) async fn activity(args: &ActivityArgs, out: &mut Out) -> Result<(), Failure> {
    let mut query = args.calls.query("/admin/activity");
    query.add("session", args.session.as_deref());
    query.add("label", args.label.as_deref());
    query.add("limit", Some(&args.limit.to_string()));
    query.add("cursor", args.cursor.as_deref());
    args.remote.connect()?.get(&query.into_path()).await?.show(out, describe)
}

impl CallsArgs {
    /// The path with these filters.
    pub(super) fn query(&self, path: &str) -> Query {
        let mut query = Query::new(path);
        query.add("account", self.account.map(|id| id.to_string()).as_deref());
        query.add("key", self.key.map(|id| id.to_string()).as_deref());
        query.add("from", self.from.as_deref());
        query.add("to", self.to.as_deref());
        query.add("model", self.model.as_deref());
        query.add("provider", self.provider.as_deref());
        query.add("status", self.status.as_deref());
        query
    }
}

fn describe(activity: &ActivityView<ReceiptView>) -> String {
    let shown =
        format!("{}\n\n{} of {} calls", table_of(&activity.data), activity.data.len(), activity.total);
    match &activity.next_cursor {
        Some(cursor) => format!("{shown}. More: --cursor {cursor}"),
        None => shown,
    }
}
