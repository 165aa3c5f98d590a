//! Every shape that an answer is known or feared to have, from recorded fixtures.

use std::time::Duration;

use super::*;
use crate::token_client::created_tokens::created_tokens;

const FIRST: &str = "11111111-2222-4333-8444-555555555501";
const SECOND: &str = "11111111-2222-4333-8444-555555555502";

macro_rules! fixture {
    ($name:literal) => {
        include_bytes!(concat!("../../../tests/fixtures/", $name)).as_slice()
    };
}

/// 2025-03-10T12:00:00Z.
fn noon() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_741_608_000)
}

fn request(count: u32) -> CreateTokens {
    CreateTokens::default().count(count).unwrap()
}

fn tokens(body: &[u8], count: u32) -> Vec<ApiToken> {
    let hour = Duration::from_secs(3_600);
    let entries = entries(body).unwrap_or_default();
    created_tokens(entries, request(count), Some(noon() - hour), noon())
}

#[test]
fn created_tokens_are_read_from_every_shape() {
    for (body, ids) in [
        (fixture!("create_documented.json"), &[FIRST, SECOND][..]),
        (fixture!("create_bare_array.json"), &[FIRST, SECOND]),
        (fixture!("create_data_array.json"), &[FIRST, SECOND]),
        (fixture!("create_graphql.json"), &[FIRST, SECOND]),
        (fixture!("create_numbers.json"), &[FIRST, SECOND]),
        (fixture!("create_null_remaining.json"), &[FIRST, SECOND]),
        (fixture!("create_unknown_members.json"), &[FIRST, SECOND]),
        (fixture!("create_one_in_data.json"), &[FIRST]),
        (fixture!("create_one_bare.json"), &[FIRST]),
        (fixture!("create_one_wrapped.json"), &[FIRST]),
    ] {
        let tokens = tokens(body, 25);
        let shape = String::from_utf8_lossy(body);
        let read: Vec<_> = tokens.iter().filter_map(ApiToken::id).collect();
        assert_eq!(read, ids, "{shape}");
        for token in tokens {
            assert!(token.expose_secret().starts_with("eyJ"), "{shape}");
            assert_eq!(token.lifetime(), Some(Duration::from_secs(3_600)));
            assert_eq!(token.expires_at(), Some(noon()), "{shape}");
            assert_eq!(token.request_limit(), Some(1_000), "{shape}");
        }
    }
}

/// N6: partial, empty and foreign answers hold no token, and no panic.
#[test]
fn nonsense_holds_no_token() {
    for body in [
        "",
        "{",
        "{}",
        "[]",
        "null",
        "1",
        r#""token""#,
        "<html></html>",
        r#"{"createApiTokens":null}"#,
        r#"{"createApiTokens":[]}"#,
        r#"{"createApiTokens":[null,1,"a",[]]}"#,
        r#"{"createApiTokens":[{}]}"#,
        r#"{"createApiTokens":[{"id":"a","token":null}]}"#,
        r#"{"createApiTokens":[{"id":"a","token":""}]}"#,
        r#"{"createApiTokens":[{"id":"a","token":"two words"}]}"#,
        r#"{"createApiTokens":[{"id":"a","token":"a\u0000b"}]}"#,
        r#"{"createApiTokens":[{"id":"a","token":"a","requestLimit":"0"}]}"#,
        r#"{"createApiTokens":[{"id":"a","token":"a","expiresTimeString":"2025-03-10T11:00:00.999Z"}]}"#,
        r#"{"errors":[{"message":"unauthorized"}]}"#,
        r#"{"data":{"data":{"data":{"data":{"data":{"data":[{"token":"a"}]}}}}}}"#,
        "{\"token\":\"\u{fffd}\"}",
    ] {
        assert!(tokens(body.as_bytes(), 25).is_empty(), "{body}");
    }
    let cut = fixture!("create_documented.json");
    for len in 0..cut.len() - 2 {
        assert!(tokens(&cut[..len], 25).is_empty());
    }
    assert!(tokens("[".repeat(100_000).as_bytes(), 25).is_empty());
    assert!(tokens(b"\xff\xfe{}", 25).is_empty());
}

#[test]
fn good_tokens_count_bad_ones_do_not_and_twins_count_once() {
    let body = br#"[{"token":"a b"},{"token":"a"},{"token":"a","id":"twin"},{"id":"none"},{"token":"b"},{"token":"c"}]"#;
    let read = |count| {
        let tokens = tokens(body, count);
        let secrets = tokens.iter().map(ApiToken::expose_secret);
        secrets.collect::<Vec<_>>().concat()
    };
    assert_eq!(
        (read(1), read(2), read(25)),
        ("a".into(), "ab".into(), "abc".into())
    );
}

