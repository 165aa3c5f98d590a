//! What all layers tell while it happens; silent without feature `tracing`. No secrets, no URLs.

use crate::request_origin::RequestOrigin;

pub(crate) fn credential_withheld(origin: RequestOrigin<'_>) {
    #[cfg(feature = "tracing")]
    match origin {
        RequestOrigin::Known { https, host, port } => tracing::warn!(
            https,
            host,
            port,
            "request sent without a credential: its origin is not allowed to have one"
        ),
        RequestOrigin::Absent => {
            tracing::warn!(
                "request sent without a credential: it names no origin, and none was pinned"
            );
        }
        RequestOrigin::Unclear => {
            tracing::warn!("request sent without a credential: its origin is unclear");
        }
        RequestOrigin::Proxied { host, port } => tracing::warn!(
            host,
            port,
            "request sent without a credential: over plain http, a proxy of the environment would read it"
        ),
    }
    #[cfg(not(feature = "tracing"))]
    let _ = origin;
}
