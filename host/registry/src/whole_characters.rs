//! Where a piece of a stream of text may be cut so that no character is split.
//! Does not decode: what is no UTF-8 stays what it is.

/// How many of the bytes come before the beginning of a character that is not whole yet. All of them if there is none at the end,
/// whatever else among them is no UTF-8.
#[must_use]
pub fn whole_characters(bytes: &[u8]) -> usize {
    // What is left of a character are one to three bytes.
    for left in 1..=bytes.len().min(3) {
        let start = bytes.len() - left;
        if let Err(error) = std::str::from_utf8(&bytes[start..])
            && error.error_len().is_none()
            && error.valid_up_to() == 0
        {
            return start;
        }
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_character_at_the_end_waits_for_its_rest() {
        let text = "aä€𝄞".as_bytes();
        let borders = [0, 1, 3, 6, 10];
        for cut in 0..=text.len() {
            let whole = borders.into_iter().rfind(|border| *border <= cut).unwrap();
            assert_eq!(whole_characters(&text[..cut]), whole, "{cut}");
        }
    }

    #[test]
    fn another_bad_byte_does_not_cost_the_last_character() {
        let text = "\u{fffd}a€𝄞".as_bytes();
        // In pieces of each size, with a byte that is no text in front.
        for size in 1..text.len() {
            let (mut pending, mut got) = (vec![0xff], String::new());
            for chunk in text.chunks(size) {
                pending.extend_from_slice(chunk);
                let rest = pending.split_off(whole_characters(&pending));
                got.push_str(&String::from_utf8_lossy(&pending));
                pending = rest;
            }
            assert_eq!(got, "\u{fffd}\u{fffd}a€𝄞", "{size}");
        }
        assert_eq!(whole_characters(b"\xff\xfe"), 2, "what is no text is passed on as far as it can be");
    }
}
