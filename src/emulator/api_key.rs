//! The API keys that the emulator knows.

use std::{collections::HashMap, fmt};

use super::{Plan, create_limit::CreateLimit, random, settings::Settings};

/// What the emulator keeps of one key; outlives its deletion, because tokens refer to it.
#[derive(Debug)]
pub(super) struct ApiKey {
    pub(super) plan: Plan,
    pub(super) used_credits: u64,
    pub(super) creates: CreateLimit,
}

/// A key's place in the book.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct KeyIndex(usize);

/// All keys by value.
#[derive(Default)]
pub(super) struct KeyBook {
    keys: Vec<ApiKey>,
    by_value: HashMap<Box<str>, KeyIndex>,
}

impl KeyBook {
    /// Makes a new key and returns its value.
    pub(super) fn add(&mut self, plan: Plan, settings: &Settings) -> String {
        let value = random::api_key();
        self.by_value
            .insert(value.as_str().into(), KeyIndex(self.keys.len()));
        self.keys.push(ApiKey {
            plan,
            used_credits: 0,
            creates: CreateLimit::new(settings.counted_creates, settings.create_window),
        });
        value
    }

    pub(super) fn find(&self, value: &str) -> Option<KeyIndex> {
        self.by_value.get(value).copied()
    }

    /// Whether a key was not deleted.
    pub(super) fn is_live(&self, index: KeyIndex) -> bool {
        self.by_value.values().any(|live| *live == index)
    }

    /// Forgets a key's value.
    pub(super) fn delete(&mut self, value: &str) -> Option<KeyIndex> {
        self.by_value.remove(value)
    }

    pub(super) fn get(&self, index: KeyIndex) -> &ApiKey {
        &self.keys[index.0]
    }

    pub(super) fn get_mut(&mut self, index: KeyIndex) -> &mut ApiKey {
        &mut self.keys[index.0]
    }
}

impl fmt::Debug for KeyBook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyBook")
            .field("keys", &self.by_value.len())
            .finish_non_exhaustive()
    }
}
