//! Writes JSON straight into text, keys in the order the real export has them. Knows no record.

use std::fmt::Write;

/// An object being written.
pub struct Object<'a> {
    out: &'a mut String,
    first: bool,
}

/// An array being written.
pub struct Array<'a> {
    out: &'a mut String,
    first: bool,
}

/// The text of one object.
pub fn object(fill: impl FnOnce(&mut Object<'_>)) -> String {
    let mut out = String::with_capacity(1024);
    write_object(&mut out, fill);
    out
}

/// The text of one array.
pub fn array(fill: impl FnOnce(&mut Array<'_>)) -> String {
    let mut out = String::with_capacity(256);
    write_array(&mut out, fill);
    out
}

fn write_object(out: &mut String, fill: impl FnOnce(&mut Object<'_>)) {
    out.push('{');
    fill(&mut Object { out, first: true });
    out.push('}');
}

fn write_array(out: &mut String, fill: impl FnOnce(&mut Array<'_>)) {
    out.push('[');
    fill(&mut Array { out, first: true });
    out.push(']');
}

fn write_text(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if u32::from(c) < 0x20 => {
                // Writing to a String cannot fail.
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

impl Object<'_> {
    fn key(&mut self, key: &str) -> &mut String {
        if !self.first {
            self.out.push(',');
        }
        self.first = false;
        write_text(self.out, key);
        self.out.push(':');
        self.out
    }

    /// A string.
    pub fn text(&mut self, key: &str, value: impl AsRef<str>) -> &mut Self {
        write_text(self.key(key), value.as_ref());
        self
    }

    /// Anything that prints as a string without need of escapes: GUIDs, addresses, numbers in text.
    pub fn show(&mut self, key: &str, value: impl std::fmt::Display) -> &mut Self {
        let out = self.key(key);
        let _ = write!(out, "\"{value}\"");
        self
    }

    /// A string, or null.
    pub fn maybe(&mut self, key: &str, value: Option<&str>) -> &mut Self {
        match value {
            Some(value) => self.text(key, value),
            None => self.null(key),
        }
    }

    /// An integer.
    pub fn number(&mut self, key: &str, value: i64) -> &mut Self {
        let out = self.key(key);
        let _ = write!(out, "{value}");
        self
    }

    /// A boolean.
    pub fn truth(&mut self, key: &str, value: bool) -> &mut Self {
        self.raw(key, if value { "true" } else { "false" })
    }

    /// null.
    pub fn null(&mut self, key: &str) -> &mut Self {
        self.raw(key, "null")
    }

    /// null for each key: Defender writes every column of a row.
    pub fn nulls(&mut self, keys: &[&str]) -> &mut Self {
        for key in keys {
            self.null(key);
        }
        self
    }

    /// JSON already written.
    pub fn raw(&mut self, key: &str, json: &str) -> &mut Self {
        self.key(key).push_str(json);
        self
    }

    /// Members already written, `"a":1,"b":2` without braces: what is the same in every record.
    pub fn members(&mut self, json: &str) -> &mut Self {
        if !self.first {
            self.out.push(',');
        }
        self.first = false;
        self.out.push_str(json);
        self
    }

    /// An object.
    pub fn object(&mut self, key: &str, fill: impl FnOnce(&mut Object<'_>)) -> &mut Self {
        write_object(self.key(key), fill);
        self
    }

    /// An array.
    pub fn array(&mut self, key: &str, fill: impl FnOnce(&mut Array<'_>)) -> &mut Self {
        write_array(self.key(key), fill);
        self
    }

    /// An array of strings.
    pub fn texts(&mut self, key: &str, values: impl IntoIterator<Item = impl AsRef<str>>) -> &mut Self {
        self.array(key, |a| {
            for value in values {
                a.text(value);
            }
        })
    }
}

impl Array<'_> {
    fn item(&mut self) -> &mut String {
        if !self.first {
            self.out.push(',');
        }
        self.first = false;
        self.out
    }

    /// A string.
    pub fn text(&mut self, value: impl AsRef<str>) {
        write_text(self.item(), value.as_ref());
    }

    /// An object.
    pub fn object(&mut self, fill: impl FnOnce(&mut Object<'_>)) {
        write_object(self.item(), fill);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_parses_back() {
        let text = object(|o| {
            o.text("a", "q\"\\\n\u{1}é").number("b", -7).truth("c", true).null("d").members("\"x\":1,\"y\":2");
            o.texts("e", ["1", "2"]).object("f", |_| {}).array("g", |a| {
                a.object(|o| {
                    o.show("h", 5).maybe("i", None);
                });
            });
        });
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        let want = serde_json::json!({"a": "q\"\\\n\u{1}é", "b": -7, "c": true, "d": null, "x": 1, "y": 2,
            "e": ["1", "2"], "f": {}, "g": [{"h": "5", "i": null}]});
        assert_eq!(value, want);
    }
}
