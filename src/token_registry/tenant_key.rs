//! What tells tenants apart.

use std::fmt;
use std::hash::{Hash, Hasher};

use crate::api_key::ApiKey;

/// A tenant's key as the index of a map: two are equal if all of their secret bytes are (L8).
#[derive(Clone)]
pub(super) struct TenantKey(ApiKey);

impl TenantKey {
    pub(super) fn new(key: ApiKey) -> Self {
        Self(key)
    }

    pub(super) fn api_key(&self) -> &ApiKey {
        &self.0
    }

    fn bytes(&self) -> &[u8] {
        self.0.expose_secret().as_bytes()
    }
}

impl PartialEq for TenantKey {
    /// Takes as long wherever two keys of a length differ.
    fn eq(&self, other: &Self) -> bool {
        let (one, other) = (self.bytes(), other.bytes());
        let difference = one.iter().zip(other).fold(0, |sum, (a, b)| sum | (a ^ b));
        one.len() == other.len() && difference == 0
    }
}

impl Eq for TenantKey {}

/// Only ever into a map with a random key of its own, so that nobody can aim for one bucket.
impl Hash for TenantKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.bytes().hash(state);
    }
}

impl fmt::Debug for TenantKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TenantKey")
    }
}

#[cfg(test)]
mod tests {
    use std::hash::{BuildHasher, RandomState};

    use super::*;

    fn key(text: &str) -> TenantKey {
        TenantKey::new(ApiKey::new(text).unwrap())
    }

    #[test]
    fn l8_keys_are_equal_if_all_of_their_bytes_are() {
        let hasher = RandomState::new();
        let texts = ["a", "ab", "abc", "abd", "bbc", "abcabc", "ABC"];
        for one in texts {
            for other in texts {
                assert_eq!(key(one) == key(other), one == other, "{one} {other}");
                let same_hash = hasher.hash_one(key(one)) == hasher.hash_one(key(other));
                assert_eq!(same_hash, one == other, "{one} {other}");
            }
        }
    }
}
