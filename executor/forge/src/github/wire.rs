//! What GitHub alone sends, as far as it is read.

use jiff::Timestamp;
use naksha_environments::digest::Digest;
use naksha_executor::port::forge::{CheckState, Login, Reported};
use serde::Deserialize;

use crate::wire::UserDto;

/// The user by whom GitHub shows what an App does.
pub(super) fn bot(slug: &str) -> Login {
    Login::new(&format!("{slug}[bot]"))
}

#[derive(Debug, Deserialize)]
pub(super) struct MembershipDto {
    state: String,
}

impl MembershipDto {
    /// Who was asked to join and has not said yes is none.
    pub(super) fn is_active(&self) -> bool {
        self.state == "active"
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct RunDto {
    pub(super) id: u64,
    pub(super) name: String,
    pub(super) status: String,
    pub(super) conclusion: Option<String>,
    #[serde(default)]
    pub(super) output: OutputDto,
    pub(super) app: Option<AppDto>,
    /// Ours: what a run shows, in short.
    external_id: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct OutputDto {
    title: Option<String>,
    text: Option<String>,
    #[serde(default)]
    pub(super) annotations_count: u64,
}

#[derive(Debug, Deserialize)]
pub(super) struct AppDto {
    pub(super) id: u64,
    pub(super) slug: Option<String>,
}

impl RunDto {
    pub(super) fn is_completed(&self) -> bool {
        self.status == "completed"
    }

    pub(super) fn has_text(&self) -> bool {
        self.output.text.as_deref().is_some_and(|text| !text.is_empty())
    }

    /// What is neutral or was skipped lets a merge through as a success does (GitHub, "About protected branches").
    fn state(&self) -> CheckState {
        if !self.is_completed() {
            return CheckState::Running;
        }
        match self.conclusion.as_deref() {
            Some("success" | "neutral" | "skipped") => CheckState::Passed,
            Some("action_required") => CheckState::Waits,
            _ => CheckState::Failed,
        }
    }

    pub(super) fn read(self) -> Reported {
        let state = self.state();
        let author = self.app.and_then(|app| app.slug).map(|slug| bot(&slug));
        let content = self.external_id.as_deref().and_then(Digest::parse);
        Reported { name: self.name, state, summary: self.output.title.unwrap_or_default(), author, content }
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct DeploymentDto {
    pub(super) id: u64,
    pub(super) creator: Option<UserDto>,
}

#[derive(Debug, Deserialize)]
pub(super) struct DeploymentStatusDto {
    pub(super) id: u64,
    pub(super) state: String,
    #[serde(default)]
    pub(super) description: Option<String>,
    #[serde(default)]
    pub(super) log_url: Option<String>,
}

/// One attempt to deliver a webhook.
#[derive(Debug, Deserialize)]
pub(super) struct DeliveryDto {
    pub(super) id: u64,
    /// The same for all attempts to deliver one event.
    pub(super) guid: String,
    pub(super) delivered_at: Timestamp,
    #[serde(default)]
    pub(super) status_code: u16,
    #[serde(default)]
    pub(super) repository_id: Option<u64>,
}

impl DeliveryDto {
    pub(super) fn arrived(&self) -> bool {
        (200..300).contains(&self.status_code)
    }
}
