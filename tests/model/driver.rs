//! Runs a case against the handle and the model, side by side.

use std::collections::BTreeMap;
use std::time::Duration;

use http::Request;
use mobula_auth::{AutoRefreshingToken, Error, RefreshPolicy, ReplayRejected};
use tokio::runtime::Builder;
use tokio::task::{JoinHandle, yield_now};
use tokio::time::advance;
use tower::retry::RetryLayer;
use tower::{BoxError, Layer, ServiceBuilder, ServiceExt, service_fn};

use super::checker::Checker;
use super::commands::{Case, Command, Point};
use super::events::{End, Event, Id, Kind, View};
use super::mistakes::Mistake;
use super::world::{World, failure};

/// What happened in all cases together, so that a test can say that the cases get around.
pub(super) type Tally = BTreeMap<&'static str, u64>;

/// Says where the handle and the model part, if they do.
pub(super) fn run(case: &Case, mistake: Option<Mistake>, tally: &mut Tally) -> Result<(), String> {
    let runtime = Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(async {
        let mut driver = Driver::new(case, mistake);
        for (at, command) in case.commands.iter().enumerate() {
            let done = driver.execute(command, tally).await;
            done.map_err(|why| format!("command {at}, {command:?}: {why}\n{:#?}", driver.checker))?;
        }
        Ok(())
    })
}

struct Driver {
    auth: AutoRefreshingToken,
    world: World,
    checker: Checker,
    replay: bool,
    calls: BTreeMap<Id, JoinHandle<()>>,
    shuts_down: Option<Id>,
    next_id: Id,
}

impl Driver {
    fn new(case: &Case, mistake: Option<Mistake>) -> Self {
        let (world, rules) = (World::new(), case.rules);
        let policy = RefreshPolicy::default().soft_point(rules.soft_point, rules.soft_point);
        let auth = AutoRefreshingToken::builder(world.clone())
            .lifetime(rules.lifetime)
            .request_limit(rules.request_limit)
            .standby(rules.standby)
            .policy(policy.unwrap())
            .max_wait(rules.max_wait)
            .max_waiting(rules.max_waiting)
            .revoke_replaced_after(rules.revoke_replaced_after)
            .shutdown_within(rules.shutdown_within)
            .jitter_seed(case.jitter_seed)
            .build()
            .unwrap();
        Self {
            auth,
            world,
            checker: Checker::new(rules, mistake),
            replay: rules.replay,
            calls: BTreeMap::new(),
            shuts_down: None,
            next_id: 0,
        }
    }

    async fn execute(&mut self, command: &Command, tally: &mut Tally) -> Result<(), String> {
        match command {
            Command::Send(requests) => (0..*requests).for_each(|_| self.begin(Kind::Request)),
            Command::Lease => self.begin(Kind::Lease),
            Command::Refresh => self.begin(Kind::Refresh),
            // One at a time: which of two reports counts a token is nobody's promise.
            Command::Shutdown if self.shuts_down.is_none_or(|id| self.is_over(id)) => {
                self.shuts_down = Some(self.next_id);
                self.begin(Kind::Shutdown);
            }
            Command::Shutdown => {}
            Command::Drop(nth) => self.drop_call(*nth),
            Command::Advance(time) => self.advance(*time, tally).await?,
            Command::AdvanceTo(point, offset) => {
                let time = self.time_to(*point, *offset);
                self.advance(time, tally).await?;
            }
            Command::Script(answers) => self.world.script(answers.clone()),
            Command::Serve(status) => self.world.serve(*status),
            Command::RevokeCurrent => {
                let current = self.checker.model.current.as_ref();
                if let Some(token) = current {
                    self.world.refuse(&token.text);
                }
            }
            Command::Hold(holds) => self.world.hold(*holds),
            Command::Release(status) => self.world.release(*status),
        }
        self.compare(tally).await
    }

    fn begin(&mut self, kind: Kind) {
        let id = self.next_id;
        self.next_id += 1;
        let (auth, world, replay) = (self.auth.clone(), self.world.clone(), self.replay);
        let call = async move {
            world.note(Event::Began(id, kind));
            let end = match kind {
                Kind::Request => send(&auth, &world, id, replay).await,
                Kind::Lease => auth.lease().await.map(|lease| End::Lease {
                    text: lease.token().expose_secret().to_owned(),
                    generation: lease.generation(),
                }),
                Kind::Refresh => auth.refresh().await.map(|()| End::Refreshed),
                Kind::Shutdown => {
                    let report = auth.shutdown().await;
                    let (revoked, left) = (report.revoked, report.left);
                    Ok(End::ShutDown { revoked, left })
                }
            };
            let end = end.unwrap_or_else(|error| End::Failed(failure(&error)));
            world.note(Event::Ended(id, end));
        };
        self.calls.insert(id, tokio::spawn(call));
    }

