//! Arbitrary bytes as a record of one format, and as whatever they claim to be. The target's own name chooses the format, so
//! that one file serves every row of the table.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Some(row) = caponier_wire::exports().find(|row| row.name == env!("CARGO_BIN_NAME")) {
        caponier_wire::fuzz_one(row, data);
    }
});
