//! Decides who is calling.

use std::{sync::Arc, time::Duration};

use super::{
    CredentialKind, KeyHeader, ViolationKind,
    api_key::{KeyBook, KeyIndex},
    credential::{Credential, Presented},
    jwt::Claims,
    settings::Settings,
    token_store::{Standing, TokenIndex, TokenStore},
};

/// Who is calling, and how that is recorded.
#[derive(Debug)]
pub(super) struct Caller {
    pub(super) identity: Identity,
    pub(super) kind: CredentialKind,
    /// Rules that the way of calling has broken, whatever it calls.
    pub(super) violations: [Option<ViolationKind>; 3],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Identity {
    Nobody,
    Key(KeyIndex),
    Token(TokenIndex, Standing),
    /// A credential that lets nobody in; says why.
    Refused(Reason),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    UnknownCredential,
    TokenInApiKeyHeader,
    RawToken,
}

impl Caller {
    pub(super) fn identify(
        credential: &Credential<'_>,
        keys: &KeyBook,
        tokens: &TokenStore,
        settings: &Settings,
        now: Duration,
    ) -> Self {
        let several = credential
            .is_one_of_several
            .then_some(ViolationKind::SeveralCredentials);
        let Some(presented) = &credential.presented else {
            return Self {
                identity: Identity::Nobody,
                kind: CredentialKind::None,
                violations: [several, None, None],
            };
        };
        let header = presented.header;
        if let Some(key) = keys.find(presented.value) {
            let kind = CredentialKind::ApiKey { header };
            return Self {
                identity: Identity::Key(key),
                kind,
                violations: [several, None, None],
            };
        }
        let Some(claims) = &presented.claims else {
            let kind = CredentialKind::Unknown { header };
            let identity = Identity::Refused(Reason::UnknownCredential);
            return Self {
                identity,
                kind,
                violations: [several, None, None],
            };
        };
        let mut caller = Self::with_token(presented, claims, tokens, settings, now);
        caller.violations[0] = several;
        caller
    }

    fn with_token(
        presented: &Presented<'_>,
        claims: &Claims,
        tokens: &TokenStore,
        settings: &Settings,
        now: Duration,
    ) -> Self {
        let index = tokens.find(&claims.id);
        let token = index.and_then(|index| Some((index, tokens.get(index)?)));
        let standing = token.map(|(index, token)| (index, token.standing(now)));
        let id = token.map_or_else(
            || Arc::from(claims.id.as_str()),
            |(_, token)| Arc::clone(&token.id),
        );
        let (misplaced, reason) = match presented.header {
            // In a message a token is raw, as a key is.
            KeyHeader::Bearer | KeyHeader::Message => (None, None),
            KeyHeader::XApiKey => (
                Some(ViolationKind::TokenInApiKeyHeader),
                Some(Reason::TokenInApiKeyHeader),
            ),
            KeyHeader::Authorization if settings.flags.accept_raw_tokens => {
                (Some(ViolationKind::RawToken), None)
            }
            KeyHeader::Authorization => (Some(ViolationKind::RawToken), Some(Reason::RawToken)),
        };
        let expired = match standing {
            // no record: dead for so long that it was forgotten, or not issued here
            None => claims.expires_at <= now.as_secs(),
            Some((_, standing)) => standing == Standing::Expired,
        };
        let identity = match (reason, standing) {
            (Some(reason), _) => Identity::Refused(reason),
            (None, Some((index, standing))) => Identity::Token(index, standing),
            (None, None) => Identity::Refused(Reason::UnknownCredential),
        };
        Self {
            identity,
            kind: CredentialKind::Token {
                id,
                header: presented.header,
            },
            violations: [
                None,
                misplaced,
                expired.then_some(ViolationKind::ExpiredToken),
            ],
        }
    }
}
