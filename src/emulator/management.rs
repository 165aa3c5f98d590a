//! The four endpoints that manage tokens (docs.mobula.io/rest-api-reference/endpoint/auth-tokens).

use std::{sync::Arc, time::Duration};

use http::StatusCode;
use serde_json::{Value, json};

use super::{
    BodyShape, Keyless, LimitFormat, RevokeShape, SuccessCodes,
    api_key::KeyIndex,
    caller::Identity,
    clock::{Now, iso_8601},
    create_limit::Arrival,
    create_request::CreateRequest,
    exchange::{Exchange, Received},
    jwt::looks_like_token,
    random,
    refusal::Refusal,
    reply::Reply,
    state::{Rules, State, refuse_bodiless_json},
    token_store::{Token, TokenIndex},
};

impl State {
    /// The key in whose name tokens may be managed.
    pub(super) fn manager(
        &self,
        rules: &Rules,
        exchange: &Exchange,
        identity: Identity,
        create: Option<Arrival>,
        now: Now,
    ) -> Result<KeyIndex, Refusal> {
        let index = managing_key(rules, identity)?;
        let key = self.keys.get(index);
        if let Some(wait) = create.and_then(|arrival| key.creates.wait(arrival, now.true_time)) {
            return Err(Refusal::creation_limit(wait));
        }
        if !key.plan.has_tokens() {
            return Err(Refusal::plan_without_tokens());
        }
        refuse_bodiless_json(rules, exchange)?;
        Ok(index)
    }

    pub(super) fn create(
        &mut self,
        rules: &Rules,
        exchange: &Exchange,
        key: KeyIndex,
        now: Now,
    ) -> Result<Reply, Refusal> {
        let request = CreateRequest::parse(json_body(exchange)?)?;
        let created = (0..request.count)
            .map(|_| {
                let token = new_token(
                    request,
                    key,
                    now,
                    self.clock.skew().apply(now.true_time + request.lifetime),
                );
                let json = described(&token, rules, true);
                self.tokens.add(token, now.true_time);
                json
            })
            .collect();
        self.keys.get_mut(key).creates.succeed(now.true_time);
        self.log.created(request.count);
        let status = match rules.settings.success_codes {
            SuccessCodes::AlwaysOk => StatusCode::OK,
            SuccessCodes::ByMethod => StatusCode::CREATED,
        };
        let body = shaped(
            rules.settings.create_shape,
            "createApiTokens",
            Value::Array(created),
        );
        Ok(Reply::json(status, body.to_string()))
    }

    pub(super) fn list(&self, rules: &Rules, key: KeyIndex, now: Now) -> Reply {
        let tokens = self
            .tokens
            .iter()
            .filter(|token| token.key == key && token.is_active(now.true_time))
            .map(|token| described(token, rules, rules.settings.flags.token_in_list))
            .collect();
        let body = shaped(rules.settings.read_shape, "apiTokens", Value::Array(tokens));
        Reply::json(StatusCode::OK, body.to_string())
    }

    pub(super) fn inspect(
        &self,
        rules: &Rules,
        query: Option<&str>,
        key: KeyIndex,
        now: Now,
    ) -> Result<Reply, Refusal> {
        let mut values = form_urlencoded::parse(query.unwrap_or_default().as_bytes())
            .filter_map(|(name, value)| (name == "token").then_some(value));
        let (Some(value), None) = (values.next(), values.next()) else {
            return Err(Refusal::invalid(
                "querystring must have one property 'token'",
            ));
        };
        let claims = if looks_like_token(&value) {
            rules.jwt_key.verify(&value)
        } else {
            None
        };
        let token = claims
            .and_then(|claims| self.find_active(&claims.id, key, now))
            .and_then(|index| self.tokens.get(index))
            .ok_or_else(unknown_token)?;
        let described = described(token, rules, rules.settings.flags.token_in_list);
        let body = shaped(rules.settings.read_shape, "apiToken", described);
        Ok(Reply::json(StatusCode::OK, body.to_string()))
    }

