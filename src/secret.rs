//! Secret text that becomes a sensitive header value without a second copy.

use std::fmt;

use bytes::Bytes;
use http::HeaderValue;
use zeroize::Zeroizing;

const BEARER: &str = "Bearer ";

/// One buffer that holds `Bearer SECRET`, wiped when its last user drops.
///
/// Both header values are views into that buffer, so a clone of either copies no secret bytes.
#[derive(Clone)]
pub(crate) struct Secret {
    bearer: HeaderValue,
    raw: HeaderValue,
}

impl Secret {
    /// Takes visible ASCII of at most `max_len` bytes and says what else it was given.
    pub(crate) fn new(text: &str, max_len: usize) -> Result<Self, Malformed> {
        if text.is_empty() {
            return Err(Malformed::Empty);
        }
        if text.len() > max_len {
            return Err(Malformed::TooLong);
        }
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Malformed::NotVisibleAscii);
        }
        let mut buffer = Zeroizing::new(Vec::with_capacity(BEARER.len() + text.len()));
        buffer.extend_from_slice(BEARER.as_bytes());
        buffer.extend_from_slice(text.as_bytes());
        Ok(Self::from_bytes(&Bytes::from_owner(buffer)))
    }

    fn from_bytes(bearer: &Bytes) -> Self {
        Self {
            raw: sensitive(bearer.slice(BEARER.len()..)),
            bearer: sensitive(bearer.clone()),
        }
    }

    pub(crate) fn bearer(&self) -> &HeaderValue {
        &self.bearer
    }

    /// The header in bytes of its own, wiped as the others are.
    #[cfg(feature = "refresh")]
    pub(crate) fn copy_bearer(&self) -> HeaderValue {
        let bytes = Zeroizing::new(self.bearer.as_bytes().to_vec());
        sensitive(Bytes::from_owner(bytes))
    }

    pub(crate) fn raw(&self) -> &HeaderValue {
        &self.raw
    }

    pub(crate) fn expose(&self) -> &str {
        self.raw.to_str().expect("a secret is visible ASCII")
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// Why a text cannot be a secret in a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Malformed {
    Empty,
    TooLong,
    NotVisibleAscii,
}

fn sensitive(bytes: Bytes) -> HeaderValue {
    let mut value =
        HeaderValue::from_maybe_shared(bytes).expect("visible ASCII is a valid header value");
    value.set_sensitive(true);
    value
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn both_headers_are_views_into_one_buffer() {
        let secret = Secret::new("abc", 10).unwrap();
        assert_eq!(secret.bearer(), "Bearer abc");
        assert_eq!(secret.raw(), "abc");
        let raw_at = secret.raw().as_bytes().as_ptr();
        let bearer_at = secret.bearer().as_bytes().as_ptr();
        assert_eq!(raw_at as usize - bearer_at as usize, BEARER.len());
        let clone = secret.clone();
        drop(secret);
        assert_eq!(clone.raw().as_bytes().as_ptr(), raw_at);
    }

    /// V12: the owner of the bytes goes with the last header value, not before.
    #[test]
    fn the_buffer_lives_as_long_as_its_last_header_value() {
        struct Owner(Arc<AtomicUsize>);
        impl AsRef<[u8]> for Owner {
            fn as_ref(&self) -> &[u8] {
                b"Bearer abc"
            }
        }
        impl Drop for Owner {
            fn drop(&mut self) {
                self.0.fetch_add(1, Ordering::Relaxed);
            }
        }

        let drops = Arc::new(AtomicUsize::new(0));
        let secret = Secret::from_bytes(&Bytes::from_owner(Owner(Arc::clone(&drops))));
        let in_a_request = secret.raw().clone();
        drop(secret);
        assert_eq!(drops.load(Ordering::Relaxed), 0);
        drop(in_a_request);
        assert_eq!(drops.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn values_are_marked_sensitive() {
        let secret = Secret::new("abc", 10).unwrap();
        assert!(secret.bearer().is_sensitive() && secret.raw().is_sensitive());
    }

    /// N1: `http` itself takes tabs, inner spaces and bytes above 0x7f; a credential must not.
    #[test]
    fn only_visible_ascii_within_the_length_is_taken() {
        for byte in 0..=0x7f_u8 {
            let text = char::from(byte).to_string();
            assert_eq!(Secret::new(&text, 1).is_ok(), (0x21..=0x7e).contains(&byte));
        }
        assert_eq!(Secret::new("ü", 9).unwrap_err(), Malformed::NotVisibleAscii);
        assert_eq!(Secret::new("", 9).unwrap_err(), Malformed::Empty);
        assert!(Secret::new("123456789", 9).is_ok());
        assert_eq!(
            Secret::new("1234567890", 9).unwrap_err(),
            Malformed::TooLong
        );
    }
}
