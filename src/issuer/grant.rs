//! What a caller may have.

use std::sync::Arc;
use std::time::Duration;

use crate::create_tokens::CreateTokens;
use crate::error::{Error, Kind};

const MAX_SUBJECT_LEN: usize = 256;

/// Who a token is for.
pub(super) type Subject = Arc<str>;

/// A permission to have a token: for whom, and what kind of token.
///
/// The subject is the user, or the session, that the token belongs to. It is what limits count by, what `DELETE` and
/// [`TokenIssuer::revoke_subject`](super::TokenIssuer::revoke_subject) go by, and it is told in the audit events: give a name
/// or a number, not the secret of a session cookie.
///
/// ```
/// use std::time::Duration;
///
/// use mobula_auth::issuer::Grant;
///
/// let grant = Grant::new("user 7")?
///     .lifetime(Duration::from_secs(15 * 60))?
///     .request_limit(2_000)?;
/// assert_eq!(grant.subject(), "user 7");
/// # Ok::<(), mobula_auth::Error>(())
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct Grant {
    subject: Subject,
    lifetime: Option<Duration>,
    request_limit: Option<u64>,
}

impl Grant {
    /// A permission for this subject, for a token as the issuer's settings have it.
    ///
    /// # Errors
    /// [`Error::is_invalid_configuration`] for an empty subject, which is a user who is none, or one of more than 256 bytes.
    pub fn new(subject: impl Into<Arc<str>>) -> Result<Self, Error> {
        let subject = subject.into();
        if subject.is_empty() || subject.len() > MAX_SUBJECT_LEN {
            return Err(Error::new(
                Kind::InvalidConfiguration,
                "the subject of a grant is empty or longer than 256 bytes: give the name or number of a user or session",
            ));
        }
        Ok(Self {
            subject,
            lifetime: None,
            request_limit: None,
        })
    }

    /// How long the token lives: 1 minute to 24 hours. At least four fifths of that are left when it is handed out.
    ///
    /// Each pair of lifetime and request limit has a stock of its own. Use few of them: a create request is for one kind of
    /// token alone, and there are 5 a minute.
    ///
    /// # Errors
    /// [`Error::is_invalid_configuration`] outside of the bounds.
    pub fn lifetime(self, lifetime: Duration) -> Result<Self, Error> {
        let lifetime = CreateTokens::default().lifetime(lifetime)?.get_lifetime();
        Ok(Self {
            lifetime: Some(lifetime),
            ..self
        })
    }

    /// How many requests the token is good for: 1 to 1,000,000. See [`lifetime`](Self::lifetime).
    ///
    /// # Errors
    /// [`Error::is_invalid_configuration`] outside of the bounds.
    pub fn request_limit(self, request_limit: u64) -> Result<Self, Error> {
        CreateTokens::default().request_limit(request_limit)?;
        Ok(Self {
            request_limit: Some(request_limit),
            ..self
        })
    }

    /// Who the token is for.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.subject
    }

    pub(super) fn shared_subject(&self) -> Subject {
        Arc::clone(&self.subject)
    }

    /// The kind of token, with what the grant leaves open as in `settings`.
    pub(super) fn size(&self, settings: CreateTokens) -> CreateTokens {
        let lifetime = self.lifetime.unwrap_or_else(|| settings.get_lifetime());
        let request_limit = self.request_limit;
        let sized = settings.lifetime(lifetime).and_then(|size| {
            size.request_limit(request_limit.unwrap_or_else(|| size.get_request_limit()))
        });
        sized.expect("a grant is within the bounds")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_is_somebody() {
        for (ok, subject) in [
            (false, String::new()),
            (true, "u".into()),
            (true, "u".repeat(256)),
            (false, "u".repeat(257)),
        ] {
            assert_eq!(Grant::new(&*subject).is_ok(), ok, "{}", subject.len());
        }
    }

    #[test]
    fn what_a_grant_leaves_open_is_as_the_settings_have_it() {
        let settings = CreateTokens::default().request_limit(7).unwrap();
        let grant = Grant::new("user").unwrap();
        assert_eq!(grant.size(settings), settings);
        let minute = Duration::from_secs(60);
        let size = grant.lifetime(minute).unwrap().size(settings);
        assert_eq!((size.get_lifetime(), size.get_request_limit()), (minute, 7));
        let grant = Grant::new("user").unwrap();
        assert!(grant.clone().lifetime(minute / 2).is_err());
        assert!(grant.clone().request_limit(0).is_err());
        assert_eq!(
            grant
                .request_limit(9)
                .unwrap()
                .size(settings)
                .get_request_limit(),
            9
        );
    }
}
