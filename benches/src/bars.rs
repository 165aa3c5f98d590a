//! How dear our layers may be beside those of others, in instructions of the same run.

use std::fmt::{Display, Formatter};

use crate::cases::MAIN_LOAD;
use crate::counts::Counts;

/// A promise: `dear` over `cheap` stays on its side of `bar`, and is to reach `aim`.
#[derive(Debug, Clone, Copy)]
pub struct Bar {
    pub dear: &'static str,
    pub cheap: &'static str,
    pub bar: Limit,
    pub aim: f64,
}

/// The side on which a figure has to be.
#[derive(Debug, Clone, Copy)]
pub enum Limit {
    AtMost(f64),
    AtLeast(f64),
    Exactly(f64),
}

pub const BARS: [Bar; 7] = [
    over_add_authorization("api_key_auth", 1.45, 1.1),
    over_add_authorization("x_api_key_auth", 1.45, 1.1),
    over_add_authorization("bearer_auth", 1.45, 1.1),
    over_add_authorization("auto_refreshing_token", 1.65, 1.2),
    over_auto_refreshing_token("aliri_tokens", 3.0, 4.0),
    over_auto_refreshing_token("azure_core", 4.8, 6.5),
    over_auto_refreshing_token("google_cloud_auth", 8.0, 11.0),
];

/// SDKs too heavy for the gate: their bars are held where they were counted.
const OPTIONAL: [&str; 2] = ["azure_core", "google_cloud_auth"];

const fn over_add_authorization(dear: &'static str, bar: f64, aim: f64) -> Bar {
    Bar {
        dear,
        cheap: "tower_http_add_authorization",
        bar: Limit::AtMost(bar),
        aim,
    }
}

const fn over_auto_refreshing_token(dear: &'static str, bar: f64, aim: f64) -> Bar {
    Bar {
        dear,
        cheap: "auto_refreshing_token",
        bar: Limit::AtLeast(bar),
        aim,
    }
}

impl Bar {
    /// As it was measured, if it was.
    #[must_use]
    pub fn ratio(&self, counts: &Counts) -> Option<f64> {
        let (dear, cheap) = (
            counts.get(self.dear, MAIN_LOAD)?,
            counts.get(self.cheap, MAIN_LOAD)?,
        );
        Some(dear / cheap)
    }

    /// What is wrong, if something is.
    #[must_use]
    pub fn broken_by(&self, counts: &Counts) -> Option<String> {
        let Self {
            dear, cheap, bar, ..
        } = self;
        let Some(ratio) = self.ratio(counts) else {
            let optional = OPTIONAL.contains(dear);
            return (!optional).then(|| format!("{dear} over {cheap} was not counted"));
        };
        (!bar.holds(ratio)).then(|| {
            format!("{dear} over {cheap} is {ratio:.2}, and the README promises {bar}: save instructions")
        })
    }
}

impl Limit {
    #[must_use]
    pub fn holds(self, figure: f64) -> bool {
        match self {
            Self::AtMost(bar) => figure <= bar,
            Self::AtLeast(bar) => figure >= bar,
            Self::Exactly(bar) => figure == bar,
        }
    }
}

impl Display for Limit {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::AtMost(bar) => write!(f, "at most {bar}"),
            Self::AtLeast(bar) => write!(f, "at least {bar}"),
            Self::Exactly(bar) => write!(f, "{bar}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cases::Case;

    fn broken(counts: &[(&str, f64)]) -> Vec<String> {
        let case = |(stack, count): &(&str, f64)| (Case::new(stack, MAIN_LOAD), *count);
        let counts: Counts = counts.iter().map(case).collect();
        BARS.iter()
            .filter_map(|bar| bar.broken_by(&counts))
            .collect()
    }

    const GOOD: [(&str, f64); 6] = [
        ("tower_http_add_authorization", 400.0),
        ("api_key_auth", 580.0),
        ("x_api_key_auth", 580.0),
        ("bearer_auth", 580.0),
        ("auto_refreshing_token", 660.0),
        ("aliri_tokens", 1_980.0),
    ];

    #[test]
    fn a_bar_holds_up_to_itself_and_heavy_peers_may_be_missing() {
        assert_eq!(broken(&GOOD), Vec::<String>::new());
    }

    #[test]
    fn a_bar_breaks_on_its_wrong_side() {
        for (index, (stack, worse)) in [
            ("api_key_auth", 581.0),
            ("auto_refreshing_token", 661.0),
            ("aliri_tokens", 1_979.0),
        ]
        .into_iter()
        .enumerate()
        {
            let mut counts = GOOD.to_vec();
            counts.retain(|(name, _)| *name != stack);
            counts.push((stack, worse));
            let broken = broken(&counts);
            assert!(broken[0].starts_with(stack), "{index}: {broken:?}");
        }
        let mut counts = GOOD.to_vec();
        counts.push(("google_cloud_auth", 660.0 * 7.9));
        assert_eq!(broken(&counts).len(), 1);
    }

    #[test]
    fn what_was_not_counted_holds_no_bar() {
        assert_eq!(
            broken(&GOOD[..5]),
            ["aliri_tokens over auto_refreshing_token was not counted"]
        );
    }
}
