//! Who may have a token.

use std::fmt;
use std::pin::Pin;

use http::request::Parts;

use super::grant::Grant;
use super::refusal::Refusal;

/// Decides who may have a token. There is no default: an issuer that anyone may ask is one for everybody's bill.
///
/// A closure is one, and [`FromExtensions`] is one:
///
/// ```
/// use http::request::Parts;
/// use mobula_auth::issuer::{Grant, Refusal};
///
/// let authorize = async |head: Parts| {
///     let cookie = head.headers.get("cookie").ok_or_else(Refusal::unauthenticated)?;
///     let user = user_of_session(cookie.as_bytes()).await.ok_or_else(Refusal::unauthenticated)?;
///     Ok(Grant::new(user)?)
/// };
/// # async fn user_of_session(_: &[u8]) -> Option<&'static str> { None }
/// # fn is_one(_: impl mobula_auth::issuer::Authorize) {}
/// # is_one(authorize);
/// ```
///
/// It sees the whole head, cookies and `Authorization` too. Compare secrets in constant time, or look them up by a hash: what
/// this crate cannot know, it cannot compare for you. A Mobula token proves nothing here: whoever holds one must not get more.
pub trait Authorize: Send + Sync + 'static {
    /// Says yes or no to one request. Called once the request's method, origin and content type are known to be right, for
    /// `POST` and `DELETE` alike, and before its body is read.
    ///
    /// A hook that never answers is given up after 10 seconds, with a 503.
    fn authorize(&self, head: Parts) -> impl Future<Output = Result<Grant, Refusal>> + Send;
}

impl<F, Fut> Authorize for F
where
    F: Fn(Parts) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Grant, Refusal>> + Send,
{
    fn authorize(&self, head: Parts) -> impl Future<Output = Result<Grant, Refusal>> + Send {
        self(head)
    }
}

/// Goes by a value that an outer layer put into the request's extensions, such as the user of a session.
///
/// A request without the value gets a 401.
///
/// ```
/// use mobula_auth::issuer::{FromExtensions, Grant};
///
/// #[derive(Clone)]
/// struct User { id: u64, is_paying: bool }
///
/// let authorize = FromExtensions::new(|user: &User| {
///     let limit = if user.is_paying { 10_000 } else { 500 };
///     Ok(Grant::new(user.id.to_string())?.request_limit(limit)?)
/// });
/// # let _ = authorize;
/// ```
pub struct FromExtensions<T> {
    grant: Box<MakeGrant<T>>,
}

type MakeGrant<T> = dyn Fn(&T) -> Result<Grant, Refusal> + Send + Sync;

impl<T: Send + Sync + 'static> FromExtensions<T> {
    /// Makes a grant of the value, or a refusal.
    pub fn new(grant: impl Fn(&T) -> Result<Grant, Refusal> + Send + Sync + 'static) -> Self {
        Self {
            grant: Box::new(grant),
        }
    }
}

impl<T: Send + Sync + 'static> Authorize for FromExtensions<T> {
    async fn authorize(&self, head: Parts) -> Result<Grant, Refusal> {
        let value = head.extensions.get::<T>();
        (self.grant)(value.ok_or_else(Refusal::unauthenticated)?)
    }
}

impl<T> fmt::Debug for FromExtensions<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FromExtensions")
    }
}

type Boxed<'a> = Pin<Box<dyn Future<Output = Result<Grant, Refusal>> + Send + 'a>>;

/// A hook of any type, behind one pointer.
pub(super) trait AnyAuthorize: Send + Sync {
    fn authorize(&self, head: Parts) -> Boxed<'_>;
}

impl<A: Authorize> AnyAuthorize for A {
    fn authorize(&self, head: Parts) -> Boxed<'_> {
        Box::pin(Authorize::authorize(self, head))
    }
}
