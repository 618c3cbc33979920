//! The admin API from outside: requests in, answers and ledger out.
