//! `tollgate key`: create, list, revoke.

use clap::{Args, Subcommand};
use domain::{AccountId, KeyId};
use serde_json::json;

use crate::admin::view::{KeyView, ListView, NewKeyView};

use super::remote::RemoteArgs;
use super::table::{pairs, table};
use super::{Failure, Out};

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
  tollgate key list acct_0198…
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
    },
    /// List the keys of an account, without their secrets.
    #[command(after_help = EXAMPLES)]
    List {
        /// Whose keys: acct_…
        account: AccountId,
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
        Action::Create { account, name } => {
            let path = format!("/admin/accounts/{account}/keys");
            remote.post(&path, &json!({ "name": name })).await?.show(out, describe_new)
        }
        Action::List { account } => {
            remote.get(&format!("/admin/accounts/{account}/keys")).await?.show(out, describe_all)
        }
        Action::Revoke { key } => remote.delete(&format!("/admin/keys/{key}")).await?.show(out, describe),
    }
}

fn describe_new(new: &NewKeyView) -> String {
    let secret = pairs(&[("secret", new.secret.clone())]);
    format!("{}\n{secret}\n\nThe secret is not shown again.", describe(&new.key))
}

fn describe(key: &KeyView) -> String {
    pairs(&[
        ("id", key.id.clone()),
        ("name", key.name.clone()),
        ("account", key.account_id.clone()),
        ("prefix", key.prefix.clone()),
        ("created", key.created_at.clone()),
        ("revoked", key.revoked_at.clone().unwrap_or_else(|| "no".to_owned())),
    ])
}

fn describe_all(keys: &ListView<KeyView>) -> String {
    let rows = keys.data.iter().map(|key| {
        let revoked = key.revoked_at.clone().unwrap_or_else(|| "no".to_owned());
        vec![key.id.clone(), key.name.clone(), key.prefix.clone(), key.created_at.clone(), revoked]
    });
    table(&["id", "name", "prefix", "created", "revoked"], &[], rows.collect())
}
