//! What the APIs answer, as JSON. What operators get is read back by the command line into the same structs.
//!
//! Money is a string of decimal US dollars. Times are RFC 3339 in UTC, durations milliseconds.

mod account;
mod invite;
mod key;
mod number;
mod plan;
mod receipt;
mod usage;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use account::{AccountView, BalanceView, GrantView};
pub use invite::{InviteView, NewInviteView};
pub use key::{CountView, CountsView, KeyView, NewKeyView};
pub use number::Thousandths;
pub use plan::PlanView;
pub use receipt::{PriceView, ReceiptView, TokensView};
pub use usage::{ActivityView, PointView, QuantilesView, RebuiltView, UsageView};

/// A page of a list.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
pub struct ListView<T> {
    /// Always `list`.
    pub object: String,
    /// The items.
    pub data: Vec<T>,
    /// What to send as `cursor` for the next page; `null` at the end.
    pub next_cursor: Option<String>,
}

impl<T> ListView<T> {
    /// A list.
    #[must_use]
    pub fn new(data: Vec<T>, next_cursor: Option<String>) -> ListView<T> {
        ListView { object: "list".to_owned(), data, next_cursor }
    }
}
