//! Records on the wire to the model and back: decoders of every export, encoders of every incident shape.
//!
//! Pure: no I/O, no clock, no threads. It knows tenants and times, never persons: accounts stay as a record names them.
//!
//! ```text
//! payload --records()--> record --decode()--> Event      Incident --encode()--> bytes, for an audience
//! Page --encode_page()--> bytes --decode_page()--> Page      the journal
//! ```

mod context;
mod entity;
pub mod export;
pub mod incident;
mod journal;
pub mod json;
mod product;
mod records;
mod time;

pub use context::{Basis, Claims, Context, Limits, UNNAMED_TENANT};
pub use export::{
    Decoded, EXPORTS, Export, Record, carried, decode, decode_full, enclosed, exports, formats_of, fuzz_one,
};
pub use incident::{MASK, SCHEMA_VERSION, digest, encode, final_form};
pub use journal::{PageFault, decode_page, encode_page};
pub use json::Json;
pub use records::{Broken, RawRecord, Records, is_complete, records};
pub use time::{parse_epoch, parse_time};
