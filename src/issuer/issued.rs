//! Who has which tokens.

use std::collections::{BTreeSet, HashMap};

use tokio::time::Instant;

use super::grant::Subject;
use crate::api_token::ApiToken;

/// The tokens that callers hold, for as long as they live: by these they are revoked.
#[derive(Debug, Default)]
pub(super) struct Issued {
    held: HashMap<u64, HeldToken>,
    of: HashMap<Subject, Vec<u64>>,
    ends: BTreeSet<(Instant, u64)>,
}

/// A token, its holder and its end.
#[derive(Debug, Clone)]
pub(super) struct HeldToken {
    pub(super) subject: Subject,
    pub(super) token: ApiToken,
    pub(super) ends_at: Instant,
}

impl Issued {
    pub(super) fn len(&self) -> usize {
        self.held.len()
    }

    pub(super) fn holds(&self, number: u64) -> bool {
        self.held.contains_key(&number)
    }

    /// When the next of them ends.
    pub(super) fn next_end(&self) -> Option<Instant> {
        self.ends.first().map(|&(end, _)| end)
    }

    /// Notes a token by a number of its own.
    pub(super) fn insert(&mut self, number: u64, held: HeldToken) {
        self.ends.insert((held.ends_at, number));
        let of_subject = self.of.entry(Subject::clone(&held.subject)).or_default();
        of_subject.push(number);
        self.held.insert(number, held);
    }

    pub(super) fn remove(&mut self, number: u64) -> Option<HeldToken> {
        let held = self.held.remove(&number)?;
        self.ends.remove(&(held.ends_at, number));
        if let Some(of_subject) = self.of.get_mut(&held.subject) {
            of_subject.retain(|&other| other != number);
            if of_subject.is_empty() {
                self.of.remove(&held.subject);
            }
        }
        Some(held)
    }

    /// Takes out all tokens of a subject.
    pub(super) fn remove_of(&mut self, subject: &str) -> Vec<HeldToken> {
        let numbers = self.of.get(subject).cloned().unwrap_or_default();
        numbers
            .into_iter()
            .filter_map(|it| self.remove(it))
            .collect()
    }

    /// Takes out the one of a subject's tokens with this id. Nobody else's has it.
    pub(super) fn remove_by_id(&mut self, subject: &str, id: &str) -> Option<HeldToken> {
        let numbers = self.of.get(subject)?;
        let has_id = |it: &&u64| {
            let held = self.held.get(it);
            held.is_some_and(|held| held.token.id() == Some(id))
        };
        let number = *numbers.iter().find(has_id)?;
        self.remove(number)
    }

    pub(super) fn remove_ended(&mut self, now: Instant) {
        while let Some(&(end, number)) = self.ends.first() {
            if now < end {
                return;
            }
            self.remove(number);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::clock;

    #[test]
    fn u6_a_subject_s_tokens_are_found_until_they_end_and_nobody_else_s() {
        let now = clock::now().monotonic;
        let mut issued = Issued::default();
        for (number, subject) in (0..).zip(["a", "b", "a", "c"]) {
            let held = HeldToken {
                subject: subject.into(),
                token: ApiToken::new("t").unwrap().with_id(number.to_string()),
                ends_at: now + Duration::from_secs(number + 1),
            };
            issued.insert(number, held);
        }
        assert!(issued.remove_by_id("a", "1").is_none(), "that is b's");
        assert!(issued.remove_by_id("nobody", "1").is_none());
        assert!(issued.remove_by_id("a", "2").is_some());
        assert!(issued.remove_by_id("a", "2").is_none());
        assert_eq!(issued.remove_of("a").len(), 1);
        assert_eq!(issued.next_end(), Some(now + Duration::from_secs(2)));
        issued.remove_ended(now + Duration::from_secs(2));
        assert_eq!(
            (issued.len(), issued.of.len(), issued.ends.len()),
            (1, 1, 1)
        );
        assert!(issued.remove_of("b").is_empty(), "ended");
    }
}