#[test]
fn what_is_not_told_is_as_asked() {
    let read = |body: &str| tokens(body.as_bytes(), 1).remove(0);
    let token = read(r#"{"token":"opaque"}"#);
    assert_eq!(token.lifetime(), Some(Duration::from_secs(3_600)));
    assert_eq!(token.request_limit(), Some(5_000));
    assert_eq!((token.id(), token.expires_at()), (None, None));
    for (members, expected) in [
        (r#""requestLimit":"7","remaining":"9""#, 7),
        (r#""requestLimit":9,"remaining":7"#, 7),
        (r#""remaining":"7""#, 7),
        (r#""requestLimit":"-7""#, 5_000),
        (r#""requestLimit":7.5,"remaining":null"#, 5_000),
        (r#""requestLimit":"1e3""#, 5_000),
        (r#""requestLimit":18446744073709551615"#, u64::MAX),
        (r#""requestLimit":18446744073709551616"#, 5_000),
        (r#""requestLimit":[7],"remaining":true"#, 5_000),
    ] {
        let token = read(&format!(r#"{{"token":"opaque",{members}}}"#));
        assert_eq!(token.request_limit(), Some(expected), "{members}");
    }
}

#[test]
fn an_expiry_that_is_no_date_is_not_told() {
    for text in [
        r#""soon""#,
        r#""""#,
        r#""2025-03-10T12:00:00""#,
        r#""2025-13-10T12:00:00Z""#,
        r#""1741608000""#,
        "1741608000",
        "null",
        r#""+999999-03-10T12:00:00Z""#,
        r#""0000000000000000000000000000000000000000000000000000000000000000000""#,
    ] {
        let body = format!(r#"{{"token":"opaque","expiresTimeString":{text}}}"#);
        let token = tokens(body.as_bytes(), 1).remove(0);
        assert_eq!(token.expires_at(), None, "{text}");
        assert_eq!(token.lifetime(), Some(Duration::from_secs(3_600)), "{text}");
    }
    let body = br#"{"token":"opaque","expiresTimeString":"2025-03-10T14:00:00+02:00"}"#;
    assert_eq!(tokens(body, 1)[0].expires_at(), Some(noon()));
}

#[test]
fn a_list_is_read_from_every_shape() {
    for body in [
        fixture!("list_documented.json"),
        fixture!("list_bare_array.json"),
        fixture!("list_data.json"),
        fixture!("list_graphql.json"),
        fixture!("list_numbers.json"),
    ] {
        let infos = infos(body).unwrap();
        let shape = String::from_utf8_lossy(body);
        let remaining: Vec<_> = infos
            .iter()
            .map(|info| (info.id(), info.remaining()))
            .collect();
        assert_eq!(
            remaining,
            [(FIRST, Some(712)), (SECOND, Some(0))],
            "{shape}"
        );
        assert!(infos.iter().all(|info| info.expires_at() == Some(noon())));
        assert!(infos.iter().all(|info| info.request_limit() == Some(1_000)));
        assert!(!format!("{infos:?}").contains("eyJ"), "V8: {shape}");
    }
    assert_eq!(infos(fixture!("list_empty.json")), Some(Vec::new()));
    assert_eq!(infos(b"[]"), Some(Vec::new()));
    for nonsense in [
        "",
        "{}",
        "null",
        "[{}]",
        "[1]",
        r#"{"apiTokens":null}"#,
        r#"{"message":"ok"}"#,
    ] {
        assert_eq!(infos(nonsense.as_bytes()), None, "{nonsense}");
    }
}

#[test]
fn one_token_is_read_from_every_shape() {
    for body in [
        fixture!("inspect_documented.json"),
        fixture!("inspect_bare.json"),
        fixture!("inspect_data.json"),
        fixture!("inspect_graphql.json"),
    ] {
        let infos = infos(body).unwrap();
        let read: Vec<_> = infos
            .iter()
            .map(|info| (info.id(), info.remaining()))
            .collect();
        assert_eq!(read, [(FIRST, Some(712))]);
    }
}

#[test]
fn the_server_message_is_found_in_every_envelope() {
    for (body, expected) in [
        (
            fixture!("error_fastify.json"),
            "body/expiresIn must be >= 60000",
        ),
        (fixture!("error_string.json"), "Invalid API key"),
        (
            fixture!("error_messages.json"),
            "expiresIn must be a number, count must not be greater than 25",
        ),
        (
            fixture!("error_page.html"),
            "<html><body><h1>502 Bad Gateway</h1></body></html>\n",
        ),
        (br#"{"message":"","error":"used"}"#, "used"),
        (br#"{"message":7}"#, r#"{"message":7}"#),
        (
            br#"{"error":{"message":"nested"}}"#,
            r#"{"error":{"message":"nested"}}"#,
        ),
        (b"plain \xff text", "plain \u{fffd} text"),
        (b"", ""),
    ] {
        assert_eq!(server_message(body), expected);
    }
}

#[test]
fn an_id_stays_one_segment_of_the_path() {
    let path = |id: &str| {
        let uri = Call::Revoke(id)
            .request(&BaseUrl::default(), &ApiKey::new("key")?)
            .map(|request| request.uri().to_string())?;
        Ok::<_, Error>(uri)
    };
    for (id, expected) in [
        (FIRST, FIRST),
        ("../x", "..%2Fx"),
        ("a b?c#d%2e/\\", "a%20b%3Fc%23d%252e%2F%5C"),
        ("...", "..."),
        ("%2e%2e", "%252e%252e"),
        ("\u{e9}\n", "%C3%A9%0A"),
    ] {
        let expected = format!("https://api.mobula.io/api/2/auth/tokens/{expected}");
        assert_eq!(path(id).unwrap(), expected);
    }
    for id in ["", ".", "..", &"x".repeat(129)] {
        assert!(path(id).unwrap_err().is_invalid_configuration(), "{id}");
    }
    assert!(path(&"\u{e9}".repeat(64)).is_ok());
}

#[test]
fn the_longest_token_fits_into_the_url() {
    let token = ApiToken::new("+".repeat(8_192)).unwrap();
    let request = Call::Inspect(&token)
        .request(&BaseUrl::default(), &ApiKey::new("key").unwrap())
        .unwrap();
    let expected = format!("token={}", "%2B".repeat(8_192));
    assert_eq!(request.uri().query(), Some(expected.as_str()));
    assert!(request.headers()[AUTHORIZATION].is_sensitive());
}
