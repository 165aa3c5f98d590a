//! U rows: whatever the issuer is sent, it answers, safely, and gives tokens to those alone who may have them.
//!
//! ```text
//! setup=0
//! SOURCE slow few
//! ---
//! POST /token
//! host: issuer.example.com
//! origin: https://app.example.com
//! cookie: session=ann
//! content-type: application/json
//! @frames 1 0 1
//!
//! {}
//! ---
//! WAIT 60000
//! ---
//! DELETE /token
//! x-user: ann
//! content-type: application/json
//!
//! {"id":"{id:ann}"}
//! ---
//! LOGOUT ann
//! ```
//!
//! `{id:ann}` is the id of the newest token that Ann got, `{id}` of the newest of all. What may follow `SOURCE` is in
//! `issuer_mint.rs`, what `@` begins in `issuer_wire.rs`, who is known in `issuer_sessions.rs`. `SHUTDOWN` is a step too.

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use http::Response;
use http_body_util::Full;
use mobula_auth::issuer::{RevokeReport, TokenIssuer};
use tokio::task::{JoinHandle, yield_now};
use tokio::time::{sleep, timeout};
use tower::ServiceExt;

use super::issuer_books::{Books, PerMinute};
use super::issuer_mint::Mint;
use super::issuer_oracle::{ALLOWED, Verdict, judge};
use super::issuer_sessions::authorize;
use super::issuer_wire::Written;
use super::runtime::block_on;
use super::split_once::split_once;

/// More than any fuzzer needs, and an end.
const MOST_STEPS: usize = 48;
const LONGEST_WAIT: u64 = 3_600_000;

/// Takes a row of steps.
pub fn check(input: &[u8]) {
    let (first, steps) = split_once(input, b"\n");
    block_on(async {
        let mut visit = Visit::of(&String::from_utf8_lossy(first));
        let mut rest = Some(steps);
        for _ in 0..MOST_STEPS {
            let Some(steps) = rest else {
                break;
            };
            let (step, after) = split_once(steps, b"\n---\n");
            visit.step(step).await;
            rest = (!after.is_empty()).then_some(after);
        }
        visit.end().await;
    });
}

/// An issuer, and what is known of it from outside.
pub(crate) struct Visit {
    issuer: TokenIssuer,
    pub(crate) mint: Mint,
    pub(crate) books: Books,
    pub(crate) limits: [PerMinute; 2],
    pub(crate) steps: usize,
    pub(crate) is_shut_down: bool,
    pub(crate) asides: Vec<Aside>,
}

pub(crate) type Answer = Response<Full<Bytes>>;

/// A request whose answer is looked at later.
pub(crate) struct Aside {
    verdict: Verdict,
    step: usize,
    answer: JoinHandle<Result<Answer, Infallible>>,
}

impl Visit {
    /// `setup=0`: little of everything. `setup=1`: the defaults. `setup=2`: no stock, and wide limits.
    fn of(setup: &str) -> Self {
        let mint = Mint::default();
        let minute = Duration::from_secs(60);
        let builder = TokenIssuer::builder(mint.clone(), authorize);
        let builder = builder.allowed_origins(ALLOWED).jitter_seed(1);
        let (builder, limits) = match setup.strip_prefix("setup=") {
            Some("1") => (builder, [10, 1_000]),
            Some("2") => (builder.capacity(0).max_waiting(5), [200, 200]),
            _ => {
                let builder = builder.capacity(5).max_kinds(2).max_live(6).max_waiting(4);
                (builder.max_waiting_of_subject(2), [4, 9])
            }
        };
        let builder = builder.subject_limit(limits[0], minute);
        let builder = builder.global_limit(limits[1], minute);
        Self {
            issuer: builder.build().expect("within the bounds"),
            mint,
            books: Books::default(),
            limits: limits.map(PerMinute),
            steps: 0,
            is_shut_down: false,
            asides: Vec::new(),
        }
    }

    async fn step(&mut self, text: &[u8]) {
        self.steps += 1;
        let line = String::from_utf8_lossy(text);
        let (word, rest) = line.trim_end().split_once(' ').unwrap_or((&line, ""));
        match word {
            "WAIT" => {
                let wait = rest.parse().unwrap_or(0).min(LONGEST_WAIT);
                sleep(Duration::from_millis(wait)).await;
            }
            "SOURCE" => self.mint.script(rest.split(' ')),
            "LOGOUT" => self.log_out(rest).await,
            "SHUTDOWN" => {
                self.is_shut_down = true;
                self.issuer.shutdown().await;
            }
            _ => {
                let books = &self.books;
                let fill_in = |text: &str| filled_in(books, text);
                if let Some(written) = Written::parse(text, fill_in) {
                    self.send(&written).await;
                }
            }
        }
        self.look_at_asides(false).await;
        self.books.check_revocations(&self.mint);
        assert_eq!(self.mint.books().complaint, None);
    }

