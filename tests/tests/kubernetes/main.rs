//! A real control plane. What other tests stand on: it starts, its users may do what they may, pods live and fail as asked, and
//! nothing of it is left. Then the contract of targets on it, the daemon in fair weather, and everything that goes wrong.

mod adoption;
mod answers;
mod connecting;
mod contract;
mod credentials;
mod daemon;
mod demo;
mod fields;
mod health_rules;
mod immutable;
mod installations;
mod jobs;
mod kill;
mod left_alone;
mod looking;
mod outage;
mod pods;
mod rebuild;
mod remains;
mod scaling;
mod shop;
mod site;
mod storm;
mod strangers;
mod users;
mod vanish;
mod waiting;
mod why;
mod wire;
