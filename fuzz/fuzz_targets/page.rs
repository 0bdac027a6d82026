//! Arbitrary bytes as a page of the journal: refused by name, or a page that is written and read back to itself.
#![no_main]

use caponier_wire::{decode_page, encode_page};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let formats: Vec<&'static str> = caponier_wire::exports().map(|e| e.name).collect();
    if let Ok(page) = decode_page(data, &formats) {
        let bytes = encode_page(&page).expect("a page that was read can be written");
        assert_eq!(decode_page(&bytes, &formats), Ok(page));
    }
});
