//! Filters as SQL. What clients write becomes a parameter, never a part of a statement.

use rusqlite::types::Value;

use super::rows::Rollup;
use crate::ledger::sqlite::columns::ColumnId;
use crate::ledger::usage::{Calls, Ended};

/// A table with conditions, and the values of their parameters in order.
#[derive(Clone, Debug)]
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

    /// The rows of a rollup that these calls are in, whenever they started. Their session and label do not count.
    pub(super) fn rollup(calls: &Calls, rollup: Rollup) -> Filter {
        let table = rollup.table();
        let mut filter = match calls.account {
            Some(account) => Filter {
                sql: format!("FROM {table} WHERE account = ?"),
                values: vec![Value::Blob(account.column().to_vec())],
            },
            // Account by account, since that is how the rows are ordered.
            None => Filter {
                sql: format!("FROM accounts CROSS JOIN {table} ON account = id WHERE TRUE"),
                values: Vec::new(),
            },
        };
        filter.and_what_rollups_know(calls);
        filter
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
