//! Series of usage as they are answered on both listeners.

use axum::Json;
use domain::Money;
use domain::calendar::DAY_MS;
use serde::Deserialize;
use utoipa::ToSchema;

use super::activity_reply::failed;
use crate::error::ApiError;
use crate::ledger::Ledger;
use crate::ledger::usage::{Calls, GroupBy, Interval, SeriesQuery};
use crate::view::UsageView;

/// `hour`, `day` or `month`.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum IntervalText {
    Hour,
    Day,
    Month,
}

/// `none`, `key`, `model` or `provider`.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum GroupText {
    None,
    Key,
    Model,
    Provider,
}

/// A query for usage, with the filters of both listeners and whatever one of them has beside.
macro_rules! usage_query {
    ($name:ident { $($rest:tt)* }) => {
        $crate::http::calls_query::calls_query! {
            /// Which calls, and how they are summed up.
            $name {
                $($rest)*
                /// How long each point is; `day` when nobody says.
                #[param(inline)]
                interval: Option<$crate::http::usage_reply::IntervalText>,
                /// What the lines stand for; `none` when nobody says.
                #[param(inline)]
                group_by: Option<$crate::http::usage_reply::GroupText>,
            }
        }

        impl $name {
            /// What is asked of the caller's own calls.
            fn asked(&self, own: &$crate::ledger::usage::Calls) -> $crate::http::usage_reply::Asked {
                let calls = self.calls(own);
                $crate::http::usage_reply::Asked { calls, interval: self.interval, group_by: self.group_by }
            }
        }
    };
}
pub(crate) use usage_query;

/// What a query says.
pub(crate) struct Asked {
    /// `None` when the filters contradict each other.
    pub(crate) calls: Option<Calls>,
    pub(crate) interval: Option<IntervalText>,
    pub(crate) group_by: Option<GroupText>,
}

/// Answers for the calls, with money written by `money`; for none of them when the filters contradict each other.
///
/// Without times, it is the last day of hours, the last month of days or the last year of months.
pub(crate) async fn reply<M>(
    ledger: &Ledger,
    asked: Asked,
    money: fn(Money) -> M,
) -> Result<Json<UsageView<M>>, ApiError> {
    let (interval, days) = match asked.interval.unwrap_or(IntervalText::Day) {
        IntervalText::Hour => (Interval::Hour, 1),
        IntervalText::Day => (Interval::Day, 30),
        IntervalText::Month => (Interval::Month, 365),
    };
    let group_by = match asked.group_by.unwrap_or(GroupText::None) {
        GroupText::None => GroupBy::None,
        GroupText::Key => GroupBy::Key,
        GroupText::Model => GroupBy::Model,
        GroupText::Provider => GroupBy::Provider,
    };
    let nothing = asked.calls.is_none();
    let mut calls = asked.calls.unwrap_or_default();
    let to_ms = *calls.to_ms.get_or_insert(ledger.clock().now_ms().saturating_add(1));
    calls.from_ms.get_or_insert(to_ms.saturating_sub(days * DAY_MS));
    let query = SeriesQuery { calls, interval, group_by };
    let points = if nothing { Vec::new() } else { ledger.series(query.clone()).await.map_err(failed)? };
    Ok(Json(UsageView::of(&query, points, money)))
}
