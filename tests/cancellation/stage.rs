//! The paths that a call may take, and the calls.

use std::ops::RangeInclusive;
use std::pin::Pin;
use std::time::Duration;

use http::Request;
use mobula_auth::{AutoRefreshingToken, Error, RefreshPolicy, ReplayRejected};
use tokio::task::JoinHandle;
use tokio::time::advance;
use tower::retry::RetryLayer;
use tower::{BoxError, Layer, ServiceBuilder, ServiceExt, service_fn};

use super::source::{Answer, Source, refusal};

const SECOND: Duration = Duration::from_secs(1);

/// What a call finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Path {
    Fresh,
    ColdQuick,
    ColdSlow,
    ColdFailing,
    ColdHanging,
    ColdPanicking,
    /// A refresh that somebody else began and waits for.
    UnderWay,
    Aging,
    AgingFailing,
    SpentWithStandby,
    SpentWithoutStandby,
    Expired,
    Rejected,
    RejectedWithStandby,
    /// A failure was just now, and there is no token.
    GateClosed,
    /// A failure was just now, beside a token that is good.
    GateClosedFresh,
    /// A refusal was just now, and there is no token.
    Refused,
    /// Somebody shuts down after the second poll.
    ShutDownMeanwhile,
    ShutDown,
}

pub(super) const PATHS: [Path; 19] = [
    Path::Fresh,
    Path::ColdQuick,
    Path::ColdSlow,
    Path::ColdFailing,
    Path::ColdHanging,
    Path::ColdPanicking,
    Path::UnderWay,
    Path::Aging,
    Path::AgingFailing,
    Path::SpentWithStandby,
    Path::SpentWithoutStandby,
    Path::Expired,
    Path::Rejected,
    Path::RejectedWithStandby,
    Path::GateClosed,
    Path::GateClosedFresh,
    Path::Refused,
    Path::ShutDownMeanwhile,
    Path::ShutDown,
];

/// A future of the public API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Call {
    Request,
    Replayed,
    Lease,
    LeaseAndExpired,
    Refresh,
    Shutdown,
}

pub(super) const CALLS: [Call; 6] = [
    Call::Request,
    Call::Replayed,
    Call::Lease,
    Call::LeaseAndExpired,
    Call::Refresh,
    Call::Shutdown,
];

pub(super) type BoxFuture = Pin<Box<dyn Future<Output = Result<(), Error>> + Send>>;

/// A handle on one of the paths.
#[derive(Debug)]
pub(super) struct Stage {
    pub(super) auth: AutoRefreshingToken,
    pub(super) source: Source,
    pub(super) is_quick: bool,
    /// Another caller, who must not notice.
    pub(super) other: Option<JoinHandle<Result<(), Error>>>,
}

impl Path {
    /// How many create requests there are in the end, at least and at most, when all calls but a refresh and
    /// a shutdown were made.
    pub(super) fn creates(self) -> RangeInclusive<usize> {
        match self {
            Self::Fresh
            | Self::SpentWithStandby
            | Self::RejectedWithStandby
            | Self::ColdQuick
            | Self::ColdSlow
            | Self::UnderWay
            | Self::ShutDownMeanwhile => 1..=1,
            Self::ColdFailing => 3..=3,
            Self::AgingFailing => 2..=4,
            Self::ShutDown => 0..=0,
            _ => 2..=2,
        }
    }

    /// `second` is how long one is: where no clock can be paused, not as long.
    pub(super) async fn stage(self, second: Duration) -> Stage {
        let slow = Answer::AsAskedAfter(2 * second);
        let source = Source::new(match self {
            Self::ColdSlow | Self::UnderWay | Self::ShutDownMeanwhile => vec![slow],
            Self::ColdFailing => vec![Answer::Fail, Answer::FailAfter(2 * second), slow],
            Self::ColdHanging => vec![Answer::Hang],
            Self::ColdPanicking => vec![Answer::Panic],
            Self::Aging | Self::SpentWithoutStandby | Self::Expired | Self::Rejected => {
                vec![Answer::AsAsked, slow]
            }
            Self::AgingFailing => vec![Answer::AsAsked, Answer::Fail, Answer::FailAfter(second)],
            Self::GateClosed => vec![Answer::Fail, slow],
            Self::GateClosedFresh => vec![Answer::AsAsked, Answer::Fail],
            Self::Refused => vec![Answer::Refuse(refusal().await), slow],
            _ => vec![],
        });
        let has_standby = matches!(self, Self::SpentWithStandby | Self::RejectedWithStandby);
        let is_spent = matches!(self, Self::SpentWithStandby | Self::SpentWithoutStandby);
        let auth = AutoRefreshingToken::builder(source.clone())
            .standby(u32::from(has_standby))
            .request_limit(if is_spent { 1_000 } else { 100_000 })
            .policy(RefreshPolicy::default().soft_point(0.5, 0.5).unwrap())
            .jitter_seed(7)
            .build()
            .unwrap();
        let mut stage = Stage {
            auth,
            source,
            is_quick: second < SECOND,
            other: None,
        };
        stage.prepare(self).await;
        stage
    }
}

impl Stage {
    async fn prepare(&mut self, path: Path) {
        let auth = &self.auth;
        match path {
            Path::Fresh => drop(auth.lease().await.unwrap()),
            Path::UnderWay => {
                self.other = Some(tokio::spawn(self.call(Call::Request)));
                tokio::task::yield_now().await;
            }
            Path::Aging | Path::AgingFailing => {
                drop(auth.lease().await.unwrap());
                advance(1_801 * SECOND).await;
            }
            Path::Expired => {
                drop(auth.lease().await.unwrap());
                advance(3_598 * SECOND).await;
            }
            Path::SpentWithStandby | Path::SpentWithoutStandby => {
                for _ in 0..1_000 {
                    drop(auth.lease().await.unwrap());
                }
            }
            Path::Rejected | Path::RejectedWithStandby => {
                drop(auth.lease().await.unwrap());
                self.source.reject("token-1");
            }
            Path::GateClosed | Path::Refused => drop(auth.refresh().await.unwrap_err()),
            Path::GateClosedFresh => {
                drop(auth.lease().await.unwrap());
                auth.refresh().await.unwrap_err();
            }
            Path::ShutDown => drop(auth.shutdown().await),
            _ => {}
        }
    }

    pub(super) fn call(&self, call: Call) -> BoxFuture {
        let (auth, server, is_quick) = (self.auth.clone(), self.source.clone(), self.is_quick);
        Box::pin(async move {
            match call {
                Call::Request | Call::Replayed => {
                    let inner = service_fn(move |it| server.clone().serve(it, is_quick));
                    let client = auth.layer(inner);
                    let url = "https://api.mobula.io/api/1/all";
                    let request = Request::get(url).body(()).unwrap();
                    let response = if call == Call::Replayed {
                        let retry = RetryLayer::new(ReplayRejected::default());
                        let client = ServiceBuilder::new().layer(retry).service(client);
                        client.oneshot(request).await
                    } else {
                        client.oneshot(request).await
                    };
                    let response = response.map_err(|it: BoxError| *it.downcast().unwrap())?;
                    let is_ok = response.status().is_success();
                    is_ok.then_some(()).ok_or_else(|| Error::other("401"))
                }
                Call::Lease => auth.lease().await.map(drop),
                Call::LeaseAndExpired => {
                    auth.lease().await?.expired().await;
                    Ok(())
                }
                Call::Refresh => auth.refresh().await,
                Call::Shutdown => {
                    auth.shutdown().await;
                    Ok(())
                }
            }
        })
    }
}
