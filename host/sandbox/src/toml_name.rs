//! Names as a line of `taskwright.toml` has them: the lines that refusals suggest are meant to be copied.
//! Does not read configuration: the operator's program does.

/// A name as a key of TOML: in quotes if it needs them, as one with a dot does.
#[must_use]
pub fn toml_key(name: &str) -> String {
    let bare = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    if !name.is_empty() && name.bytes().all(bare) { name.to_owned() } else { toml_text(name) }
}

/// A text as a string of TOML, in quotes.
#[must_use]
pub fn toml_text(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => out.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
