//! V12: once its last user is gone, no copy of a secret is left in this process's memory.
//!
//! In a process of its own, whose memory holds nothing of other tests.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::time::Duration;

use http::Request;
use http::header::AUTHORIZATION;
use mobula_auth::{
    ApiKey, ApiKeyAuth, ApiToken, AutoRefreshingToken, BearerAuth, CreateTokens, TokenRegistry,
};
use tower::{Layer, Service};
use zeroize::Zeroizing;

/// The secret, spelled so that this text is no copy of it.
fn secret() -> Zeroizing<String> {
    let mut secret = Zeroizing::new(String::with_capacity(64));
    for number in 0..32_u8 {
        secret.push(char::from(b'a' + number.wrapping_mul(7) % 26));
    }
    secret
}

/// How many copies of the secret this process's writable memory holds, the buffer that looks for them left out.
///
/// The second half is looked for: an allocator writes notes of its own over the start of what was freed.
fn copies() -> usize {
    let expected = |at: usize| b'a' + u8::try_from(at).unwrap().wrapping_mul(7) % 26;
    let memory = File::open("/proc/self/mem").unwrap();
    let mut window = vec![0_u8; 1 << 20];
    let own = window.as_ptr() as u64..window.as_ptr() as u64 + (1 << 20);
    let mut copies = 0;
    for line in fs::read_to_string("/proc/self/maps").unwrap().lines() {
        let mut fields = line.split(' ');
        let (start, end) = fields.next().unwrap().split_once('-').unwrap();
        if !fields.next().unwrap().starts_with("rw") || line.ends_with("[vvar]") {
            continue;
        }
        let end = u64::from_str_radix(end, 16).unwrap();
        let mut at = u64::from_str_radix(start, 16).unwrap();
        while at < end {
            let len = usize::try_from((end - at).min(1 << 20)).unwrap();
            if memory.read_exact_at(&mut window[..len], at).is_err() {
                break;
            }
            for place in 0..len.saturating_sub(15) {
                let address = at + place as u64;
                if !own.contains(&address)
                    && (0..16).all(|offset| window[place + offset] == expected(16 + offset))
                {
                    copies += 1;
                }
            }
            // Windows overlap, so that no copy hides across a border.
            at += if at + (len as u64) < end {
                len as u64 - 15
            } else {
                len as u64
            };
        }
    }
    copies
}

#[test]
fn v12_no_copy_of_a_secret_stays_behind() {
    assert_eq!(copies(), 0, "the search does not find itself");
    let text = secret();
    assert_eq!(copies(), 1, "the search finds what is there");

    let key = ApiKey::new(text.as_str()).unwrap();
    let token = ApiToken::trimmed(text.as_str()).unwrap();
    drop(text);
    assert_eq!(copies(), 2, "the key and the token hold one copy each");

    let (key_auth, bearer_auth) = (ApiKeyAuth::new(key.clone()), BearerAuth::new(token.clone()));
    drop((key, token));
    let mut stack = key_auth.layer(bearer_auth.layer(tower::service_fn(
        |request: Request<()>| async move { Ok::<_, std::convert::Infallible>(request) },
    )));
    let request = Request::get("https://api.mobula.io/").body(()).unwrap();
    let sent = tokio_test::block_on(stack.call(request)).unwrap();
    assert!(sent.headers().contains_key(AUTHORIZATION));
    assert_eq!(copies(), 2, "neither layers nor requests copy it");

    key_auth.rotate(ApiKey::new("another").unwrap());
    assert_eq!(copies(), 1, "a rotated key is gone at once");
    drop((bearer_auth, stack));
    assert_eq!(
        copies(),
        1,
        "the request that was sent still holds the token"
    );
    drop(sent);
    assert_eq!(copies(), 0);

    of_a_service_with_a_copy();
    of_a_tenant_that_is_gone();
}

/// A service that lives holds a copy of the token; both are gone with it and with its handle.
fn of_a_service_with_a_copy() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let source = async |_: CreateTokens| Ok(vec![ApiToken::new(secret().as_str())?]);
    let auth = AutoRefreshingToken::builder(source)
        .standby(0)
        .build()
        .unwrap();
    let mut service = auth.layer(tower::service_fn(|request: Request<()>| async move {
        drop(request);
        Ok::<_, std::convert::Infallible>(http::Response::new(()))
    }));
    runtime.block_on(async {
        for _ in 0..20 {
            let request = Request::get("https://api.mobula.io/").body(()).unwrap();
            service.call(request).await.unwrap();
        }
        assert_eq!(copies(), 2, "the engine's, and the service's own");
        let clone = service.clone();
        assert_eq!(copies(), 2, "which its clones start with");
        drop(service);
        assert_eq!(copies(), 2);
        drop(clone);
        assert_eq!(copies(), 1);
        auth.shutdown().await;
        assert_eq!(copies(), 0);
    });
}

/// A registry forgets an evicted tenant after two minutes, and its key with it.
fn of_a_tenant_that_is_gone() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    let registry = TokenRegistry::with_capacity(1, |_: ApiKey| {
        AutoRefreshingToken::builder(async |_: CreateTokens| Ok(vec![ApiToken::new("token")?]))
            .build()
    });
    runtime.block_on(async {
        drop(registry.get(&ApiKey::new(secret().as_str()).unwrap()));
        assert_eq!(copies(), 1, "the map holds the key, and no copy of it");
        drop(registry.get(&ApiKey::new("another").unwrap()));
        tokio::time::sleep(Duration::from_secs(119)).await;
        assert_eq!(copies(), 1, "it may come back");
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert_eq!(copies(), 0);
    });
}
