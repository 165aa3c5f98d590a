//! Who has got which token, and who has given up what: written down from the answers alone.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use super::issuer_mint::{self, Mint, clock};
use super::issuer_oracle::Verdict;

/// So many at once, and then evenly spread over each minute.
#[derive(Clone, Copy)]
pub(crate) struct PerMinute(pub(crate) u32);

#[derive(Default)]
pub(crate) struct Books {
    delivered: BTreeMap<usize, Delivered>,
    newest_of: BTreeMap<&'static str, usize>,
    newest: Option<usize>,
    /// The last step in which somebody gave up all tokens, or the one with this id.
    given_up: BTreeMap<(&'static str, Option<String>), usize>,
    served: Vec<(&'static str, Instant)>,
}

struct Delivered {
    who: &'static str,
    asked_in: usize,
}

impl Books {
    /// Notes what an answer brings.
    pub(crate) fn deliver(
        &mut self,
        mint: &Mint,
        verdict: &Verdict,
        asked_in: usize,
        told: &Value,
    ) {
        let who = verdict.who.expect("an unknown caller was refused");
        let id = told["id"].as_str().expect("a text");
        let number = issuer_mint::number(id).expect("an id that was given");
        assert_eq!(
            told["token"],
            issuer_mint::token(number),
            "one token, one id"
        );
        let delivered = Delivered { who, asked_in };
        let before = self.delivered.insert(number, delivered);
        assert!(before.is_none(), "{id} is handed out twice");
        let books = mint.books();
        let made = books.made.get(number).expect("it was made");
        assert!(made.lifetime <= verdict.lifetime, "of another kind");
        assert_eq!(told["requestLimit"], made.request_limit);
        let expires_in = Duration::from_millis(told["expiresIn"].as_u64().expect("a number"));
        // Other clocks than the one that is held still may take part.
        let tolerance = Duration::from_secs(1);
        assert!(
            expires_in + tolerance >= made.lifetime * 4 / 5,
            "U7: {told}"
        );
        self.newest = Some(number);
        self.newest_of.insert(who, number);
        self.served.push((who, clock()));
    }

    /// Of a token that was just delivered.
    pub(crate) fn is_as_good_as_told(&self, mint: &Mint, told: &Value) -> bool {
        let books = mint.books();
        let made = &books.made[self.newest.expect("it was just delivered")];
        let expires_in = Duration::from_millis(told["expiresIn"].as_u64().expect("a number"));
        !made.is_unwanted && clock() + expires_in <= made.ends_at
    }

    pub(crate) fn give_up(&mut self, who: &'static str, id: Option<String>, step: usize) {
        self.given_up.insert((who, id), step);
    }

    pub(crate) fn is_delivered(&self, number: usize) -> bool {
        self.delivered.contains_key(&number)
    }

    /// The tokens of a subject that it has got, and that are still good.
    pub(crate) fn good_ones<'a>(&'a self, mint: &'a Mint, who: &'a str) -> Vec<usize> {
        let (books, now) = (mint.books(), clock());
        let of_who = self.delivered.iter().filter(|(_, it)| it.who == who);
        of_who
            .map(|(&number, _)| number)
            .filter(|&number| {
                let made = &books.made[number];
                !made.is_revoked && now + Duration::from_secs(1) < made.ends_at
            })
            .collect()
    }

    /// The id of the newest token of this subject, or of any.
    pub(crate) fn newest_id(&self, who: Option<&str>) -> String {
        let newest = match who {
            Some(who) => self.newest_of.get(who).copied(),
            None => self.newest,
        };
        newest.map_or_else(String::new, issuer_mint::id)
    }

    /// U6: nobody's token is revoked but by its holder.
    pub(crate) fn check_revocations(&self, mint: &Mint) {
        let books = mint.books();
        for (number, made) in books.made.iter().enumerate() {
            let Some(delivered) = self.delivered.get(&number).filter(|_| made.is_unwanted) else {
                continue;
            };
            let id = issuer_mint::id(number);
            let given_up = |id| {
                let step = self.given_up.get(&(delivered.who, id));
                step.is_some_and(|step| *step >= delivered.asked_in)
            };
            assert!(
                given_up(None) || given_up(Some(id.clone())),
                "{id} is taken from {}",
                delivered.who
            );
        }
    }

    /// U4: however much is asked for, so much is given.
    pub(crate) fn check_limits(&self, of_each: PerMinute, of_all: PerMinute) {
        let Some(&(last, now)) = self.served.last() else {
            return;
        };
        let of_last = self.served.iter().filter(|(who, _)| *who == last);
        assert!(
            of_each.allows(of_last.map(|&(_, at)| at), now),
            "{last} gets too many"
        );
        assert!(
            of_all.allows(self.served.iter().map(|&(_, at)| at), now),
            "too many for all"
        );
    }
}

impl PerMinute {
    fn allows(self, served: impl Iterator<Item = Instant> + Clone, now: Instant) -> bool {
        let Some(first) = served.clone().next() else {
            return true;
        };
        // Served a little later than counted: who waits does so for ten seconds at most.
        let seconds = now.duration_since(first).as_secs() + 11;
        served.count() as u64 * 60 <= u64::from(self.0) * (60 + seconds)
    }
}
