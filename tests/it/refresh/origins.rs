//! A token goes to allowed origins, and to nobody else.

use http::header::AUTHORIZATION;
use http::{HeaderMap, Request, Response};
use mobula_auth::{AutoRefreshingToken, AutoRefreshingTokenBuilder, Origins};
use tower::{BoxError, Layer, ServiceExt, service_fn};

use super::script::{Source, ours};

async fn headers_of(
    auth: &AutoRefreshingToken,
    request: Request<()>,
) -> Result<HeaderMap, BoxError> {
    let echo = service_fn(|request: Request<()>| async move {
        Ok::<_, std::convert::Infallible>(Response::new(request.into_parts().0.headers))
    });
    Ok(auth.layer(echo).oneshot(request).await?.into_body())
}

fn built(
    change: impl FnOnce(AutoRefreshingTokenBuilder) -> AutoRefreshingTokenBuilder,
) -> AutoRefreshingToken {
    change(AutoRefreshingToken::builder(Source::default()))
        .build()
        .unwrap()
}

fn get(uri: &str) -> Request<()> {
    Request::get(uri).body(()).unwrap()
}

/// H4: and no token is made for a request that gets none.
#[tokio::test(start_paused = true)]
async fn h4_a_foreign_origin_gets_no_token() {
    let source = Source::default();
    let auth = AutoRefreshingToken::new(source.clone());
    for uri in [
        "https://evil.example/",
        "http://api.mobula.io/",
        "https://api.mobula.io:444/",
        "/api/1/all",
    ] {
        assert!(
            headers_of(&auth, get(uri)).await.unwrap().is_empty(),
            "{uri}"
        );
    }
    assert_eq!((source.creates(), auth.status().withheld()), (0, 4));
}

#[tokio::test(start_paused = true)]
async fn strict_origins_refuse_in_place_of_sending_without() {
    let auth = built(AutoRefreshingTokenBuilder::strict_origins);
    let error = headers_of(&auth, get("https://evil.example/"))
        .await
        .unwrap_err();
    assert!(ours(&error).is_forbidden_origin());
    assert_eq!(
        headers_of(&auth, get("https://api.mobula.io/"))
            .await
            .unwrap()[AUTHORIZATION],
        "Bearer token-1"
    );
}

#[tokio::test(start_paused = true)]
async fn a_pinned_origin_needs_no_name_and_own_origins_replace_the_default() {
    let auth = built(AutoRefreshingTokenBuilder::pinned_origin);
    assert_eq!(
        headers_of(&auth, get("/api/1/all")).await.unwrap()[AUTHORIZATION],
        "Bearer token-1"
    );
    assert!(
        headers_of(&auth, get("https://evil.example/"))
            .await
            .unwrap()
            .is_empty()
    );

    let auth = built(|builder| builder.origins(Origins::only(["https://proxy.example"]).unwrap()));
    assert_eq!(
        headers_of(&auth, get("https://proxy.example/"))
            .await
            .unwrap()[AUTHORIZATION],
        "Bearer token-1"
    );
    assert!(
        headers_of(&auth, get("https://api.mobula.io/"))
            .await
            .unwrap()
            .is_empty()
    );
}

/// L5, W6: exactly one credential leaves.
#[tokio::test(start_paused = true)]
async fn w6_what_the_caller_put_there_is_replaced_or_kept_as_set() {
    let request = || {
        let mut request = get("https://api.mobula.io/");
        for (name, value) in [
            ("authorization", "one"),
            ("authorization", "two"),
            ("x-api-key", "three"),
        ] {
            request.headers_mut().append(name, value.parse().unwrap());
        }
        request
    };
    let replaced = headers_of(&built(|builder| builder), request())
        .await
        .unwrap();
    assert_eq!(
        (replaced.len(), &replaced[AUTHORIZATION]),
        (1, &"Bearer token-1".parse().unwrap())
    );
    assert!(replaced[AUTHORIZATION].is_sensitive());

    let keeping = built(AutoRefreshingTokenBuilder::keep_existing);
    let kept = headers_of(&keeping, request()).await.unwrap();
    assert_eq!(
        (kept.len(), &kept[AUTHORIZATION]),
        (1, &"one".parse().unwrap())
    );
    let added = headers_of(&keeping, get("https://api.mobula.io/"))
        .await
        .unwrap();
    assert_eq!(added[AUTHORIZATION], "Bearer token-1");
}