    fn is_over(&self, id: Id) -> bool {
        self.calls.get(&id).is_none_or(JoinHandle::is_finished)
    }

    fn drop_call(&self, nth: usize) {
        let alive = |(id, call): &(&Id, &JoinHandle<()>)| {
            !call.is_finished() && self.shuts_down != Some(**id)
        };
        if let Some((id, call)) = self.calls.iter().filter(alive).nth(nth) {
            call.abort();
            self.world.note(Event::Dropped(*id));
        }
    }

    fn time_to(&self, point: Point, offset: i64) -> Duration {
        let model = &self.checker.model;
        let current = model.current.as_ref();
        let at = match point {
            Point::Soft => {
                current.map(|it| it.asked_at + it.lifetime.mul_f64(model.rules.soft_point))
            }
            Point::NeverSent => current.map(|it| it.asked_at + it.never_sent_after()),
            Point::GateOpens => model.closed().map(|(_, opens_at)| opens_at),
            Point::SomethingDue => self.checker.next_due(),
        };
        let time = at.unwrap_or_default().saturating_sub(self.world.now());
        let milliseconds = u64::try_from(time.as_millis()).unwrap();
        Duration::from_millis(milliseconds.saturating_add_signed(offset))
    }

    /// Stops at each time at which the model expects something, to compare there.
    async fn advance(&mut self, time: Duration, tally: &mut Tally) -> Result<(), String> {
        let end = self.world.now() + time;
        while self.world.now() < end {
            let stop = self.checker.next_due().map_or(end, |due| due.min(end));
            advance(stop - self.world.now()).await;
            self.compare(tally).await?;
        }
        Ok(())
    }

    async fn compare(&mut self, tally: &mut Tally) -> Result<(), String> {
        // Each lets everything that is ready run once; within so many, the next in a chain of causes happens.
        let mut happened = None;
        while happened != Some(self.world.happened()) {
            happened = Some(self.world.happened());
            for _ in 0..8 {
                yield_now().await;
            }
        }
        let (now, status) = (self.world.now(), self.auth.status());
        let gate = status.next_attempt_in().map(|wait| now + wait);
        for (at, event) in self.world.take_record() {
            count(&event, tally);
            let happens = self.checker.happens(at, &event, gate);
            happens.map_err(|why| format!("{why}: {event:?} at {at:?}"))?;
        }
        self.checker
            .rests(now)
            .map_err(|why| format!("{why} at {now:?}"))?;
        let view = View {
            generation: status.generation(),
            requests_left: status.requests_left(),
            standby: status.standby(),
            refreshing: status.is_refreshing(),
            waiting: status.waiting(),
            last_error: status.last_error().map(|error| failure(error).class),
            next_attempt_in: status.next_attempt_in(),
        };
        if self.checker.at_server() != self.world.held() {
            return Err(format!("{} requests are held back", self.world.held()));
        }
        let expected = self.checker.view();
        if view == expected {
            return Ok(());
        }
        Err(format!(
            "the handle says {view:#?}, the model {expected:#?}"
        ))
    }
}

fn count(event: &Event, tally: &mut Tally) {
    let what = match event {
        Event::Asked(..) => "create requests",
        Event::Revoked(_) => "revocations",
        Event::Arrived(..) => "requests sent",
        Event::Answered(_, 401) => "401s",
        Event::Ended(_, End::Failed(_)) => "errors",
        Event::Ended(_, End::Lease { .. }) => "leases",
        Event::Ended(_, End::Refreshed) => "refreshes",
        Event::Ended(_, End::ShutDown { .. }) => "shutdowns",
        Event::Dropped(_) => "calls dropped",
        _ => return,
    };
    *tally.entry(what).or_default() += 1;
}

async fn send(
    auth: &AutoRefreshingToken,
    world: &World,
    id: Id,
    replay: bool,
) -> Result<End, Error> {
    let world = world.clone();
    let server = service_fn(move |request| world.clone().serves(request));
    let client = auth.layer(server);
    let request = Request::get("https://api.mobula.io/api/1/all")
        .body(id)
        .unwrap();
    let response = if replay {
        let retry = RetryLayer::new(ReplayRejected::default());
        ServiceBuilder::new()
            .layer(retry)
            .service(client)
            .oneshot(request)
            .await
    } else {
        client.oneshot(request).await
    };
    let ours = |error: BoxError| *error.downcast::<Error>().expect("an error of this crate");
    response
        .map(|it| End::Response(it.status().as_u16()))
        .map_err(ours)
}
