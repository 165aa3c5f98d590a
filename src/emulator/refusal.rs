//! Why a request is refused, and how that is said.

use std::{borrow::Cow, time::Duration};

use http::StatusCode;
use serde_json::json;

use super::{ErrorEnvelope, caller::Reason, token_store::Standing};

/// A refusal before it is put into an envelope.
#[derive(Clone, Debug)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    /// Fastify's code, where a parser refused (fastify.dev/docs/latest/Reference/Errors).
    pub(super) code: Option<&'static str>,
    pub(super) message: Cow<'static, str>,
    /// How long to wait, where waiting helps.
    pub(super) wait: Option<Duration>,
    /// The methods of a path that was called with another one (RFC 9110 section 15.5.6).
    pub(super) allow: Option<&'static str>,
    /// The challenge for `WWW-Authenticate`, if that is on.
    pub(super) challenge: Option<&'static str>,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, message: impl Into<Cow<'static, str>>) -> Self {
        let message = message.into();
        Self {
            status,
            code: None,
            message,
            wait: None,
            allow: None,
            challenge: None,
        }
    }

    pub(super) fn from_parser(
        status: StatusCode,
        code: &'static str,
        message: &'static str,
    ) -> Self {
        Self {
            code: Some(code),
            ..Self::new(status, message)
        }
    }

    /// A create body that breaks a documented bound.
    pub(super) fn invalid(message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code: Some("FST_ERR_VALIDATION"),
            ..Self::new(StatusCode::BAD_REQUEST, message)
        }
    }

    pub(super) fn no_credential() -> Self {
        Self {
            challenge: Some("Bearer"),
            ..Self::new(
                StatusCode::UNAUTHORIZED,
                "Unauthorized: no API key or API token was sent",
            )
        }
    }

    pub(super) fn no_credential_throttled() -> Self {
        Self {
            wait: Some(Duration::from_secs(1)),
            ..Self::new(
                StatusCode::TOO_MANY_REQUESTS,
                "Too many requests: use an API key",
            )
        }
    }

    pub(super) fn bad_credential(reason: Reason) -> Self {
        Self::invalid_token(match reason {
            Reason::UnknownCredential => "Unauthorized: unknown API key or API token",
            Reason::TokenInApiKeyHeader => {
                "Unauthorized: send API tokens as a Bearer credential, not in x-api-key"
            }
            Reason::RawToken => "Unauthorized: send API tokens as a Bearer credential",
        })
    }

    /// `None` for a token in good standing.
    pub(super) fn bad_standing(standing: Standing) -> Option<Self> {
        match standing {
            Standing::Good => None,
            Standing::Revoked => Some(Self::invalid_token(
                "Unauthorized: the API token was revoked",
            )),
            Standing::Expired => Some(Self::invalid_token(
                "Unauthorized: the API token has expired",
            )),
            Standing::Exhausted => Some(Self::new(
                StatusCode::TOO_MANY_REQUESTS,
                "Too many requests: the request limit of the API token is used up",
            )),
        }
    }

    pub(super) fn creation_limit(wait: Duration) -> Self {
        Self {
            wait: Some(wait),
            ..Self::new(
                StatusCode::TOO_MANY_REQUESTS,
                "Too many requests: at most 5 token creations per minute for each API key",
            )
        }
    }

    pub(super) fn plan_without_tokens() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "Forbidden: API tokens need the Startup, Growth or Enterprise plan",
        )
    }

    pub(super) fn deleted_key() -> Self {
        Self::invalid_token("Unauthorized: the API key was deleted")
    }

    pub(super) fn plan_without_websockets() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "Forbidden: websockets need the Growth or Enterprise plan",
        )
    }

    pub(super) fn wrong_method(allow: &'static str) -> Self {
        Self {
            allow: Some(allow),
            ..Self::new(StatusCode::METHOD_NOT_ALLOWED, "Method not allowed")
        }
    }

    pub(super) fn empty_json_body() -> Self {
        Self::from_parser(
            StatusCode::BAD_REQUEST,
            "FST_ERR_CTP_EMPTY_JSON_BODY",
            "Body cannot be empty when content-type is set to 'application/json'",
        )
    }

    /// The body, and whether it is JSON.
    pub(super) fn body(&self, envelope: ErrorEnvelope) -> (String, &'static str) {
        match envelope {
            ErrorEnvelope::Detailed => {
                let mut body = json!({
                    "statusCode": self.status.as_u16(),
                    "error": self.status.canonical_reason().unwrap_or("Error"),
                    "message": self.message,
                });
                if let Some(code) = self.code {
                    body["code"] = code.into();
                }
                (body.to_string(), JSON)
            }
            ErrorEnvelope::ErrorOnly => (json!({ "error": self.message }).to_string(), JSON),
            ErrorEnvelope::PlainText => (
                self.message.clone().into_owned(),
                "text/plain; charset=utf-8",
            ),
        }
    }

    fn invalid_token(message: &'static str) -> Self {
        let challenge = Some("Bearer error=\"invalid_token\"");
        Self {
            challenge,
            ..Self::new(StatusCode::UNAUTHORIZED, message)
        }
    }
}

/// The content type of every JSON answer.
pub(super) const JSON: &str = "application/json; charset=utf-8";
