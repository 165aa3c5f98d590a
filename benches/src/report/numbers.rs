//! Numbers as the report writes them.

/// With a comma for thousands.
#[must_use]
pub fn whole(number: f64) -> String {
    decimal(number, 0)
}

#[must_use]
pub fn ratio(ratio: f64) -> String {
    decimal(ratio, 2)
}

/// With so many digits behind the point, and a comma for thousands.
#[must_use]
pub fn decimal(number: f64, digits: usize) -> String {
    let number = format!("{number:.digits$}");
    let (sign, number) = number.split_at(usize::from(number.starts_with('-')));
    let whole = number.find('.').unwrap_or(number.len());
    let mut text = if number.contains(|digit| matches!(digit, '1'..='9')) {
        sign.to_owned()
    } else {
        String::new() // -0.0 is nothing less than 0.0
    };
    for (index, digit) in number.chars().enumerate() {
        if index > 0 && index < whole && (whole - index) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_have_a_comma() {
        assert_eq!(
            [0.0, 999.6, 12_345.0, 1_234_567.0, -1_000.0, -100.0].map(whole),
            ["0", "1,000", "12,345", "1,234,567", "-1,000", "-100"]
        );
    }

    #[test]
    fn digits_behind_the_point_have_none() {
        assert_eq!(decimal(1_234.567_89, 4), "1,234.5679");
        assert_eq!(decimal(-0.04, 1), "0.0");
        assert_eq!(ratio(1.0), "1.00");
    }
}
