//! What texts of several parts are cut with.

/// The second half is empty where there is no separator.
pub(crate) fn split_once<'a>(text: &'a [u8], separator: &[u8]) -> (&'a [u8], &'a [u8]) {
    let at = text
        .windows(separator.len())
        .position(|window| window == separator);
    at.map_or((text, &[]), |at| {
        (&text[..at], &text[at + separator.len()..])
    })
}
