//! A person's hand on a cluster: plain requests beside what naksha does. For the demo, which plays the people around it.

use http::header::{ACCEPT, CONTENT_TYPE};
use http::{Method, Request};
use serde_json::Value;

use crate::connect::{Access, AccessError, Api, REQUEST_TIMEOUT};
use crate::refusal::Refusal;

/// A cluster, as its user has it at hand.
#[derive(Debug, Clone)]
pub struct Hand(Api);

#[derive(Debug, thiserror::Error)]
pub enum HandError {
    #[error("the cluster cannot be reached: {0}")]
    NoAnswer(String),
    #[error("`{what}` is refused: {reason}")]
    Refused { what: String, reason: String },
}

impl Hand {
    pub async fn open(access: &Access) -> Result<Self, AccessError> {
        Api::connect(access).await.map(Self)
    }

    /// What is at a path; none when there is nothing, or nothing of that kind.
    pub async fn get(&self, path: &str) -> Result<Option<Value>, HandError> {
        match self.call(Method::GET, path, "application/json", None).await? {
            Ok(body) => Ok(Some(body)),
            Err(Refusal::Missing | Refusal::NotServed | Refusal::NamespaceMissing) => Ok(None),
            Err(refusal) => Err(refused("GET", path, &refusal)),
        }
    }

    /// Changes fields of an object (a merge patch), under a name that the cluster remembers.
    pub async fn edit(&self, path: &str, manager: &str, patch: &Value) -> Result<Value, HandError> {
        let path = format!("{path}?fieldManager={manager}");
        let answer = self.call(Method::PATCH, &path, "application/merge-patch+json", Some(patch)).await?;
        answer.map_err(|refusal| refused("PATCH", &path, &refusal))
    }

    async fn call(
        &self,
        method: Method,
        path: &str,
        content: &str,
        body: Option<&Value>,
    ) -> Result<Result<Value, Refusal>, HandError> {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(CONTENT_TYPE, content)
            .header(ACCEPT, "application/json")
            .body(body.map(|body| body.to_string().into_bytes()).unwrap_or_default())
            .expect("should be a request: its path is ours");
        let answer = self.0.call(request, REQUEST_TIMEOUT).await;
        let answer = answer.map_err(|error| HandError::NoAnswer(error.to_string()))?;
        if let Some(refusal) = Refusal::of(&answer) {
            return Ok(Err(refusal));
        }
        let unreadable = |_| HandError::NoAnswer("its answer cannot be read".to_owned());
        serde_json::from_slice(&answer.body).map(Ok).map_err(unreadable)
    }
}

fn refused(method: &str, path: &str, refusal: &Refusal) -> HandError {
    HandError::Refused { what: format!("{method} {path}"), reason: refusal.words() }
}
