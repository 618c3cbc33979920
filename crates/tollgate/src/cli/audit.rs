//! `tollgate audit`: every invariant of the ledger, checked on its database file.
