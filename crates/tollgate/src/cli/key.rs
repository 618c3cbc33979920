//! `tollgate key`: create, list, show, update, rotate, revoke.

use clap::{Args, Subcommand};
use domain::{AccountId, KeyId};
use serde_json::json;

use crate::out::Out;
use crate::view::{KeyView, ListView, NewKeyView};

use super::Failure;
use super::key_flags::{ChangeFlags, Span, TermFlags};
use super::remote::RemoteArgs;
use super::table::{pairs, table};

/// `tollgate key …`.
#[derive(Args, Debug)]
#[command(arg_required_else_help = true, after_help = EXAMPLES)]
pub(super) struct KeyArgs {
    #[command(flatten)]
    remote: RemoteArgs,
    #[command(subcommand)]
    action: Action,
}

const EXAMPLES: &str = "\
Examples:
  tollgate key create acct_0198… --name laptop
  tollgate key create acct_0198… --name ci --spend-cap 5.00 --reset day --models 'openai/*' --expires-in 30d
  tollgate key create acct_0198… --name team-lead --management
  tollgate key list acct_0198…
  tollgate key update key_0198… --requests-per-minute 60 --burst 10
  tollgate key rotate key_0198… --overlap 24h
  tollgate key revoke key_0198…";

#[derive(Debug, Subcommand)]
enum Action {
    /// Create a key. Its secret is shown now and never again.
    #[command(after_help = EXAMPLES)]
    Create {
        /// Whose key it is: acct_…
        account: AccountId,
        /// What people call it.
        #[arg(long, default_value = "default")]
        name: String,
        /// Make it a management key, which manages the keys of its account. It has no limits.
        #[arg(long)]
        management: bool,
        #[command(flatten)]
        terms: TermFlags,
    },
    /// List the keys of an account, without their secrets.
    #[command(after_help = EXAMPLES)]
    List {
        /// Whose keys: acct_…
        account: AccountId,
        /// Keys to show.
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1000))]
        limit: u32,
        /// Go on after this key: the last one of the list before.
        #[arg(long, value_name = "KEY")]
        after: Option<KeyId>,
    },
    /// Show a key: what it may do, and what it has used.
    #[command(after_help = EXAMPLES)]
    Show {
        /// The key's id (not its secret): key_…
        key: KeyId,
    },
    /// Change a key, from its next call on. What is not named stays as it is.
    #[command(after_help = EXAMPLES)]
    Update {
        /// The key's id (not its secret): key_…
        key: KeyId,
        /// What people call it.
        #[arg(long)]
        name: Option<String>,
        #[command(flatten)]
        changes: ChangeFlags,
    },
    /// Give a key a new secret, which is shown now and never again. Everything else about it stays.
    #[command(after_help = EXAMPLES)]
    Rotate {
        /// The key's id (not its secret): key_…
        key: KeyId,
        /// How long the secret before works on: 30m, 24h, 30d at most.
        #[arg(long, value_name = "TIME", default_value = "0s")]
        overlap: Span,
    },
    /// Revoke a key, at once and for ever.
    #[command(after_help = EXAMPLES)]
    Revoke {
        /// The key's id (not its secret): key_…
        key: KeyId,
    },
}

/// Does it.
pub(super) async fn key(args: &KeyArgs, out: &mut Out) -> Result<(), Failure> {
    let remote = args.remote.connect()?;
    match &args.action {
        Action::Create { account, name, management, terms } => {
            let mut body = terms.body()?;
            body.insert("name".to_owned(), json!(name));
            if *management {
                body.insert("role".to_owned(), json!("management"));
            }
            let path = format!("/admin/accounts/{account}/keys");
            remote.post(&path, &body.into()).await?.show(out, describe_new)
        }
        Action::List { account, limit, after } => {
            let cursor = after.map(|after| format!("&cursor={after}")).unwrap_or_default();
            let path = format!("/admin/keys?account={account}&limit={limit}{cursor}");
            remote.get(&path).await?.show(out, describe_all)
        }
        Action::Show { key } => remote.get(&format!("/admin/keys/{key}")).await?.show(out, describe),
        Action::Update { key, name, changes } => {
            let path = format!("/admin/keys/{key}");
            // Limits are set as a whole, so those that are not named here are asked for first.
            let present: KeyView = remote.get(&path).await?.read()?;
            let mut body = changes.body(&present.limits)?;
            if let Some(name) = name {
                body.insert("name".to_owned(), json!(name));
            }
            remote.patch(&path, &body.into()).await?.show(out, describe)
        }
        Action::Rotate { key, overlap } => {
            let path = format!("/admin/keys/{key}/rotate");
            remote.post(&path, &json!({ "overlap_s": overlap.seconds() })).await?.show(out, describe_new)
        }
        Action::Revoke { key } => remote.delete(&format!("/admin/keys/{key}")).await?.show(out, describe),
    }
}

fn describe_new(new: &NewKeyView) -> String {
    let secret = pairs(&[("secret", new.secret.clone())]);
    format!("{}\n{secret}\n\nThe secret is not shown again.", describe(&new.key))
}

fn describe(key: &KeyView) -> String {
    let list =
        |texts: &Option<Vec<String>>| texts.as_ref().map_or("all".to_owned(), |texts| texts.join(", "));
    let time = |time: &Option<String>, none: &str| time.clone().unwrap_or_else(|| none.to_owned());
    let labels: Vec<String> = key.labels.iter().map(|(name, text)| format!("{name}={text}")).collect();
    let mut rows = vec![
        ("id", key.id.clone()),
        ("name", key.name.clone()),
        ("account", key.account_id.clone()),
        ("role", key.role.clone()),
        ("prefix", key.prefix.clone()),
        ("limits", limits(key)),
        ("models", list(&key.models)),
        ("networks", list(&key.networks)),
        ("labels", if labels.is_empty() { "none".to_owned() } else { labels.join(", ") }),
        ("spent", key.usage.total.spend.clone()),
        ("spent today", key.usage.day.spend.clone()),
        ("created", key.created_at.clone()),
        ("expires", time(&key.expires_at, "never")),
        ("revoked", time(&key.revoked_at, "no")),
    ];
    if let Some(until) = &key.previous_secret_until {
        rows.push(("old secret", format!("works until {until}")));
    }
    pairs(&rows)
}

/// The limits by their names, which say what they are.
fn limits(key: &KeyView) -> String {
    let fields = serde_json::to_value(&key.limits).unwrap_or_default();
    let fields = fields.as_object().into_iter().flatten();
    let texts: Vec<String> = fields
        .map(|(name, value)| format!("{name} {}", value.as_str().map_or(value.to_string(), str::to_owned)))
        .collect();
    if texts.is_empty() { "none".to_owned() } else { texts.join(", ") }
}

fn describe_all(keys: &ListView<KeyView>) -> String {
    let rows = keys.data.iter().map(|key| {
        let state = match (&key.revoked_at, &key.expires_at) {
            (Some(at), _) => format!("revoked {at}"),
            (None, Some(at)) => format!("expires {at}"),
            (None, None) => String::new(),
        };
        let spent = key.usage.total.spend.clone();
        vec![key.id.clone(), key.name.clone(), key.role.clone(), key.prefix.clone(), spent, state]
    });
    let shown = table(&["id", "name", "role", "prefix", "spent", "state"], &["spent"], rows.collect());
    match &keys.next_cursor {
        Some(cursor) => format!("{shown}\n\nMore: --after {cursor}"),
        None => shown,
    }
}
