//! Columns that are more than integers and texts. What they hold was checked when it was written, and is again when it
//! is read.

use domain::{AccountId, CallId, ConversationId, GrantId, InviteId, KeyId, Money, Price, Rate};
use rusqlite::types::{FromSqlError, Type};
use rusqlite::{Error, Result, Row};

/// An account of the operator: it issues the credit that customers have.
pub(crate) const ISSUED: [u8; 16] = 1u128.to_be_bytes();

/// An account of the operator: it collects what customers pay.
pub(crate) const REVENUE: [u8; 16] = 2u128.to_be_bytes();

/// An identifier that can be a column: 16 bytes, big endian, so that columns sort as identifiers do.
pub(crate) trait ColumnId: Sized {
    /// The column of the identifier.
    fn column(self) -> [u8; 16];

    /// The identifier in the column of that name.
    fn read(row: &Row<'_>, name: &str) -> Result<Self>;
}

macro_rules! column_id {
    ($($id:ty),*) => {$(
        impl ColumnId for $id {
            fn column(self) -> [u8; 16] {
                self.to_bits().to_be_bytes()
            }

            fn read(row: &Row<'_>, name: &str) -> Result<Self> {
                Ok(<$id>::from_bits(u128::from_be_bytes(row.get(name)?)))
            }
        }
    )*};
}

column_id!(AccountId, CallId, ConversationId, GrantId, InviteId, KeyId);

/// A count as a column. The few counts that would not fit are lies, and are cut.
pub(super) fn count(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// The count in the column of that name.
pub(super) fn read_count(row: &Row<'_>, name: &str) -> Result<u64> {
    read_optional_count(row, name)?.ok_or_else(|| unfit(row, name, Type::Null))
}

/// The count in the column of that name, which may be empty.
pub(super) fn read_optional_count(row: &Row<'_>, name: &str) -> Result<Option<u64>> {
    let Some(value) = row.get::<_, Option<i64>>(name)? else { return Ok(None) };
    u64::try_from(value).map(Some).map_err(|_| unfit(row, name, Type::Integer))
}

/// The amount in the column of that name.
pub(super) fn read_money(row: &Row<'_>, name: &str) -> Result<Money> {
    Money::from_nanos(row.get(name)?).ok_or_else(|| unfit(row, name, Type::Integer))
}

/// The amount in the column of that name, which may be empty.
pub(super) fn read_optional_money(row: &Row<'_>, name: &str) -> Result<Option<Money>> {
    let Some(nanos) = row.get(name)? else { return Ok(None) };
    Money::from_nanos(nanos).map(Some).ok_or_else(|| unfit(row, name, Type::Integer))
}

/// The value of the word in the column of that name.
pub(super) fn read_word<T>(row: &Row<'_>, name: &str, parse: impl Fn(&str) -> Option<T>) -> Result<T> {
    parse(row.get_ref(name)?.as_str()?).ok_or_else(|| unfit(row, name, Type::Text))
}

/// The value of the word in the column of that name, which may be empty.
pub(super) fn read_optional_word<T>(
    row: &Row<'_>,
    name: &str,
    parse: impl Fn(&str) -> Option<T>,
) -> Result<Option<T>> {
    let Some(text) = row.get_ref(name)?.as_str_or_null()? else { return Ok(None) };
    parse(text).map(Some).ok_or_else(|| unfit(row, name, Type::Text))
}

/// The price of a receipt, where it has one.
pub(super) fn read_price(row: &Row<'_>) -> Result<Option<Price>> {
    let rate = |name| match read_optional_count(row, name)? {
        Some(nanos) => Rate::from_nanos(nanos).map(Some).ok_or_else(|| unfit(row, name, Type::Integer)),
        None => Ok(None),
    };
    let (Some(input), Some(output)) = (rate("input_rate_nanos")?, rate("output_rate_nanos")?) else {
        return Ok(None);
    };
    Ok(Some(Price { input, output, cached_input: rate("cached_rate_nanos")? }))
}

fn unfit(row: &Row<'_>, name: &str, found: Type) -> Error {
    let index = row.as_ref().column_index(name).unwrap_or_default();
    Error::FromSqlConversionFailure(index, found, Box::new(FromSqlError::Other(name.into())))
}
