//! Somebody on a forge.

use crate::api::Api;

/// A login with its token, and the forge's API as they see it.
#[derive(Debug, Clone)]
pub struct Person {
    pub login: String,
    pub token: String,
    api: Api,
}

impl Person {
    pub(crate) fn new(login: &str, token: &str, api: Api) -> Self {
        Self { login: login.to_owned(), token: token.to_owned(), api }
    }

    pub fn api(&self) -> &Api {
        &self.api
    }
}