    pub(super) fn revoke(
        &mut self,
        rules: &Rules,
        id: &str,
        key: KeyIndex,
        now: Now,
    ) -> Result<Reply, Refusal> {
        let token = self
            .find_active(id, key, now)
            .and_then(|index| self.tokens.get_mut(index))
            .ok_or_else(unknown_token)?;
        token.revoked = true;
        if rules.settings.success_codes == SuccessCodes::ByMethod {
            return Ok(Reply::no_content());
        }
        let body = match rules.settings.revoke_shape {
            RevokeShape::Named => json!({ "deleteApiToken": id }),
            RevokeShape::Bare => json!(id),
            RevokeShape::Data => json!({ "data": id }),
            RevokeShape::Deleted => json!({ "deleted": true }),
        };
        Ok(Reply::json(StatusCode::OK, body.to_string()))
    }

    /// A live token of this key; others are as good as unknown.
    fn find_active(&self, id: &str, key: KeyIndex, now: Now) -> Option<TokenIndex> {
        let index = self.tokens.find(id)?;
        let token = self.tokens.get(index)?;
        (token.key == key && token.is_active(now.true_time)).then_some(index)
    }
}

/// Only API keys manage tokens (docs.mobula.io/guides/api-key-vs-api-token).
fn managing_key(rules: &Rules, identity: Identity) -> Result<KeyIndex, Refusal> {
    match identity {
        Identity::Key(key) => Ok(key),
        Identity::Refused(reason) => Err(Refusal::bad_credential(reason)),
        Identity::Nobody if rules.settings.keyless == Keyless::RateLimited => {
            Err(Refusal::no_credential_throttled())
        }
        Identity::Nobody => Err(Refusal::no_credential()),
        Identity::Token(_, standing) => Err(Refusal::bad_standing(standing)
            .filter(|refusal| refusal.status == StatusCode::UNAUTHORIZED)
            .unwrap_or_else(|| {
                Refusal::new(
                    StatusCode::FORBIDDEN,
                    "Forbidden: API tokens can not create or manage API tokens",
                )
            })),
    }
}

/// The body as Fastify's parser would hand it on.
fn json_body(exchange: &Exchange) -> Result<&[u8], Refusal> {
    match &exchange.body {
        Received::TooLarge => Err(Refusal::from_parser(
            StatusCode::PAYLOAD_TOO_LARGE,
            "FST_ERR_CTP_BODY_TOO_LARGE",
            "Request body is too large",
        )),
        Received::Broken => Err(Refusal::from_parser(
            StatusCode::BAD_REQUEST,
            "FST_ERR_CTP_INVALID_CONTENT_LENGTH",
            "Request body size did not match Content-Length",
        )),
        Received::Whole(bytes) if bytes.is_empty() => Err(Refusal::invalid("body must be object")),
        Received::Nothing | Received::Unread => Err(Refusal::invalid("body must be object")),
        Received::Whole(_) if !exchange.says_json() => Err(Refusal::from_parser(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "FST_ERR_CTP_INVALID_MEDIA_TYPE",
            "Unsupported Media Type",
        )),
        Received::Whole(bytes) => Ok(bytes),
    }
}

fn new_token(request: CreateRequest, key: KeyIndex, now: Now, claimed_expiry: Duration) -> Token {
    Token {
        id: Arc::from(random::uuid()),
        key,
        expires_at: now.true_time + request.lifetime,
        claimed_expiry,
        claimed_issue: now.claimed,
        request_limit: request.request_limit,
        remaining: request.request_limit,
        revoked: false,
        requests: 0,
    }
}

fn described(token: &Token, rules: &Rules, with_token: bool) -> Value {
    let number = |number: u64| match rules.settings.limit_format {
        LimitFormat::Numbers => json!(number),
        LimitFormat::Strings | LimitFormat::NullRemaining => json!(number.to_string()),
    };
    let remaining = match rules.settings.limit_format {
        LimitFormat::NullRemaining => Value::Null,
        LimitFormat::Strings | LimitFormat::Numbers => number(token.remaining),
    };
    let mut json = json!({
        "id": token.id.as_ref(),
        "expiresTimeString": iso_8601(token.claimed_expiry),
        "requestLimit": number(token.request_limit),
        "remaining": remaining,
    });
    if with_token {
        json["token"] = rules
            .jwt_key
            .sign(&token.claims(), rules.settings.token_format)
            .into();
    }
    json
}

fn shaped(shape: BodyShape, name: &str, value: Value) -> Value {
    match shape {
        BodyShape::Named => json!({ name: value }),
        BodyShape::Bare => value,
        BodyShape::Data => json!({ "data": value }),
    }
}

fn unknown_token() -> Refusal {
    Refusal::new(StatusCode::NOT_FOUND, "API token not found")
}
