//! Which redirects may be followed where a client carries our header along.

use http::Uri;

use crate::origins::Origins;
use crate::request_origin::RequestOrigin;

impl Origins {
    /// Whether a request for this URI may carry a credential: what a redirect layer that stands *inside* of an auth layer
    /// must ask before it follows.
    ///
    /// Such a layer repeats the header that it was given. tower-http's `FollowRedirect` takes `Authorization` off on the way
    /// to another origin, before 0.7 only for the first request there, and never `x-api-key`. Outside of the auth layer it
    /// needs nothing of this.
    ///
    /// ```
    /// use mobula_auth::Origins;
    /// use tower_http::follow_redirect::FollowRedirectLayer;
    /// use tower_http::follow_redirect::policy::{Action, Attempt, redirect_fn};
    ///
    /// let origins = Origins::default();
    /// let follow = FollowRedirectLayer::with_policy(redirect_fn(move |attempt: &Attempt<'_>| {
    ///     Ok::<_, std::convert::Infallible>(if origins.allows_uri(attempt.location()) {
    ///         Action::Follow
    ///     } else {
    ///         Action::Stop
    ///     })
    /// }));
    /// # let _ = follow;
    /// ```
    #[must_use]
    pub fn allows_uri(&self, uri: &Uri) -> bool {
        self.allows(RequestOrigin::of_uri(uri))
    }

    /// A redirect policy for the `reqwest::Client` that a layer wraps: it follows to these origins alone.
    ///
    /// reqwest follows redirects inside of the layer, where none of them passes it, and repeats the header that the layer
    /// put there. By its default policy
    ///
    /// - `x-api-key` goes wherever a redirect leads;
    /// - `Authorization` is left out of a request for another scheme, host or port than the one *before* it, and so comes
    ///   back with the second of two requests in a row for the same foreign origin.
    ///
    /// So a client with any of our layers around it needs this policy, or `redirect::Policy::none()`. Give it the same
    /// origins as the layer.
    ///
    /// A redirect to another origin is not followed, and neither is one from https to http: the response to the caller
    /// is the redirect itself, its `Location` included. After 10 redirects in a row the request fails, as by reqwest's
    /// own policy. Between two allowed origins reqwest still leaves out `Authorization`.
    ///
    /// ```
    /// use mobula_auth::{ApiKey, ApiKeyAuth, KeyHeader, Origins};
    /// use tower::Layer;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let origins = Origins::default();
    /// let client = reqwest::Client::builder()
    ///     .redirect(origins.redirect_policy())
    ///     .build()?;
    /// let client = ApiKeyAuth::new(ApiKey::new("0af5c1d2-3b4e-4f60-8a7b-9c8d7e6f5a4b")?)
    ///     .header(KeyHeader::XApiKey)
    ///     .origins(origins)
    ///     .layer(client);
    /// # let _ = client;
    /// # Ok(())
    /// # }
    /// ```
    #[cfg(feature = "reqwest")]
    #[must_use]
    pub fn redirect_policy(&self) -> reqwest::redirect::Policy {
        use reqwest::redirect::Policy;

        let (origins, up_to_10) = (self.clone(), Policy::limited(10));
        Policy::custom(move |attempt| {
            let next = attempt.url();
            let from_https = attempt
                .previous()
                .last()
                .is_some_and(|url| url.scheme() == "https");
            let downgraded = from_https && next.scheme() != "https";
            if downgraded || !origins.allows(RequestOrigin::of_url(next)) {
                attempt.stop()
            } else {
                up_to_10.redirect(attempt)
            }
        })
    }
}
