//! Calls as comma-separated values.

use std::fmt::Write;

use crate::ledger::StoredReceipt;
use crate::time::rfc3339;

/// The first line.
pub(super) const HEADINGS: &str = "call_id,started_at,account_id,key_id,model_asked,model_served,provider,\
    inference_provider,outcome,status,error_code,input_tokens,cached_input_tokens,output_tokens,reasoning_tokens,\
    charge_usd,first_token_ms,total_ms,attempts,session,label\r\n";

/// Writes the line of one call.
pub(super) fn write(line: &mut String, stored: &StoredReceipt) {
    let receipt = &stored.receipt;
    let millis = |us: u64| format!("{}.{:03}", us / 1000, us % 1000);
    let optional = |text: &Option<String>| text.clone().unwrap_or_default();
    for cell in [
        receipt.call.to_string(),
        rfc3339(receipt.started_at_ms),
        receipt.account.to_string(),
        receipt.key.to_string(),
        receipt.model_asked.clone(),
        optional(&receipt.model_served),
        receipt.provider.as_deref().unwrap_or_default().to_owned(),
        optional(&receipt.inference_provider),
        receipt.outcome.as_str().to_owned(),
        receipt.status.to_string(),
        optional(&receipt.error_code),
        receipt.usage.input.to_string(),
        receipt.usage.cached_input.to_string(),
        receipt.usage.output.to_string(),
        receipt.usage.reasoning.to_string(),
        stored.charge.to_string(),
        receipt.first_token_us.map(millis).unwrap_or_default(),
        millis(receipt.total_us),
        receipt.attempts.to_string(),
        optional(&receipt.session),
    ] {
        write_cell(line, &cell);
        line.push(',');
    }
    write_cell(line, &optional(&receipt.label));
    line.push_str("\r\n");
}

/// Writes a cell. What a spreadsheet would take for a formula gets an apostrophe in front, and is a text then.
fn write_cell(line: &mut String, cell: &str) {
    let guard = if cell.starts_with(['=', '+', '-', '@', '\t', '\r']) { "'" } else { "" };
    // Writing to a string cannot fail.
    let _ = if cell.contains([',', '"', '\n', '\r']) {
        write!(line, "\"{guard}{}\"", cell.replace('"', "\"\""))
    } else {
        write!(line, "{guard}{cell}")
    };
}

#[cfg(test)]
mod tests {
    use super::write_cell;

    #[test]
    fn a_cell_is_a_text_and_never_a_formula() {
        for (cell, written) in [
            ("plain", "plain"),
            ("", ""),
            ("a,b", "\"a,b\""),
            ("say \"hi\"", "\"say \"\"hi\"\"\""),
            ("two\nlines", "\"two\nlines\""),
            ("=1+1", "'=1+1"),
            ("+1", "'+1"),
            ("-1", "'-1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\tx", "'\tx"),
            ("=HYPERLINK(\"x\",\"y\")", "\"'=HYPERLINK(\"\"x\"\",\"\"y\"\")\""),
        ] {
            let mut line = String::new();
            write_cell(&mut line, cell);
            assert_eq!(line, written);
        }
    }
}
