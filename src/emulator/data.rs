//! Answers of the data endpoints: plausible, and a pure function of path, query and time.

use std::{fmt::Write, time::Duration};

use bytes::Bytes;

/// The path, if it is one of those with an answer of its own.
pub(super) fn known_path(path: &str) -> Option<&'static str> {
    KNOWN_PATHS.into_iter().find(|known| *known == path)
}

/// The JSON of a data endpoint at a time since the Unix epoch.
pub(super) fn answer(path: &str, query: Option<&str>, now: Duration) -> Bytes {
    let mut json = String::with_capacity(256);
    json.push_str("{\"data\":");
    match known_path(path) {
        Some(MARKET_DATA) => market(
            &mut json,
            &parameter(query, &["asset", "symbol"], "bitcoin"),
            now,
        ),
        Some(MARKET_MULTI_DATA) => {
            let assets = parameter(query, &["assets", "symbols"], "bitcoin,ethereum");
            let markets = assets.split(',').take(MAX_ASSETS);
            listed(&mut json, ['{', '}'], markets, |json, asset| {
                quoted(json, asset);
                json.push(':');
                market(json, asset, now);
            });
        }
        Some(TOKEN_PRICE) => {
            let cents = price_in_cents(&parameter(query, &["address", "asset"], "bitcoin"), now);
            put(
                &mut json,
                format_args!("{{\"priceUSD\":{}}}", Dollars(cents)),
            );
        }
        Some(ALL) => listed(&mut json, ['[', ']'], ASSETS.into_iter(), |json, asset| {
            market(json, asset, now);
        }),
        _ => put(
            &mut json,
            format_args!("{{\"emulated\":true,\"timestamp\":{}}}", now.as_millis()),
        ),
    }
    json.push('}');
    Bytes::from(json)
}

/// What a market stream says of these assets: the documented members (docs.mobula.io, Market Data stream).
pub(super) fn market_update(assets: &[String], now: Duration) -> String {
    let mut json = String::with_capacity(256);
    let assets = assets.iter().map(String::as_str);
    listed(&mut json, ['[', ']'], assets, |json, asset| {
        let cents = price_in_cents(asset, now);
        put(
            json,
            format_args!(
                "{{\"timestamp\":{},\"price\":{},\"marketDepthUSDUp\":{},\"marketDepthUSDDown\":{},\"volume24h\":{},\"baseSymbol\":",
                now.as_millis(),
                Dollars(cents),
                Dollars(cents.saturating_mul(90)),
                Dollars(cents.saturating_mul(80)),
                Dollars(cents.saturating_mul(310_000)),
            ),
        );
        quoted(json, asset);
        json.push_str(",\"quoteSymbol\":\"USD\"}");
    });
    json
}

fn market(json: &mut String, asset: &str, now: Duration) {
    let cents = price_in_cents(asset, now);
    json.push_str("{\"name\":");
    quoted(json, asset);
    put(
        json,
        format_args!(
            ",\"price\":{},\"market_cap\":{},\"volume\":{},\"timestamp\":{}}}",
            Dollars(cents),
            Dollars(cents.saturating_mul(19_700_000)),
            Dollars(cents.saturating_mul(310_000)),
            now.as_millis(),
        ),
    );
}

fn listed<'a>(
    json: &mut String,
    [open, close]: [char; 2],
    items: impl Iterator<Item = &'a str>,
    item: impl Fn(&mut String, &'a str),
) {
    json.push(open);
    for (place, asset) in items.enumerate() {
        if place > 0 {
            json.push(',');
        }
        item(json, asset);
    }
    json.push(close);
}

/// A price that belongs to the asset and goes up and down by 5 % in an hour, in cents.
fn price_in_cents(asset: &str, now: Duration) -> u64 {
    // FNV-1a: the same on every machine
    let hash = asset.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let base = 100 + hash % 10_000_000;
    let wave = |period: u64| {
        let phase = now.as_secs().wrapping_add(hash >> 40) % period;
        phase.min(period - phase)
    };
    // Up and down in an hour, and by less in less than a minute, so that whoever looks on sees it move.
    base + base * wave(3_600) / 36_000 + base * wave(34) / 40_000 + base * wave(21) / 30_000
}

struct Dollars(u64);

impl std::fmt::Display for Dollars {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{:02}", self.0 / 100, self.0 % 100)
    }
}

fn parameter(query: Option<&str>, names: &[&str], default: &str) -> String {
    form_urlencoded::parse(query.unwrap_or_default().as_bytes())
        .find(|(name, _)| names.contains(&name.as_ref()))
        .map_or_else(|| default.to_owned(), |(_, value)| value.into_owned())
}

fn quoted(json: &mut String, text: &str) {
    let short: String = text.chars().take(MAX_NAME).collect();
    put(json, format_args!("{}", serde_json::Value::String(short)));
}

fn put(json: &mut String, arguments: std::fmt::Arguments<'_>) {
    json.write_fmt(arguments)
        .expect("writing to a string cannot fail");
}

const MARKET_DATA: &str = "/api/1/market/data";
const MARKET_MULTI_DATA: &str = "/api/1/market/multi-data";
const TOKEN_PRICE: &str = "/api/2/token/price";
const ALL: &str = "/api/1/all";
const KNOWN_PATHS: [&str; 4] = [MARKET_DATA, MARKET_MULTI_DATA, TOKEN_PRICE, ALL];
const ASSETS: [&str; 5] = ["bitcoin", "ethereum", "solana", "tether", "mobula"];
pub(super) const MAX_ASSETS: usize = 500;
const MAX_NAME: usize = 64;
