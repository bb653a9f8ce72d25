//! Webhooks that did not reach us: GitHub keeps a list of what it sent for an App, and sends something again when it is asked to.

use std::collections::BTreeMap;

use http::header::LINK;
use http::{HeaderMap, Method};
use jiff::Timestamp;
use naksha_executor::port::forge::ForgeError;
use serde_json::json;

use super::wire::DeliveryDto;
use super::{GitHub, Installation};
use crate::answer::read;
use crate::wire::MadeDto;

/// Pages of a hundred that are looked through. The list is of everything that the App was sent, wherever it is installed.
const MAX_PAGES: usize = 20;
/// Asked for in one go. A webhook only wakes whoever looks by himself: a few of many do.
const MAX_AGAIN: usize = 30;

const LIST: &str = "/app/hook/deliveries?per_page=100";

impl GitHub {
    /// Asks for the newest that did not arrive; how many.
    pub(super) async fn deliver_again(
        &self,
        installation: &Installation,
        since: Timestamp,
    ) -> Result<usize, ForgeError> {
        let failed = failed(listed(installation, since).await?);
        if failed.is_empty() {
            return Ok(0);
        }
        let ours: MadeDto = self.repo.get("").await?;
        let of_ours =
            failed.into_iter().filter(|delivery| delivery.repository_id.is_none_or(|id| id == ours.id));
        let mut count = 0;
        for delivery in of_ours.take(MAX_AGAIN) {
            let path = format!("/app/hook/deliveries/{}/attempts", delivery.id);
            match installation.app().tell(Method::POST, &path, &json!({})).await {
                Ok(()) => count += 1,
                // Too old to be sent again.
                Err(ForgeError::Invalid(_) | ForgeError::Missing(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(count)
    }
}

/// Every attempt since then.
async fn listed(installation: &Installation, since: Timestamp) -> Result<Vec<DeliveryDto>, ForgeError> {
    let mut all = Vec::new();
    let mut path = LIST.to_owned();
    for _ in 0..MAX_PAGES {
        let answer = installation.app().ask(&path).await?;
        let page: Vec<DeliveryDto> = read(&answer.body)?;
        // Newest first.
        let is_over = page.iter().any(|delivery| delivery.delivered_at < since);
        all.extend(page.into_iter().filter(|delivery| delivery.delivered_at >= since));
        match next(&answer.headers) {
            Some(cursor) if !is_over => path = format!("{LIST}&cursor={cursor}"),
            _ => break,
        }
    }
    Ok(all)
}

/// Pure. The last attempt of each event that never arrived, newest first.
fn failed(attempts: Vec<DeliveryDto>) -> Vec<DeliveryDto> {
    let mut events: BTreeMap<String, DeliveryDto> = BTreeMap::new();
    let mut arrived = Vec::new();
    for attempt in attempts {
        if attempt.arrived() {
            arrived.push(attempt.guid);
            continue;
        }
        let when = |attempt: &DeliveryDto| (attempt.delivered_at, attempt.id);
        let known = events.get(&attempt.guid);
        if known.is_none_or(|known| when(known) < when(&attempt)) {
            events.insert(attempt.guid.clone(), attempt);
        }
    }
    for guid in &arrived {
        events.remove(guid);
    }
    let mut failed: Vec<_> = events.into_values().collect();
    failed.sort_by_key(|attempt| std::cmp::Reverse((attempt.delivered_at, attempt.id)));
    failed
}

/// Where the next page begins (RFC 8288). Of the address only the cursor is taken: it might lead anywhere.
fn next(headers: &HeaderMap) -> Option<String> {
    let links = headers.get(LINK)?.to_str().ok()?;
    let next = links.split(',').find(|link| link.contains("rel=\"next\""))?;
    let address = next.split_once('<')?.1.split_once('>')?.0;
    let query = address.split_once('?')?.1;
    let cursor = query.split('&').find_map(|pair| pair.strip_prefix("cursor="))?;
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~%".contains(&byte);
    cursor.bytes().all(is_plain).then(|| cursor.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempt(id: u64, guid: &str, minute: u64, status_code: u16) -> DeliveryDto {
        let text = format!(
            r#"{{"id": {id}, "guid": "{guid}", "delivered_at": "2026-01-01T00:{minute:02}:00Z", "status_code": {status_code}}}"#
        );
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn only_what_never_arrived_is_asked_for_again_and_once() {
        let attempts = vec![
            attempt(7, "c", 7, 502),
            attempt(6, "a", 6, 200),
            attempt(5, "c", 5, 0),
            attempt(4, "b", 4, 500),
            attempt(3, "d", 3, 202),
            attempt(2, "a", 2, 500),
        ];
        let again: Vec<_> = failed(attempts).iter().map(|attempt| attempt.id).collect();
        assert_eq!(again, [7, 4]);
    }

    #[test]
    fn of_the_next_page_only_the_cursor_is_believed() {
        let next = |link: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(LINK, link.parse().unwrap());
            super::next(&headers)
        };
        let link = r#"<https://evil.example/app/hook/deliveries?per_page=100&cursor=v1_2>; rel="next""#;
        assert_eq!(next(link).as_deref(), Some("v1_2"));
        let both = format!(r#"<https://x.example/?cursor=v1_1>; rel="prev", {link}"#);
        assert_eq!(next(&both).as_deref(), Some("v1_2"));
        assert_eq!(next(r#"<https://x.example/?cursor=v1_1>; rel="prev""#), None);
    }
}