    async fn log_out(&mut self, who: &str) {
        // The subjects of all grants: a logout of anybody else finds nothing.
        let known = ["ann", "bob", "cid", "dan", "eve"];
        let known = known.into_iter().find(|known| *known == who);
        if let Some(who) = known {
            self.books.give_up(who, None, self.steps);
        }
        let report = self.issuer.revoke_subject(who).await;
        match known {
            Some(who) => self.is_logged_out(who, report),
            None => assert_eq!(report, RevokeReport::default()),
        }
    }

    /// U6: nothing of the subject's is left over.
    pub(crate) fn is_logged_out(&self, who: &str, report: RevokeReport) {
        // What another request took out meanwhile is that one's to tell of.
        if report.left == 0 && self.asides.is_empty() {
            let left = self.books.good_ones(&self.mint, who);
            assert!(left.is_empty(), "{who} still has {left:?}");
        }
    }

    async fn send(&mut self, written: &Written) {
        let verdict = judge(written);
        if let (true, Some(who), true) = (
            verdict.is_revocation,
            verdict.who,
            verdict.faults.is_empty(),
        ) {
            self.books.give_up(who, verdict.id.clone(), self.steps);
        }
        let answer = self.issuer.clone().oneshot(written.request());
        if written.is_aside {
            let answer = tokio::spawn(answer);
            let step = self.steps;
            self.asides.push(Aside {
                verdict,
                step,
                answer,
            });
            yield_now().await;
            return;
        }
        self.settle().await;
        let before = self.ledger();
        let answer = match written.patience {
            Some(patience) => timeout(patience, answer).await.ok(),
            None => Some(answer.await),
        };
        if !verdict.faults.is_empty() && !verdict.takes_time {
            if self.asides.is_empty() {
                self.settle().await;
            }
            assert_eq!(self.ledger(), before, "a refusal costs something");
        }
        match answer {
            Some(Ok(answer)) => self.look_at(answer, &verdict, None).await,
            // R4: who hangs up leaves nothing behind.
            None => self.settle().await,
        }
    }

    /// What a refused request must leave as it is.
    fn ledger(&self) -> [usize; 6] {
        let (status, books) = (self.issuer.status(), self.mint.books());
        let [creates, revocations] = [books.creates, books.revocations];
        let [in_stock, live, waiting] = [status.in_stock, status.live, status.waiting];
        [
            creates,
            revocations,
            in_stock,
            live,
            waiting,
            status.subjects,
        ]
    }

    /// Lets everything happen that needs no time.
    async fn settle(&self) {
        loop {
            let before = self.ledger();
            for _ in 0..8 {
                yield_now().await;
            }
            if self.ledger() == before {
                return;
            }
        }
    }

    async fn look_at_asides(&mut self, all: bool) {
        for aside in std::mem::take(&mut self.asides) {
            if all || aside.answer.is_finished() {
                let Ok(answer) = aside.answer.await.expect("the issuer does not panic");
                self.look_at(answer, &aside.verdict, Some(aside.step)).await;
            } else {
                self.asides.push(aside);
            }
        }
    }

    /// What was made is somebody's, in stock, or given back; and after a shutdown nothing is in stock.
    async fn end(mut self) {
        self.look_at_asides(true).await;
        self.come_to_rest().await;
        let status = self.issuer.status();
        assert_eq!(status.waiting, 0);
        let lost = self.lost();
        assert_eq!(lost.len(), status.in_stock, "lost, or in stock: {lost:?}");
        self.mint.script(["drop"]);
        let report = self.issuer.shutdown().await;
        assert_eq!((report.revoked, report.left), (status.in_stock, 0));
        self.come_to_rest().await;
        assert_eq!(self.lost(), [0; 0], "nobody's, and still good");
        self.books.check_revocations(&self.mint);
        assert_eq!(self.mint.books().complaint, None);
    }

    /// Longer than a create request may take, and the longest wait after it.
    async fn come_to_rest(&self) {
        for _ in 0..4 {
            sleep(Duration::from_secs(31)).await;
            self.settle().await;
        }
    }

    /// Tokens that nobody has, and that were never to be revoked.
    fn lost(&self) -> Vec<usize> {
        let books = self.mint.books();
        let made = books.made.iter().enumerate();
        made.filter(|(number, made)| !made.is_unwanted && !self.books.is_delivered(*number))
            .map(|(number, _)| number)
            .collect()
    }
}

fn filled_in(books: &Books, text: &str) -> String {
    let mut text = text.replace("{id}", &books.newest_id(None));
    for who in ["ann", "bob", "cid", "dan", "eve"] {
        text = text.replace(&format!("{{id:{who}}}"), &books.newest_id(Some(who)));
    }
    text
}
