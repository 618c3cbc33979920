//! Plans: the sets of limits that accounts are on, as a book in memory, as people write them, and what they and a key
//! leave to a call.

mod allowance;
mod book;
mod fields;

pub use allowance::{Allowance, NoSuchPlan};
pub use book::{Entry, PlanBook, PlanError, PlanSource};
pub use fields::{InvalidPlan, PlanFields, TrialFields};
