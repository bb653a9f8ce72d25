//! A repository on a Gitea that is made for a while, written to without Git, and deleted: what a demonstration plays in.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::Method;
use naksha_environments::ids::Revision;
use naksha_executor::port::forge::ForgeError;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Gitea, MANNERS, WrittenDto};
use crate::address::Address;
use crate::rest::{Rest, path_of, segment};
use crate::token::Place;
use crate::wire::{RepositoryDto, UserDto, revision};

#[derive(Debug, Deserialize)]
struct TextDto {
    content: String,
}

impl Gitea {
    /// Makes a private, empty repository of whom the token belongs to, or of somebody else; and what it is called.
    pub async fn create(
        address: &Address,
        token: Place,
        owner: Option<&str>,
        name: &str,
    ) -> Result<(Self, String), ForgeError> {
        let rest = Rest::new(address, &MANNERS, token.clone());
        let me: UserDto = rest.get("/user").await?;
        let path = match owner.filter(|owner| !owner.eq_ignore_ascii_case(&me.login)) {
            Some(owner) => format!("/orgs/{}/repos", segment(owner)),
            None => "/user/repos".to_owned(),
        };
        let body = json!({"name": name, "private": true, "default_branch": "main"});
        let RepositoryDto { full_name, .. } = rest.send(Method::POST, &path, &body).await?;
        Ok((Self::new(address, &full_name, token), full_name))
    }

    /// Deletes the repository. One that is gone is no error.
    pub async fn delete(&self) -> Result<(), ForgeError> {
        match self.repo.tell(Method::DELETE, "", &json!({})).await {
            Err(ForgeError::Missing(_)) => Ok(()),
            done => done,
        }
    }

    /// Writes new files, by path and text, as one commit.
    pub async fn upload(
        &self,
        branch: &str,
        files: &[(String, String)],
        message: &str,
    ) -> Result<Revision, ForgeError> {
        let file = |(path, text): &(String, String)| json!({"operation": "create", "path": path, "content": BASE64_STANDARD.encode(text)});
        let files: Vec<Value> = files.iter().map(file).collect();
        let body = json!({"branch": branch, "message": message, "files": files});
        let written: WrittenDto = self.repo.send(Method::POST, "/contents", &body).await?;
        revision(&written.commit.sha)
    }

    /// The text of a file on a branch or at a commit.
    pub async fn read(&self, at: &str, path: &str) -> Result<String, ForgeError> {
        let path = format!("/contents/{}?ref={}", path_of(path), segment(at));
        let TextDto { content } = self.repo.get(&path).await?;
        let text = BASE64_STANDARD.decode(content).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        text.ok_or_else(|| ForgeError::Strange("a file that is no text".to_owned()))
    }
}
