//! Points in time as people read them: to the second, in UTC, and saying so (RFC 3339).

use jiff::Timestamp;

/// `2031-05-04T08:00:00Z`
pub fn to_the_second(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_says_its_zone_and_reads_back() {
        let at: Timestamp = "2031-05-04T10:00:00.987+02:00".parse().unwrap();
        let text = to_the_second(at);
        assert_eq!(text, "2031-05-04T08:00:00Z");
        assert_eq!(text.parse::<Timestamp>().unwrap().as_second(), at.as_second());
    }
}
