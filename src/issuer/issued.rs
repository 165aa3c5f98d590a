//! Who has which tokens.

use std::collections::{BTreeSet, HashMap};

use tokio::time::Instant;

use super::grant::Subject;
use crate::api_token::ApiToken;

/// The tokens that callers hold, for as long as they live: by these they are revoked.
#[derive(Debug, Default)]
pub(super) struct Issued {
    held: HashMap<u64, HeldToken>,
    of: HashMap<Subject, BTreeSet<u64>>,
    ends: BTreeSet<(Instant, u64)>,
}

/// A token, its holder and its end.
#[derive(Debug, Clone)]
pub(super) struct HeldToken {
    pub(super) subject: Subject,
    pub(super) token: ApiToken,
    pub(super) ends_at: Instant,
    /// It is being revoked, or could not be. It stays known until it is revoked, so that whoever else revokes it meanwhile is
    /// told how that ends; and whoever has not got it yet does not get it.
    pub(super) is_given_up: bool,
}

impl Issued {
    pub(super) fn len(&self) -> usize {
        self.held.len()
    }

    /// Whether the caller for whom it is noted may have it.
    pub(super) fn is_wanted(&self, number: u64) -> bool {
        let held = self.held.get(&number);
        held.is_some_and(|held| !held.is_given_up)
    }

    /// When the next of them ends.
    pub(super) fn next_end(&self) -> Option<Instant> {
        self.ends.first().map(|&(end, _)| end)
    }

    /// Notes a token by a number of its own.
    pub(super) fn insert(&mut self, number: u64, held: HeldToken) {
        self.ends.insert((held.ends_at, number));
        let of_subject = self.of.entry(Subject::clone(&held.subject)).or_default();
        of_subject.insert(number);
        self.held.insert(number, held);
    }

    pub(super) fn remove(&mut self, number: u64) -> Option<HeldToken> {
        let held = self.held.remove(&number)?;
        self.ends.remove(&(held.ends_at, number));
        if let Some(of_subject) = self.of.get_mut(&held.subject) {
            of_subject.remove(&number);
            if of_subject.is_empty() {
                self.of.remove(&held.subject);
            }
        }
        Some(held)
    }

    /// All tokens of a subject, which are to be revoked.
    pub(super) fn give_up_all(&mut self, subject: &str) -> Vec<(u64, HeldToken)> {
        let numbers = self.of.get(subject).cloned().unwrap_or_default();
        numbers
            .into_iter()
            .filter_map(|it| self.give_up(it))
            .collect()
    }

    /// The one of a subject's tokens with this id, which is to be revoked. Nobody else's has it.
    pub(super) fn give_up_one(&mut self, subject: &str, id: &str) -> Option<(u64, HeldToken)> {
        let numbers = self.of.get(subject)?;
        let has_id = |it: &&u64| {
            let held = self.held.get(it);
            held.is_some_and(|held| held.token.id() == Some(id))
        };
        let number = *numbers.iter().find(has_id)?;
        self.give_up(number)
    }

    fn give_up(&mut self, number: u64) -> Option<(u64, HeldToken)> {
        let held = self.held.get_mut(&number)?;
        held.is_given_up = true;
        Some((number, held.clone()))
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
                is_given_up: false,
            };
            issued.insert(number, held);
        }
        assert!(issued.give_up_one("a", "1").is_none(), "that is b's");
        assert!(issued.give_up_one("nobody", "1").is_none());
        assert!(issued.is_wanted(2));
        assert_eq!(issued.give_up_one("a", "2").unwrap().0, 2);
        assert!(!issued.is_wanted(2) && issued.is_wanted(0));
        assert!(
            issued.give_up_one("a", "2").is_some(),
            "until it is revoked"
        );
        assert_eq!(issued.give_up_all("a").len(), 2);
        issued.remove(2);
        assert!(issued.give_up_one("a", "2").is_none());
        issued.remove(0);
        assert!(issued.give_up_all("a").is_empty());
        assert_eq!(issued.next_end(), Some(now + Duration::from_secs(2)));
        issued.remove_ended(now + Duration::from_secs(2));
        assert_eq!(
            (issued.len(), issued.of.len(), issued.ends.len()),
            (1, 1, 1)
        );
        assert!(issued.give_up_all("b").is_empty(), "ended");
    }
}
