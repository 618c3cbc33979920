//! Filters as SQL. What clients write becomes a parameter, never a part of a statement.

use rusqlite::types::Value;

use super::rollup::{ALL, Rollup, Width};
use crate::ledger::sqlite::columns::ColumnId;
use crate::ledger::usage::{Calls, Ended, Interval};

/// A table with conditions, and the values of their parameters in order.
#[derive(Clone, Debug, Default)]
pub(super) struct Filter {
    pub(super) sql: String,
    pub(super) values: Vec<Value>,
}

impl Filter {
    /// The receipts of these calls, whenever they started, by the index that knows them best.
    pub(super) fn receipts(calls: &Calls) -> Filter {
        let index = match calls {
            Calls { session: Some(_), .. } => "INDEXED BY receipts_of_session",
            Calls { label: Some(_), .. } => "INDEXED BY receipts_of_label",
            Calls { account: Some(_), .. } => "INDEXED BY receipts_of_account",
            _ => "NOT INDEXED",
        };
        let mut filter = Filter { sql: format!("FROM receipts {index} WHERE TRUE"), values: Vec::new() };
        if let Some(account) = calls.account {
            filter.and("account = ?", Value::Blob(account.column().to_vec()));
        }
        for (condition, text) in [("session = ?", &calls.session), ("label = ?", &calls.label)] {
            if let Some(text) = text {
                filter.and(condition, Value::Text(text.clone()));
            }
        }
        filter.and_what_rollups_know(calls);
        filter
    }

    /// The rows, in buckets from `first` to `last` of that interval, that these calls are in; a row for each key where
    /// `by_key` says so. Their times, session and label do not count.
    ///
    /// The wide rollups are read wherever keys do not matter, as they have the fewest rows.
    pub(super) fn rollup(calls: &Calls, interval: Interval, by_key: bool, first: i64, last: i64) -> Filter {
        let of_keys = Rollup { width: Width::Key, interval }.table();
        let wide = Rollup { width: Width::Wide, interval }.table();
        let account = calls.account.map(|account| Value::Blob(account.column().to_vec()));
        let mut filter = Filter::default();
        match (calls.key, account) {
            // The rows of a key lie among those of all others of its account. The wide rows tell where to look.
            (Some(key), account) => {
                filter.sql = format!(
                    "FROM (SELECT DISTINCT account, bucket FROM {wide}
                           WHERE account IN (SELECT account FROM usage_totals WHERE TRUE"
                );
                filter.and("key = ?", Value::Blob(key.column().to_vec()));
                account.into_iter().for_each(|account| filter.and("account = ?", account));
                filter.sql.push(')');
                filter.and_buckets(first, last);
                filter.sql.push_str(&format!(") CROSS JOIN {of_keys} USING (account, bucket) WHERE TRUE"));
            }
            (None, Some(account)) => {
                filter.sql = format!("FROM {} WHERE TRUE", if by_key { of_keys } else { wide });
                filter.and("account = ?", account);
                filter.and_buckets(first, last);
            }
            // Account by account, since that is how the rows are ordered.
            (None, None) if by_key => {
                filter.sql = format!("FROM accounts CROSS JOIN {of_keys} ON account = id WHERE TRUE");
                filter.and_buckets(first, last);
            }
            (None, None) => {
                filter.sql = format!("FROM {wide} WHERE TRUE");
                filter.and("account = ?", Value::Blob(ALL.to_vec()));
                filter.and_buckets(first, last);
            }
        }
        filter.and_what_rollups_know(calls);
        filter
    }

    fn and_buckets(&mut self, first: i64, last: i64) {
        self.and("bucket >= ?", first);
        self.and("bucket <= ?", last);
    }

    /// Adds a condition with one parameter.
    pub(super) fn and(&mut self, condition: &str, value: impl Into<Value>) {
        self.sql.push_str(" AND ");
        self.sql.push_str(condition);
        self.values.push(value.into());
    }

    fn and_what_rollups_know(&mut self, calls: &Calls) {
        if let Some(key) = calls.key {
            self.and("key = ?", Value::Blob(key.column().to_vec()));
        }
        for (condition, text) in [("model = ?", &calls.model), ("provider = ?", &calls.provider)] {
            if let Some(text) = text {
                self.and(condition, Value::Text(text.clone()));
            }
        }
        match calls.ended {
            None => {}
            Some(Ended::Status(status)) => self.and("status = ?", i64::from(status)),
            Some(Ended::Class(class)) => self.and("status / 100 = ?", i64::from(class)),
            Some(Ended::Outcome(outcome)) => self.and("outcome = ?", outcome.as_str().to_owned()),
        }
    }
}
