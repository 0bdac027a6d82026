//! Messages of the decisions' topic to entries of the journal. Each line of a message is one decision or statement, in the form that
//! `replay --decisions` reads. Knows nothing of what follows: ids of incidents are looked up where the entry stands.

use crate::config::Config;
use crate::decisions;
use caponier_model::{DeadLetter, Journalled, Position, Reject, RejectReason};
use std::sync::Arc;

/// The entries of one message, and what of it is none.
pub fn spoken(config: &Config, origin: &Arc<str>, offset: u64, bytes: &[u8]) -> (Vec<Journalled>, Vec<DeadLetter>) {
    let (mut entries, mut dead) = (Vec::new(), Vec::new());
    let mut refuse = |index, reason, what: &str, raw: &[u8]| {
        let position = Position { source: Arc::clone(origin), offset, index };
        let kept = raw.len().min(config.limits.kept_bytes);
        let (reject, truncated) = (Reject::new(reason, what), kept < raw.len());
        dead.push(DeadLetter { position, reject, raw: raw[..kept].to_vec(), truncated });
    };
    if bytes.len() > config.limits.line_bytes {
        let what = format!("{} bytes; limits.line_bytes allows {}", bytes.len(), config.limits.line_bytes);
        refuse(0, RejectReason::TooLarge, &what, bytes);
        return (entries, dead);
    }
    let Ok(text) = std::str::from_utf8(bytes) else {
        refuse(0, RejectReason::InvalidUtf8, "a message of decisions that is no text", bytes);
        return (entries, dead);
    };
    for (index, line) in (0u32..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty()) {
        match decisions::journalled(line) {
            Ok(said) => {
                let position = Some(Position { source: Arc::clone(origin), offset, index });
                entries.push(Journalled { position, ..said });
            }
            Err(what) => refuse(index, RejectReason::BadDecision, &what, line.as_bytes()),
        }
    }
    (entries, dead)
}

#[cfg(test)]
mod tests {
    use super::*;
    use caponier_model::Entry;

    fn example(name: &str) -> String {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../schemas/decision/examples/");
        let text = std::fs::read_to_string(format!("{path}{name}.json")).unwrap();
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        value.to_string()
    }

    #[test]
    fn one_bad_line_loses_no_other() {
        let (same, split, pin) = (example("same"), example("incident-split"), example("incident-pin"));
        let text = format!("{same}\n{{\"kind\":\"incident.merge\"}}\n\n{split}\n{pin}\n");
        let origin: Arc<str> = "caponier.decisions/0".into();
        let (entries, dead) = spoken(&Config::discovering(), &origin, 7, text.as_bytes());
        assert!(matches!(entries[0].entry, Entry::Statement(_)));
        let by_incident = [&split, &pin].map(|line| line.contains("\"incidents\""));
        for (entry, named) in entries[1..].iter().zip(by_incident) {
            assert_eq!(matches!(entry.entry, Entry::Call(_)), named, "{entry:?}");
            assert_eq!(matches!(entry.entry, Entry::Decision(_)), !named, "{entry:?}");
        }
        let places: Vec<_> = entries.iter().map(|e| e.position.as_ref().map(|p| (p.offset, p.index))).collect();
        assert_eq!(places, [Some((7, 0)), Some((7, 3)), Some((7, 4))]);
        assert_eq!(dead.len(), 1);
        assert_eq!((dead[0].position.index, dead[0].reject.reason), (1, RejectReason::BadDecision));
        assert!(dead[0].raw.starts_with(b"{\"kind\""), "{:?}", dead[0]);
    }

    #[test]
    fn what_is_no_text_or_too_long_is_kept() {
        let origin: Arc<str> = "d/0".into();
        let mut config = Config::discovering();
        let (_, dead) = spoken(&config, &origin, 1, &[0xff, 0xfe]);
        assert_eq!(dead[0].reject.reason, RejectReason::InvalidUtf8);
        config.limits.line_bytes = 4;
        let (_, dead) = spoken(&config, &origin, 1, b"12345");
        assert_eq!(dead[0].reject.reason, RejectReason::TooLarge);
    }
}
