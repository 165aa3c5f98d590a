//! Random bytes and identifiers.

/// Bytes from the operating system.
pub(super) fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the operating system has a source of randomness");
    bytes
}

/// A random UUID (RFC 9562 version 4), lower-case and hyphenated.
pub(super) fn uuid() -> String {
    format_uuid(bytes())
}

/// A random API key: shaped like a dashboard key, and marked as emulated by its first group.
pub(super) fn api_key() -> String {
    let mut bytes: [u8; 16] = bytes();
    bytes[..4].copy_from_slice(&EMULATED_KEY_MARK);
    format_uuid(bytes)
}

fn format_uuid(mut bytes: [u8; 16]) -> String {
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex = data_encoding::HEXLOWER.encode(&bytes);
    format!(
        "{}-{}-{}-{}-{}",
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..]
    )
}

/// Characters of a UUID in its hyphenated form.
pub(super) const UUID_LENGTH: usize = 36;

/// `fa15e000`: every emulated key begins with it.
const EMULATED_KEY_MARK: [u8; 4] = [0xfa, 0x15, 0xe0, 0x00];
